import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from fluxlib.datasets.series import ALERT
from fluxlib.plotting import observations as plots_observations
from tests.helpers.figures import find_line, legend_of


def test_coverage_marks_large_scale_months_and_leaves_out_of_service_blank(ax):
    months = pd.PeriodIndex(["2014-01", "2014-02", "2014-04"], freq="M")
    missing = pd.DataFrame({"a": [0.1, 0.5, 1.0], "b": [np.nan, 0.2, 0.9]}, months)
    rows = [("a", "2014-02"), ("a", "2014-04"), ("b", "2014-04")]
    large = pd.DataFrame(rows, columns=["series", "month"])
    plots_observations.plot_coverage(missing, large, ax=ax)
    cells = ax.collections[0].get_array().reshape(2, 4)
    assert cells.filled(-1).tolist() == [[10, 50, -1, 100], [-1, 20, -1, 90]]
    dots = {(x, y) for x, y in zip(*ax.lines[0].get_data(), strict=True)}
    assert dots == {(1.5, 0.5), (3.5, 0.5), (3.5, 1.5)}
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert ax.yaxis_inverted()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2014"]
    assert ax.figure.axes[1].get_ylabel() == "Missing (% of the month)"


def test_gap_lengths_count_those_at_least_so_long_of_series_that_have_any(ax):
    gaps = {"a": pd.DataFrame({"hours": [5.0, 1.0, 24.0]}), "b": pd.DataFrame({"hours": []})}
    plots_observations.plot_gap_lengths(gaps, ax=ax)
    hours, count = find_line(ax, "a").get_data()
    assert dict(zip(hours, count, strict=True)) == {24: 1, 5: 2, 1: 3}
    assert legend_of(ax) == ["a"]


def test_series_without_any_gap_draw_no_line_and_no_legend(ax):
    plots_observations.plot_gap_lengths({"b": pd.DataFrame({"hours": []})}, ax=ax)
    assert not ax.lines
    assert ax.get_legend() is None


def test_daily_series_has_a_colour_a_source_and_the_alert_level(ax):
    days = pd.date_range("2014", periods=6)
    daily = pd.DataFrame(
        {"e2": 10.0 ** np.arange(4, 10), "series": list("aabb") + [None] * 2}, days
    )
    plots_observations.plot_daily(daily, ax=ax)
    assert legend_of(ax) == ["a", "b"]
    assert find_line(ax, "a").get_ydata().tolist() == [1e4, 1e5]
    assert len({to_hex(find_line(ax, name).get_color()) for name in "ab"}) == 2
    assert ax.lines[-1].get_ydata() == [ALERT, ALERT]
    assert ax.get_yscale() == "log"


def test_a_daily_series_without_a_value_draws_no_legend(ax):
    daily = pd.DataFrame({"e2": [], "series": []}, pd.DatetimeIndex([]))
    plots_observations.plot_daily(daily, ax=ax)
    assert ax.get_legend() is None


def test_each_series_has_a_panel_and_its_gap():
    hours = pd.date_range("2014-01-01", periods=5, freq="h")
    columns = {"goes13": pd.Series([1, 10, np.nan, 5, 0], hours), "goes15": pd.Series(1.0, hours)}
    figure = plots_observations.plot_series(columns)
    assert [ax.get_title(loc="center") or ax.get_title(loc="left") for ax in figure.axes] == [
        "goes13",
        "goes15",
    ]
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).tolist() == [0, 0, 1, 0, 1]
    plt.close(figure)
