import numpy as np
import pandas as pd
import pytest
from matplotlib import dates as mdates

from fluxlib.plotting import imputation as plots_imputation
from tests.helpers.figures import HOURS, LOG, find_line, legend_of


def test_convergence_shows_rmse_and_not_fitness(ax):
    history = pd.DataFrame({"best": [2.0, 4.0], "mean": [1.0, 2.0]})
    plots_imputation.plot_convergence(history, ax=ax)
    assert find_line(ax, "best of the generation").get_ydata().tolist() == [0.5, 0.25]
    assert find_line(ax, "mean of the population").get_ydata().tolist() == [1, 0.5]


def test_convergence_keeps_the_best_so_far_and_knows_what_luck_would_find(ax):
    history = pd.DataFrame({"best": [4.0, 2.0], "mean": [1.0, 1.0], "evaluations": [1, 10]})
    errors = np.linspace(0.2, 0.4, 101)
    plots_imputation.plot_convergence(history, errors=errors, ax=ax)
    assert find_line(ax, "best so far").get_ydata().tolist() == [0.25, 0.25]
    luck = find_line(ax, "random search, median").get_ydata()
    draws = np.random.default_rng(0).choice(errors, (2000, 10)).min(axis=1)
    assert luck[0] == pytest.approx(0.3)
    assert luck[1] == pytest.approx(np.median(draws), abs=0.003)


def test_searches_have_a_point_a_seed_and_a_bar_at_the_median(ax):
    table = pd.DataFrame({"search": ["rank"] * 3 + ["random search"] * 3})
    table["above"] = [0.0, 1.0, 5.0, 2.0, 3.0, 4.0]
    plots_imputation.plot_searches(table, ax=ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["rank", "random search"]
    points, bar = ax.lines[0], ax.lines[1]
    assert sorted(points.get_xdata()) == [0, 1, 5]
    assert bar.get_xdata()[0] == 1


def test_density_counts_every_sample_on_equal_scales(ax):
    predicted = LOG + np.random.default_rng(0).normal(0.5, 0.1, len(LOG))
    plots_imputation.plot_density(LOG, predicted, ax=ax)
    samples = ax.collections[0].get_array()
    assert samples.sum() == len(LOG)
    x, y = ax.collections[0].get_offsets().T
    assert np.average(y - x, weights=samples) == pytest.approx(0.5, abs=0.05)
    assert ax.get_xlim() == ax.get_ylim()
    shifts = [np.subtract(line.get_ydata(), line.get_xdata()) for line in ax.lines]
    np.testing.assert_allclose(shifts, [[0, 0], [-1, -1], [1, 1]])
    assert ax.get_xlabel().startswith("Observed")


def test_gap_shows_methods_inside_it_and_the_truth_around_it(ax):
    gap = HOURS[100:148]
    band = pd.DataFrame({"lower": LOG - 0.2, "upper": LOG + 0.2})
    plots_imputation.plot_gap(LOG, {"GA-RF": LOG + 0.1, "linear": LOG}, gap, interval=band, ax=ax)
    assert legend_of(ax) == [
        "observed (hidden in the gap)",
        "90 % interval\n(full model)",
        "GA-RF",
        "linear",
    ]
    truth = find_line(ax, "observed (hidden in the gap)")
    assert len(truth.get_xdata()) > len(gap)
    filled = find_line(ax, "GA-RF")
    np.testing.assert_allclose(filled.get_ydata(), LOG[gap] + 0.1)
    assert find_line(ax, "linear").get_linestyle() != filled.get_linestyle()
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(LOG[gap].min() - 0.2)
    assert heights.max() == pytest.approx(LOG[gap].max() + 0.2)


def test_the_timeline_shows_daily_medians_and_marks_the_gap(ax):
    plots_imputation.plot_timeline(LOG, HOURS[48:96], ax=ax)
    expected = LOG.groupby(LOG.index.normalize()).median()
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), expected)
    left, right = mdates.date2num(HOURS[[48, 95]])
    (span,) = ax.patches
    assert span.get_x() == pytest.approx(left)
    assert span.get_width() == pytest.approx(right - left)


def test_gap_scores_have_a_tick_a_length(ax):
    table = pd.DataFrame({"GA-RF": [0.2, 0.25], "cubic": [0.3, 7.0]}, [6.0, 240.0])
    plots_imputation.plot_gap_scores(table, ax=ax)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["6", "240"]
    assert find_line(ax, "cubic").get_xydata().tolist() == [[6, 0.3], [240, 7]]
    assert find_line(ax, "GA-RF").get_marker() != find_line(ax, "cubic").get_marker()
    assert [t.get_text() for t in ax.get_yticklabels()][-1] == "5"


def test_the_landscape_shows_every_forest_the_path_and_the_least(ax):
    landscape = pd.DataFrame({1: [0.5, 0.4], 2: [0.3, 0.2]}, [1, 2])
    path = pd.DataFrame({"trees": [1, 2], "depth": [2, 2]})
    plots_imputation.plot_landscape(landscape, path, pd.Series({"trees": 2, "depth": 1}), ax=ax)
    assert ax.collections[0].get_array().ravel().tolist() == [0.5, 0.4, 0.3, 0.2]
    assert ax.lines[0].get_xydata().tolist() == [[1, 2], [2, 2]]
    assert ax.lines[1].get_xydata().tolist() == [[2, 1]]
    assert legend_of(ax) == ["best, by generation", "least RMSE"]


def test_groups_say_how_many_samples_they_have(ax):
    table = pd.DataFrame({"GA-RF": [0.2, 0.4], "n": [5, 9]}, ["quiet", "main"])
    plots_imputation.plot_groups(table, ax=ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "quiet\n(5 samples)",
        "main\n(9 samples)",
    ]
    assert find_line(ax, "GA-RF").get_xdata().tolist() == [0.2, 0.4]
    assert legend_of(ax) == ["GA-RF"]
