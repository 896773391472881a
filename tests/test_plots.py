import inspect

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from fluxlib import plots
from fluxlib.calibration import Calibration

HOURS = pd.date_range("2014-01-01", periods=240, freq="h", name="time")
LOG = pd.Series(3 + np.sin(np.arange(240) / 20), HOURS, name="goes15")


@pytest.fixture(autouse=True)
def fresh():
    with plt.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def ax():
    return plt.figure().subplots()


def find_line(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def make_calibration(**values):
    table = pd.DataFrame({"value": values, "lower": values, "upper": values})
    kind = "piecewise" if "breakpoint" in values else "linear"
    return Calibration(kind, table, 0.9, 50, 0, 0.1, 0.01, {})


def draw_all(ax):
    """Return each plot function's call on small data, to draw on `ax`."""
    days = LOG.resample("1D").mean()
    missing = pd.DataFrame({"a": [0.1, 0.9]}, pd.period_range("2014-01", periods=2, freq="M"))
    daily = pd.DataFrame({"e2": 10**days, "series": "a"})
    table = pd.DataFrame({"GA-RF": [0.2, 0.3], "linear": [0.3, 0.5]}, [6, 72])
    line = make_calibration(intercept=0.0, slope=1.0)
    offsets = pd.DataFrame({"V": [0.1, 0.5], "N": [-0.4, 0.0]}, [0.0, 1.0])
    history = pd.DataFrame({"best": [2.0, 4.0], "mean": [1.0, 2.0]})
    return {
        "plot_coverage": lambda: plots.plot_coverage(missing, ax=ax),
        "plot_gap_lengths": lambda: plots.plot_gap_lengths(
            {"a": pd.DataFrame({"hours": [1.0, 5.0]})}, ax=ax
        ),
        "plot_daily": lambda: plots.plot_daily(daily, ax=ax),
        "plot_calibration": lambda: plots.plot_calibration(LOG, LOG, {"line": line}, ax=ax),
        "plot_residuals": lambda: plots.plot_residuals(LOG, LOG / 2, ax=ax),
        "plot_offsets": lambda: plots.plot_offsets(offsets, ax=ax),
        "plot_convergence": lambda: plots.plot_convergence(history, ax=ax),
        "plot_density": lambda: plots.plot_density(LOG, LOG + 0.1, ax=ax),
        "plot_gap": lambda: plots.plot_gap(LOG, {"linear": LOG}, HOURS[50:80], ax=ax),
        "plot_gap_scores": lambda: plots.plot_gap_scores(table, ax=ax),
        "plot_scores": lambda: plots.plot_scores(table, label="RMSE", ax=ax),
        "plot_forecast": lambda: plots.plot_forecast(days, {"LSTM": days}, ax=ax),
    }


# Those that draw on one Axes; the others make a figure of several.
NAMES = sorted(
    name
    for name, function in vars(plots).items()
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
def test_every_axis_that_is_no_date_and_no_list_has_a_label(name, ax):
    draw_all(ax)[name]()
    listed = {"plot_coverage": "x y", "plot_offsets": "y", "plot_scores": "y"}.get(name, "")
    dated = "x" if name in ("plot_daily", "plot_gap", "plot_forecast") else ""
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


def test_coverage_marks_large_scale_months_and_leaves_out_of_service_blank(ax):
    months = pd.PeriodIndex(["2014-01", "2014-02", "2014-04"], freq="M")
    missing = pd.DataFrame({"a": [0.1, 0.5, 1.0], "b": [np.nan, 0.2, 0.9]}, months)
    plots.plot_coverage(missing, threshold=0.4, ax=ax)
    cells = ax.collections[0].get_array().reshape(2, 4)
    assert cells.filled(-1).tolist() == [[10, 50, -1, 100], [-1, 20, -1, 90]]
    dots = {(x, y) for x, y in zip(*ax.lines[0].get_data(), strict=True)}
    assert dots == {(1.5, 0.5), (3.5, 0.5), (3.5, 1.5)}
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2014"]
    assert ax.figure.axes[1].get_ylabel() == "Missing (% of the month)"


def test_gap_lengths_count_those_at_least_so_long_of_series_that_have_any(ax):
    gaps = {"a": pd.DataFrame({"hours": [5.0, 1.0, 24.0]}), "b": pd.DataFrame({"hours": []})}
    plots.plot_gap_lengths(gaps, ax=ax)
    hours, count = find_line(ax, "a").get_data()
    assert dict(zip(hours, count, strict=True)) == {24: 1, 5: 2, 1: 3}
    assert legend_of(ax) == ["a"]


def test_series_without_any_gap_draw_no_line_and_no_legend(ax):
    plots.plot_gap_lengths({"b": pd.DataFrame({"hours": []})}, ax=ax)
    assert not ax.lines
    assert ax.get_legend() is None


def test_daily_series_has_a_colour_a_source_and_the_alert_level(ax):
    days = pd.date_range("2014", periods=6)
    daily = pd.DataFrame(
        {"e2": 10.0 ** np.arange(4, 10), "series": list("aabb") + [None] * 2}, days
    )
    plots.plot_daily(daily, ax=ax)
    assert legend_of(ax) == ["a", "b"]
    assert find_line(ax, "a").get_ydata().tolist() == [1e4, 1e5]
    assert len({to_hex(find_line(ax, name).get_color()) for name in "ab"}) == 2
    assert ax.lines[-1].get_ydata() == [plots.ALERT, plots.ALERT]
    assert ax.get_yscale() == "log"


def test_a_daily_series_without_a_value_draws_no_legend(ax):
    daily = pd.DataFrame({"e2": [], "series": []}, pd.DatetimeIndex([]))
    plots.plot_daily(daily, ax=ax)
    assert ax.get_legend() is None


def test_calibration_draws_pairs_the_identity_and_the_fitted_pieces(ax):
    other = pd.Series([1.0, 2, 3, np.nan, 5], HOURS[:5], name="goes13")
    reference = pd.Series([1.5, 2.5, np.nan, 4.5, 6], HOURS[:5], name="goes15")
    bent = make_calibration(intercept=0.5, slope=1.0, slope_above=2.0, breakpoint=3.0)
    plots.plot_calibration(reference, other, {"bent": bent}, ax=ax)
    assert find_line(ax, "pairs").get_xydata().tolist() == [[1, 1.5], [2, 2.5], [5, 6]]
    x, y = find_line(ax, "1:1").get_data()
    np.testing.assert_array_equal(x, y)
    x, y = find_line(ax, "bent").get_data()
    assert (x[0], x[-1]) == (1, 5)
    assert (y[0], y[-1]) == (1.5, 3.5 + 2 * 2)
    assert ax.lines[-1].get_xdata() == [3, 3]
    assert ax.get_xlabel().startswith("goes13")
    assert ax.get_ylabel().startswith("goes15")


def test_grid_has_one_picture_a_pair_and_hides_the_rest():
    line = make_calibration(intercept=0.0, slope=1.0)
    figure = plots.plot_calibration_grid(
        [(LOG, LOG.rename(f"s{n}"), {"a": line}) for n in range(4)]
    )
    assert [ax.axison for ax in figure.axes] == [True] * 4 + [False] * 2
    assert figure.axes[3].get_xlabel().startswith("s3")


def test_panels_have_a_quantity_each_and_one_scale():
    table = pd.DataFrame({"lower": [-1.0, -2.0], "median": [0.0, 0.5], "upper": [1.0, 2.0]}, [4, 5])
    figure = plots.plot_residual_panels({"log10 flux": table, "Hour (UT)": table / 10})
    assert [ax.get_xlabel() for ax in figure.axes] == ["log10 flux", "Hour (UT)"]
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[4, 0], [5, 0.5]]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_offsets_of_two_satellites_stand_side_by_side():
    table = pd.DataFrame({"V": [0.1, 0.5], "N": [-0.4, 0.0]}, [0.0, 1.0])
    figure = plots.plot_offset_pair({"goes13": table, "goes15": -table})
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == ["goes13", "goes15"]


def test_residuals_share_their_bins(ax):
    rng = np.random.default_rng(0)
    before = pd.Series(rng.normal(1, 0.5, 1000))
    plots.plot_residuals(before, before - 1, ax=ax)
    assert legend_of(ax) == ["before", "after"]
    tops = [shape.get_paths()[0].vertices for shape in ax.collections]
    peaks = [points[points[:, 1].argmax(), 0] for points in tops]
    assert peaks[0] == pytest.approx(1, abs=0.3)
    assert peaks[1] == pytest.approx(0, abs=0.3)


def test_offsets_mark_each_drivers_peak_and_outline_what_is_strong(ax):
    table = pd.DataFrame(
        {"V": [0.1, 0.4, 0.6, 0.2], "N": [-0.5, -0.1, 0.0, 0.1], "Bz": [0.1, 0.2, 0.1, 0.0]},
        [0.0, 24.0, 48.0, 72.0],
    )
    plots.plot_offsets(table, ax=ax)
    *outlines, peaks = ax.lines
    assert peaks.get_xydata().tolist() == [[48, 0], [0, 1], [24, 2]]
    spans = [(line.get_xdata().min(), line.get_xdata().max()) for line in outlines]
    assert spans == [(12, 60), (-12, 12)]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["V", "N", "Bz"]
    assert ax.get_xticks().tolist() == [0, 24, 48, 72]


def test_a_driver_without_any_correlation_gets_a_row_and_no_peak(ax):
    table = pd.DataFrame({"V": [0.1, 0.5], "AE": [np.nan, np.nan]}, [0.0, 1.0])
    plots.plot_offsets(table, ax=ax)
    assert ax.lines[-1].get_xydata().tolist() == [[1, 0]]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["V", "AE"]


def test_convergence_shows_rmse_and_not_fitness(ax):
    history = pd.DataFrame({"best": [2.0, 4.0], "mean": [1.0, 2.0]})
    plots.plot_convergence(history, ax=ax)
    assert find_line(ax, "best of the generation").get_ydata().tolist() == [0.5, 0.25]
    assert find_line(ax, "mean of the population").get_ydata().tolist() == [1, 0.5]


def test_density_counts_every_sample_on_equal_scales(ax):
    predicted = LOG + np.random.default_rng(0).normal(0, 0.3, len(LOG))
    plots.plot_density(LOG, predicted, ax=ax)
    assert ax.collections[0].get_array().sum() == len(LOG)
    assert ax.get_xlim() == ax.get_ylim()
    shifts = [np.subtract(line.get_ydata(), line.get_xdata()) for line in ax.lines]
    np.testing.assert_allclose(shifts, [[0, 0], [-1, -1], [1, 1]])
    assert ax.get_xlabel().startswith("Observed")


def test_gap_shows_methods_inside_it_and_the_truth_around_it(ax):
    gap = HOURS[100:148]
    band = pd.DataFrame({"lower": LOG - 0.2, "upper": LOG + 0.2})
    plots.plot_gap(LOG, {"GA-RF": LOG + 0.1, "linear": LOG}, gap, interval=band, ax=ax)
    assert legend_of(ax) == ["observed (hidden in the gap)", "GA-RF", "linear"]
    truth = find_line(ax, "observed (hidden in the gap)")
    assert len(truth.get_xdata()) > len(gap)
    filled = find_line(ax, "GA-RF")
    np.testing.assert_allclose(filled.get_ydata(), LOG[gap] + 0.1)
    assert find_line(ax, "linear").get_linestyle() != filled.get_linestyle()
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(LOG[gap].min() - 0.2)
    assert heights.max() == pytest.approx(LOG[gap].max() + 0.2)


def test_gap_scores_have_a_tick_a_length(ax):
    table = pd.DataFrame({"GA-RF": [0.2, 0.25], "cubic": [0.3, 7.0]}, [6.0, 240.0])
    plots.plot_gap_scores(table, ax=ax)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["6", "240"]
    assert find_line(ax, "cubic").get_xydata().tolist() == [[6, 0.3], [240, 7]]
    assert find_line(ax, "GA-RF").get_marker() != find_line(ax, "cubic").get_marker()
    assert [t.get_text() for t in ax.get_yticklabels()][-1] == "5"


def test_scores_list_rows_from_the_top(ax):
    table = pd.DataFrame({"LSTM": [0.8, 0.9], "Wei": [0.7, np.nan]}, [2008, 2009])
    plots.plot_scores(table, label="PE", ax=ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["2008", "2009"]
    assert find_line(ax, "LSTM").get_xydata().tolist() == [[0.8, 0], [0.9, 1]]
    assert ax.yaxis_inverted()
    assert ax.get_xlabel() == "PE"


def test_forecast_shows_its_interval_and_the_alert_level(ax):
    band = pd.DataFrame({"lower": LOG - 1, "upper": LOG + 1})
    plots.plot_forecast(LOG, {"LSTM": LOG + 0.1}, interval=band, ax=ax)
    assert legend_of(ax) == ["observed", "LSTM"]
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (LOG.min() - 1, LOG.max() + 1)
    assert ax.lines[-1].get_ydata() == [8, 8]


def test_offset_curves_mark_each_drivers_peak():
    hours = np.array([0.0, 24.0, 48.0])
    rho = pd.DataFrame({"V": [0.1, 0.6, 0.2], "N": [-0.1, -0.2, -0.5]}, hours)
    parts = {
        n: pd.DataFrame({"value": r, "lower": r - 0.1, "upper": r + 0.1}) for n, r in rho.items()
    }
    figure = plots.plot_offset_curves(pd.concat(parts, axis=1))
    titles = [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes[:2]]
    assert titles == ["V: +0.60 at 24 h", "N: -0.50 at 48 h"]
    points = [ax.lines[-1].get_xydata()[0].tolist() for ax in figure.axes[:2]]
    assert points == [[24, 0.6], [48, -0.5]]
    plt.close(figure)
