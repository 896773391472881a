import pytest

from fluxlib.prediction.baselines import Persistence
from fluxlib.prediction.cross_validation import leave_one_year_out, score_forecasts
from fluxlib.prediction.forecaster import FluxForecaster
from fluxlib.prediction.training_runs import School
from tests.helpers.daily_series import make_series

pytestmark = pytest.mark.slow
SETTINGS = {"inputs": ("V",), "time_step": 2, "year": 2002, "epochs": 4}


@pytest.fixture(scope="module")
def school():
    return School(make_series())


def test_the_scores_are_those_of_the_batch_protocol(school):
    told = []
    school.train(lambda *step: told.append(step), **SETTINGS, show=len)
    assert told == [(n, 4, n) for n in range(1, 5)]
    found = school.find(**SETTINGS)
    assert found.is_whole
    assert found.losses[-1] < found.losses[0]
    model = FluxForecaster.as_published(drivers=("V",), time_step=2, epochs=4)
    models = {"LSTM": model, "persistence": Persistence()}
    table = score_forecasts(leave_one_year_out(make_series(), models, [2002]))
    for horizon in (1, 2, 3):
        assert found.score(horizon)["PE"] == table.loc[("LSTM", horizon, 2002), "PE"]
        persistence = school.persist(2002).score(horizon)["PE"]
        assert persistence == table.loc[("persistence", horizon, 2002), "PE"]


def test_a_stopped_training_forecasts_with_the_best_so_far(school):
    settings = SETTINGS | {"epochs": 50}

    def stop(done, total, partial):
        if done == 3:
            raise KeyboardInterrupt

    assert school.find(**settings) is None
    school.train(stop, **settings)
    found = school.find(**settings)
    assert (len(found.losses), found.is_whole) == (3, False)
    assert found.forecasts["value"].notna().all()
    assert found.score(1)["PE"] > -1
