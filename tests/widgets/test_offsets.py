import numpy as np
import pandas as pd
import pytest
from plotly.callbacks import Points
from scipy import signal

from fluxlib.offsets.features import find_peaks, select_features
from fluxlib.offsets.spearman import spearman_offsets
from fluxlib.widgets.offsets import explore_lag, explore_offsets
from fluxlib.workflow.parameters import CONTROLS


@pytest.fixture(scope="module")
def setting():
    """The flux follows V after 36 hours and goes15's after 48, Kp not at all."""
    rng = np.random.default_rng(0)
    hours = pd.date_range("2014-01-01", periods=3000, freq="h", name="time")
    v, kp = signal.lfilter([0.1], [1, -0.95], rng.normal(size=(2, 3000)))
    drivers = pd.DataFrame({"V": v, "Kp": kp}, hours)
    targets = {name: drivers["V"].shift(n) for name, n in {"goes13": 36, "goes15": 48}.items()}
    return drivers, targets


def test_the_numbers_are_those_of_the_batch_run(setting):
    drivers, targets = setting
    panel = explore_offsets(drivers, targets, satellite="goes13", max_offset=72)
    assert "goes13 follows V 36 h later, at +1.00" in panel.output.value
    panel.set_values({"satellite": "goes15", "max_offset": 96, "offset_step": 3, "threshold": 0.45})
    table = spearman_offsets(drivers, targets["goes15"], np.arange(0, 97, 3))
    peak, chosen = find_peaks(table).iloc[0], select_features(table, 0.45)
    assert f"follows {peak['driver']} {peak['offset']:.0f} h later" in panel.output.value
    assert f"{len(chosen)} driver-hours are beyond 0.45." in panel.output.value


def test_the_heatmap_shows_the_chosen_drivers_and_asks_for_one_if_none_is_chosen(setting):
    panel = explore_offsets(*setting, satellite="goes13")
    panel.controls["drivers"].value = ("Kp",)
    assert "goes13 follows Kp" in panel.output.value
    panel.controls["drivers"].value = ()
    assert "drivers is empty; choose at least one." in panel.output.value


def test_controls_are_the_notebooks_parameters(setting):
    panel = explore_offsets(*setting, satellite="goes13")
    panel.set_values({"satellite": "auto"})
    assert panel.get_values()["satellite"] == "goes13"
    assert set(panel.controls) == set(CONTROLS["03_offsets"])


def test_drivers_without_common_samples_give_a_message(setting):
    drivers, targets = setting
    late = {"goes13": targets["goes13"].where(targets["goes13"].index > drivers.index[1500])}
    panel = explore_offsets(drivers[:1000].reindex(drivers.index), late, satellite="goes13")
    assert "none of the chosen drivers has samples in common with goes13" in panel.output.value


def test_one_driver_is_shifted_against_the_flux_while_the_slider_moves(setting):
    panel = explore_lag(*setting, satellite="goes13", driver="V", offset=12)
    shown = panel.display_controls
    assert shown["lag_offset"].continuous_update
    before = panel.output.value
    shown["lag_offset"].value = 36
    assert "V 36 h before goes13, all years: rho +1.00" in panel.output.value
    assert panel.output.value.count("<img") == 1
    assert panel.output.value != before
    panel.controls["satellite"].value = "goes15"
    assert "V 36 h before goes15" in panel.output.value
    shown["lag_driver"].value = "Kp"
    assert "Kp 36 h before goes15" in panel.output.value
    assert "as good as" in panel.output.value


def test_a_year_restricts_the_pairs_and_one_without_flux_is_named(setting):
    drivers, targets = setting
    early = {"goes13": targets["goes13"], "goes15": targets["goes15"].where(drivers.index.year < 0)}
    panel = explore_lag(drivers, early, satellite="goes13", driver="V", offset=36)
    panel.display_controls["lag_year"].value = 2014
    assert "goes13, 2014: rho +1.00" in panel.output.value
    panel.controls["satellite"].value = "goes15"
    assert "goes15 has no flux in 2014." in panel.output.value


def test_a_click_in_the_heatmap_moves_controls_and_views_and_draws_once(setting, monkeypatch):
    panel = explore_lag(*setting, satellite="goes13", driver="V", offset=12)
    (heatmap,) = [child for child in panel.children if hasattr(child, "data")]
    drawn = []
    monkeypatch.setattr(panel, "_make_view", count_calls(panel._make_view, drawn))
    row = heatmap.data[0].y.tolist().index("Kp")
    heatmap.data[0]._dispatch_on_click(
        Points(point_inds=[[row, 12]], xs=[36], ys=["Kp"], trace_name="", trace_index=0), None
    )
    shown = panel.display_controls
    assert (shown["lag_driver"].value, shown["lag_offset"].value) == ("Kp", 36)
    assert "Kp 36 h before goes13" in panel.output.value
    assert (heatmap.data[1].x, heatmap.data[1].y) == ((36,), ("Kp",))
    assert len(drawn) == 1


def count_calls(function, calls):
    def call(**values):
        calls.append(values)
        return function(**values)

    return call
