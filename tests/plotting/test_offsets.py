import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from fluxlib.plotting import offsets as plots_offsets


def test_offsets_of_two_satellites_stand_side_by_side():
    table = pd.DataFrame({"V": [0.1, 0.5], "N": [-0.4, 0.0]}, [0.0, 1.0])
    figure = plots_offsets.plot_offset_pair({"goes13": table, "goes15": -table}, threshold=0.5)
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == ["goes13", "goes15"]
    for ax in figure.axes[:2]:  # the threshold itself is outlined, what is below is not
        outline, _ = ax.lines
        assert (outline.get_xdata().min(), outline.get_xdata().max()) == (0.5, 1.5)


def test_offsets_mark_each_drivers_peak_and_outline_what_is_strong(ax):
    table = pd.DataFrame(
        {"V": [0.1, 0.4, 0.6, 0.2], "N": [-0.5, -0.1, 0.0, 0.1], "Bz": [0.1, 0.2, 0.1, 0.0]},
        [0.0, 24.0, 48.0, 72.0],
    )
    plots_offsets.plot_offsets(table, ax=ax)
    *outlines, peaks = ax.lines
    assert peaks.get_xydata().tolist() == [[48, 0], [0, 1], [24, 2]]
    spans = [(line.get_xdata().min(), line.get_xdata().max()) for line in outlines]
    assert spans == [(12, 60), (-12, 12)]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["V", "N", "Bz"]
    assert ax.get_xticks().tolist() == [0, 24, 48, 72]
    assert ax.yaxis_inverted()


def test_a_driver_without_any_correlation_gets_a_row_and_no_peak(ax):
    table = pd.DataFrame({"V": [0.1, 0.5], "AE": [np.nan, np.nan]}, [0.0, 1.0])
    plots_offsets.plot_offsets(table, ax=ax)
    assert ax.lines[-1].get_xydata().tolist() == [[1, 0]]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["V", "AE"]


def test_offset_curves_mark_each_drivers_peak():
    hours = np.array([0.0, 24.0, 48.0])
    rho = pd.DataFrame({"V": [0.1, 0.6, 0.2], "N": [-0.1, -0.2, -0.5]}, hours)
    parts = {
        n: pd.DataFrame({"value": r, "lower": r - 0.1, "upper": r + 0.1}) for n, r in rho.items()
    }
    figure = plots_offsets.plot_offset_curves(pd.concat(parts, axis=1))
    titles = [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes[:2]]
    assert titles == ["V: +0.60 at 24 h", "N: -0.50 at 48 h"]
    points = [ax.lines[-1].get_xydata()[0].tolist() for ax in figure.axes[:2]]
    assert points == [[24, 0.6], [48, -0.5]]
    plt.close(figure)


def test_groups_at_peaks_show_each_number():
    table = pd.DataFrame({"V": [0.1, 0.5], "N": [-0.4, np.nan]}, [2012, "goes13"])
    ax = plots_offsets.plot_groups_at_peaks(table)
    assert [text.get_text() for text in ax.texts] == ["0.10", "-0.40", "0.50"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["2012", "goes13"]
    plt.close(ax.figure)
