import inspect

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from fluxlib.plotting import calibration as plots_calibration
from fluxlib.plotting import imputation as plots_imputation
from fluxlib.plotting import observations as plots_observations
from fluxlib.plotting import offsets as plots_offsets
from fluxlib.plotting import prediction as plots_prediction
from fluxlib.plotting import style as plots
from tests.helpers.figures import HOURS, LOG, find_line, make_calibration


def draw_all(ax):
    """Return each plot function's call on small data, to draw on `ax`."""
    days = LOG.resample("1D").mean()
    missing = pd.DataFrame({"a": [0.1, 0.9]}, pd.period_range("2014-01", periods=2, freq="M"))
    large = pd.DataFrame({"series": ["a"], "month": ["2014-02"]})
    daily = pd.DataFrame({"e2": 10**days, "series": "a"})
    table = pd.DataFrame({"GA-RF": [0.2, 0.3], "linear": [0.3, 0.5]}, [6, 72])
    line = make_calibration(intercept=0.0, slope=1.0)
    offsets = pd.DataFrame({"V": [0.1, 0.5], "N": [-0.4, 0.0]}, [0.0, 1.0])
    history = pd.DataFrame({"best": [2.0, 4.0], "mean": [1.0, 2.0]})
    return {
        "plot_coverage": lambda: plots_observations.plot_coverage(missing, large, ax=ax),
        "plot_gap_lengths": lambda: plots_observations.plot_gap_lengths(
            {"a": pd.DataFrame({"hours": [1.0, 5.0]})}, ax=ax
        ),
        "plot_daily": lambda: plots_observations.plot_daily(daily, ax=ax),
        "plot_calibration": lambda: plots_calibration.plot_calibration(
            LOG, LOG, {"line": line}, ax=ax
        ),
        "plot_residuals": lambda: plots_calibration.plot_residuals(LOG, LOG / 2, ax=ax),
        "plot_offsets": lambda: plots_offsets.plot_offsets(offsets, ax=ax),
        "plot_convergence": lambda: plots_imputation.plot_convergence(history, ax=ax),
        "plot_searches": lambda: plots_imputation.plot_searches(
            pd.DataFrame({"search": ["rank", "rank"], "above": [1.0, 2.0]}), ax=ax
        ),
        "plot_density": lambda: plots_imputation.plot_density(LOG, LOG + 0.1, ax=ax),
        "plot_gap": lambda: plots_imputation.plot_gap(LOG, {"linear": LOG}, HOURS[50:80], ax=ax),
        "plot_timeline": lambda: plots_imputation.plot_timeline(LOG, HOURS[50:80], ax=ax),
        "plot_gap_scores": lambda: plots_imputation.plot_gap_scores(table, ax=ax),
        "plot_scores": lambda: plots.plot_scores(table, label="RMSE", ax=ax),
        "plot_landscape": lambda: plots_imputation.plot_landscape(
            pd.DataFrame({1: [0.5, 0.4], 2: [0.3, 0.2]}, [1, 2]),
            pd.DataFrame({"trees": [1, 2], "depth": [1, 2]}),
            pd.Series({"trees": 2, "depth": 2}),
            ax=ax,
        ),
        "plot_groups": lambda: plots_imputation.plot_groups(table.assign(n=[5, 9]), ax=ax),
        "plot_input_study": lambda: plots_prediction.plot_input_study(
            pd.DataFrame({"inputs": ["V"], "time_step": [1], "PE": [0.5], "horizon": [1]}), ax=ax
        ),
        "plot_importance": lambda: plots_prediction.plot_importance(
            pd.DataFrame({0: [0.3, 0.1], "all": [0.5, 0.1]}, ["e2", "V"]), ax=ax
        ),
        "plot_groups_at_peaks": lambda: plots_offsets.plot_groups_at_peaks(
            pd.DataFrame({"V": [0.6, 0.5], "Bz": [-0.2, 0.1]}, [2010, "goes13"]), ax=ax
        ),
        "plot_mean_scores": lambda: plots_prediction.plot_mean_scores(
            pd.DataFrame(
                {"value": [0.6], "lower": [0.5], "upper": [0.7]},
                pd.MultiIndex.from_tuples([("LSTM", 1)], names=["model", "horizon"]),
            ),
            ax=ax,
        ),
        "plot_reliability": lambda: plots_prediction.plot_reliability(
            pd.DataFrame({"probability": [0.1, 0.9], "frequency": [0.2, 0.8], "n": [5, 7]}), ax=ax
        ),
        "plot_skill": lambda: plots_prediction.plot_skill(
            pd.DataFrame(
                {"value": [0.6], "lower": [0.5], "upper": [0.7]},
                pd.MultiIndex.from_tuples([("LSTM", 1)], names=["model", "horizon"]),
            ),
            ax=ax,
        ),
        "plot_losses": lambda: plots_prediction.plot_losses([3.0, 1.0], 4, ax=ax),
        "plot_forecast": lambda: plots_prediction.plot_forecast(days, {"LSTM": days}, ax=ax),
    }


# Those that draw on one Axes; the others make a figure of several.
MODULES = (
    plots,
    plots_calibration,
    plots_imputation,
    plots_observations,
    plots_offsets,
    plots_prediction,
)
NAMES = sorted(
    name
    for module in MODULES
    for name, function in vars(module).items()
    if name.startswith("plot_") and "ax" in inspect.signature(function).parameters
)


@pytest.mark.parametrize("name", NAMES)
def test_every_plot_draws_on_the_axes_it_is_given_and_renders(name, ax):
    before = plt.figure().subplots()
    assert draw_all(ax)[name]() is ax
    assert ax.has_data()
    assert not before.has_data()
    plots.use_style()
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", NAMES)
def test_without_axes_the_current_ones_are_drawn_on(name):
    current = plt.figure().subplots()
    assert draw_all(None)[name]() is current


@pytest.mark.parametrize("name", NAMES)
def test_every_axis_has_a_label_unless_it_shows_dates_or_a_list_of_names(name, ax):
    draw_all(ax)[name]()
    names = ["plot_offsets", "plot_scores", "plot_groups", "plot_input_study", "plot_importance"]
    names += ["plot_searches", "plot_groups_at_peaks"]
    listed = {"plot_coverage": "x y", "plot_timeline": "y"} | dict.fromkeys(names, "y")
    listed = listed.get(name, "")
    dated = "x" if name in ("plot_daily", "plot_gap", "plot_forecast", "plot_timeline") else ""
    for axis, label in (("x", ax.get_xlabel()), ("y", ax.get_ylabel())):
        assert label or axis in listed + dated


def test_style_is_readable_at_half_size():
    plots.use_style()
    sizes = [mpl.rcParams[key] for key in ("axes.labelsize", "xtick.labelsize", "legend.fontsize")]
    assert min(sizes) >= 12
    assert mpl.rcParams["axes.titlelocation"] == "left"


def test_square_axes_are_of_a_new_figure():
    old = plt.figure()
    assert plots.square_axes().figure is not old


def test_scores_list_rows_from_the_top(ax):
    table = pd.DataFrame({"LSTM": [0.8, 0.9], "Wei": [0.7, np.nan]}, [2008, 2009])
    plots.plot_scores(table, label="PE", ax=ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["2008", "2009"]
    assert find_line(ax, "LSTM").get_xydata().tolist() == [[0.8, 0], [0.9, 1]]
    assert ax.yaxis_inverted()
    assert ax.get_xlabel() == "PE"
