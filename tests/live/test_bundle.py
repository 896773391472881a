import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fluxlib.calibration import calibrate_fleet
from fluxlib.datasets import log_fluence
from fluxlib.errors import FluxError
from fluxlib.live import load_bundle, train_bundle
from fluxlib.prediction import DailyData


@pytest.fixture
def copy(bundle, tmp_path_factory, tmp_path):
    folder = next(tmp_path_factory.getbasetemp().glob("models*/toy"))
    return shutil.copytree(folder, tmp_path / "copy")


def test_all_satellites_are_learned_from_on_one_scale(past, tmp_path, monkeypatch):
    class LearnedError(Exception):
        pass

    def learn(self, data):
        raise LearnedError(data)

    monkeypatch.setattr("fluxlib.live.bundle._train_rolling", lambda *_: None)
    monkeypatch.setattr("fluxlib.live.bundle.FluxForecaster.fit", learn)
    fluence = log_fluence(past)
    fleet = calibrate_fleet(fluence, past.manifest.reference)
    other = next(name for name in fleet.paths if name != fleet.reference)
    alone = replace(past, manifest=replace(past.manifest, daily=(other,)))
    with pytest.raises(LearnedError) as caught:
        train_bundle(alone, tmp_path / "toy")
    learned = np.log10(caught.value.args[0].fluence["e2"]).dropna()
    np.testing.assert_allclose(learned, fleet.apply(other, fluence[other])[learned.index])
    assert not np.allclose(learned, fluence[other][learned.index])


@pytest.mark.slow
def test_a_bundle_says_what_it_learned_from(bundle):
    about = bundle.about
    assert (about["dataset"], about["synthetic"]) == ("simulated", True)
    assert about["first"] == "2013-01-01"
    assert about["last"] == "2014-12-31"
    assert 650 < about["days"] <= 730
    assert about["reference"] in ("goes13", "goes15")
    assert bundle.forecaster.drivers == ["V", "N", "B", "Bz", "Bs"]
    assert bundle.rolling.satellites_ == ["goes13", "goes15"]


@pytest.mark.slow
def test_a_bundle_that_is_read_again_forecasts_the_same(bundle, copy, past):
    again = load_bundle(copy)
    assert again.about == bundle.about
    frame = past.drivers.resample("1D").mean().join(past.daily[["e2"]], how="inner")
    one, two = (b.forecaster.predict(frame, "2014-03") for b in (bundle, again))
    pd.testing.assert_frame_equal(one, two, rtol=1e-6)


@pytest.mark.slow
def test_days_of_a_known_satellite_are_put_on_the_scale_that_was_learned_from(bundle, past):
    fluence = log_fluence(past)
    fleet = calibrate_fleet(fluence, past.manifest.reference)
    (other,) = {"goes13", "goes15"} - {fleet.reference}
    raw = past.fluence[other][["e2"]].loc["2014"].ffill()
    names = {name: DailyData(raw.assign(series=name), past.drivers) for name in (other, "goes19")}
    found = bundle.calibrate(names[other]).fluence["e2"]
    expected = fleet.apply(other, np.log10(raw["e2"]))
    np.testing.assert_allclose(np.log10(found), expected, atol=2e-3)
    assert not np.allclose(np.log10(found), np.log10(raw["e2"]), atol=1e-2)
    pd.testing.assert_series_equal(bundle.calibrate(names["goes19"]).fluence["e2"], raw["e2"])


@pytest.mark.slow
def test_a_damaged_or_unknown_bundle_gets_one_clear_error(copy, tmp_path):
    with pytest.raises(FluxError, match=r"no trained forecaster, .* ./run_all.sh train"):
        load_bundle(tmp_path / "nowhere")
    for path in sorted(copy.iterdir()):
        kept = path.read_bytes()
        for damage in (b"", kept[:-9], kept.replace(b"1", b"2", 1) if b"1" in kept else b"x"):
            path.write_bytes(damage)
            with pytest.raises(FluxError, match=r"damaged|version"):
                load_bundle(copy)
        path.write_bytes(kept)
    about = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps(about | {"version": 0}))
    with pytest.raises(FluxError, match="version is 0"):
        load_bundle(copy)


def test_a_folder_with_other_files_is_not_replaced(past, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FluxError, match="holds files and no forecaster"):
        train_bundle(past, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
