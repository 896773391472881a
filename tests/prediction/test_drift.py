import numpy as np
import pandas as pd
import pytest

from fluxlib import FluxForecaster
from fluxlib.prediction.postprocessing import HALF_LIFE, LOOKBACK, PRIOR, average_errors
from tests.helpers.daily_series import make_series

DAYS = pd.date_range("2010-01-01", periods=400)
QUICK = {"step": 24, "history": 2, "context": False, "members": 2, "blocks": 2, "units": 8}
QUICK |= {"mixed": False, "epochs": 8, "dropout": 0.0, "learning_rate": 1e-2}


def test_an_error_is_known_when_its_day_is_over_and_fades():
    errors = np.full((400, 2), np.nan)
    errors[5] = 1.0
    mean = average_errors(DAYS, errors)
    assert (mean[:6] == 0).all()
    weight = 0.5 ** (np.arange(400) / HALF_LIFE)
    expected = weight / (weight + PRIOR)
    np.testing.assert_allclose(mean[6:, 0], expected[:394])
    np.testing.assert_allclose(mean[7:, 1], expected[:393])
    assert mean[6, 1] == 0


def test_many_errors_weigh_more_than_what_is_there_beforehand():
    assert average_errors(DAYS, np.full((400, 1), 0.5))[-1] == pytest.approx(0.43, abs=0.01)


def test_days_that_are_not_there_have_no_error():
    errors = np.random.default_rng(0).normal(size=(400, 3))
    there = np.arange(400) % 3 > 0
    holes = np.where(there[:, None], errors, np.nan)
    np.testing.assert_array_equal(
        average_errors(DAYS[there], errors[there]), average_errors(DAYS, holes)[there]
    )


def test_no_day_has_no_error():
    assert average_errors(DAYS[:0], np.empty((0, 3))).shape == (0, 3)


@pytest.fixture(scope="module")
def fitted():
    """Fit forecasters to a series whose level is another for each of its satellites."""
    frame = make_series(1500)
    frame["e2"] *= 10 ** np.tile([0.5, -0.5], 6).repeat(125)
    learned = frame.index[:900]
    return frame, [FluxForecaster(**QUICK, debiased=on).fit(frame, learned) for on in (True, False)]


def test_a_forecaster_follows_what_it_has_been_wrong_by(fitted):
    frame, forecasters = fitted
    truth = np.log10(frame["e2"])
    rmse = []
    for forecaster in forecasters:
        table = forecaster.predict(frame, frame.index[1000:])
        error = (np.log10(table["value"]) - truth.reindex(table.index))[table["horizon"] == 3]
        rmse.append(np.sqrt((error**2).mean()))
    assert (forecasters[0].bias_shares_ > 0.3).all()
    assert rmse[0] < rmse[1]


def test_what_comes_after_the_issue_day_changes_nothing(fitted):
    frame, (forecaster, _) = fitted
    asked = frame.index[[1200]]
    later = frame.copy()
    later.loc[frame.index[1201:], "e2"] *= 7
    pd.testing.assert_frame_equal(
        forecaster.predict(frame, asked), forecaster.predict(later, asked)
    )
    later.loc[frame.index[1200], "e2"] *= 7
    assert (
        forecaster.predict(later, asked)["value"] != forecaster.predict(frame, asked)["value"]
    ).all()


def test_a_day_is_forecast_alone_as_among_others(fitted):
    frame, (forecaster, _) = fitted
    assert forecaster.lookback == LOOKBACK
    alone = forecaster.predict(frame, frame.index[[1300]])
    among = forecaster.predict(frame)
    np.testing.assert_allclose(
        alone["value"], among[among["issued"] == frame.index[1300]]["value"], rtol=0.03
    )
    assert forecaster.predict(frame, DAYS[:0]).empty
    newest = forecaster.predict_newest(frame)
    assert newest["issued"].eq(frame.index[-1]).all()


def test_days_that_were_learned_from_count_with_the_errors_of_networks_that_had_not(fitted):
    frame, (forecaster, _) = fitted
    windows = forecaster._make_windows(frame)
    own = windows.days.isin(frame.index[:900])
    zero = np.nan_to_num((windows.target - forecaster._base(windows)) / forecaster.change_scale_)
    # Forecasts that are right on every day: only the errors that are kept from training are left.
    bias = forecaster._find_bias(windows, zero)
    assert abs(bias[own][100:]).max() > 0.01
    assert abs(bias[~own][-100:]).max() < abs(bias[own]).max() / 50
