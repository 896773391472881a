import numpy as np
import pandas as pd
import pytest

from fluxlib.plotting.interactive import draw_offsets, draw_series, mark_offset, reduce_series


@pytest.fixture
def flux():
    """Ten thousand hours from 1 to 2, a spike, a dip, and a gap of 1000 hours."""
    index = pd.date_range("2014-01-01", periods=10_000, freq="h")
    flux = pd.Series(np.linspace(1, 2, 10_000), index)
    flux.iloc[1234], flux.iloc[1240] = 99, 0.01
    flux.iloc[5000:6000] = np.nan
    return flux


def test_a_reduced_series_keeps_extremes_gaps_and_order(flux):
    shown = reduce_series(flux, 500)
    assert len(shown) <= 500
    assert (shown.max(), shown.min()) == (99, 0.01)
    assert abs(shown.idxmax() - flux.idxmax()) <= pd.Timedelta("40h")
    assert shown[flux.index[5060] : flux.index[5940]].isna().all()
    assert shown[flux.index[4000] : flux.index[4900]].is_monotonic_increasing
    assert reduce_series(flux[::-1].set_axis(flux.index), 500).iloc[:100].is_monotonic_decreasing


def test_a_short_series_is_not_changed(flux):
    assert reduce_series(flux, 10_000) is flux


def test_series_have_an_overview_their_marks_and_no_remote_address(flux):
    flags = pd.Series(False, flux.index)
    flags.iloc[1234] = True
    figure = draw_series(
        {"goes13": flux, "dpd": flux},
        daily=["dpd"],
        doubtful={"goes13": flags},
        handovers={flux.index[100]: "goes15"},
    )
    line, marks, fluence, handovers = figure.data
    assert line.name == "goes13"
    assert line.dx == 3_600_000
    assert marks.y.tolist() == [99]
    assert figure.layout.xaxis.rangeslider.visible
    assert (line.yaxis, fluence.yaxis) == ("y", "y2")
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]
    assert handovers.text == ("from here: goes15",)
    assert "http" not in figure.to_json()


def test_a_chart_of_many_hours_is_small(flux):
    long = pd.Series(1.0, pd.date_range("2000-01-01", periods=200_000, freq="h"))
    assert len(draw_series({"a": long, "b": long}).to_json()) < 600_000


def test_the_frame_of_a_heatmap_moves_and_correlations_are_sent_once():
    table = pd.DataFrame({"V": [0.1, 0.5], "N": [np.nan, 0.0]}, [0.0, 3.0])
    figure = draw_offsets(table)
    before = figure.data[0].z
    mark_offset(figure, table, driver="N", offset=3)
    assert (figure.data[1].x, figure.data[1].y) == ((3,), ("N",))
    assert figure.data[0].z is before
    mark_offset(figure, -table, driver="N", offset=3)
    assert figure.data[0].z[0].tolist() == [-0.1, -0.5]
