import numpy as np
import pandas as pd
import pytest

from fluxlib.plotting import calibration as plots_calibration
from tests.helpers.figures import HOURS, LOG, find_line, legend_of, make_calibration


def test_calibration_draws_pairs_the_identity_and_the_fitted_pieces(ax):
    other = pd.Series([1.0, 2, 3, np.nan, 5], HOURS[:5], name="goes13")
    reference = pd.Series([1.5, 2.5, np.nan, 4.5, 6], HOURS[:5], name="goes15")
    bent = make_calibration(intercept=0.5, slope=1.0, slope_above=2.0, breakpoint=3.0)
    plots_calibration.plot_calibration(reference, other, {"bent": bent}, ax=ax)
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
    figure = plots_calibration.plot_calibration_grid(
        [(LOG, LOG.rename(f"s{n}"), {"a": line}) for n in range(4)]
    )
    assert [ax.axison for ax in figure.axes] == [True] * 4 + [False] * 2
    assert figure.axes[3].get_xlabel().startswith("s3")


def test_panels_have_a_quantity_each_and_one_scale():
    table = pd.DataFrame({"lower": [-1.0, -2.0], "median": [0.0, 0.5], "upper": [1.0, 2.0]}, [4, 5])
    figure = plots_calibration.plot_residual_panels({"log10 flux": table, "Hour (UT)": table / 10})
    assert [ax.get_xlabel() for ax in figure.axes] == ["log10 flux", "Hour (UT)"]
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[4, 0], [5, 0.5]]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_residuals_share_their_bins(ax):
    rng = np.random.default_rng(0)
    before = pd.Series(rng.normal(1, 0.5, 1000))
    plots_calibration.plot_residuals(before, before - 1, ax=ax)
    assert legend_of(ax) == ["before", "after"]
    tops = [shape.get_paths()[0].vertices for shape in ax.collections]
    peaks = [points[points[:, 1].argmax(), 0] for points in tops]
    assert peaks[0] == pytest.approx(1, abs=0.3)
    assert peaks[1] == pytest.approx(0, abs=0.3)
