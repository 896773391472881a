import h5py
import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.errors import FluxError
from fluxlib.io import Quality, goes_r
from tests.helpers.datasets import write_goesr

NAME = "sci_mpsh-l2-avg5m_g16_d20221230_v2-0-0.nc"
FLUX = np.array([[10.0, 20, 30, 40, 50], [1, 2, 3, 4, 5], [7, 7, 7, 7, 7]])


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


def test_flux_is_the_mean_of_the_telescopes(path):
    write_goesr(path, FLUX)
    result = goes_r.read(path)
    frame = result.frame
    assert frame["e2"].tolist() == [30, 3, 7]
    expected = pd.date_range("2022-12-30", periods=3, freq="5min")
    assert (frame.index == expected).all()
    assert frame.index.name == "time"
    assert result.satellite == "goes16"
    assert result.account.kept == 3


def test_telescopes_without_a_good_number_do_not_count(path):
    flux = FLUX.copy()
    flux[0] = [np.nan, -1e31, 30, np.inf, -5]
    flux[1] = np.nan
    write_goesr(path, flux)
    result = goes_r.read(path)
    frame = result.frame
    assert frame["e2"].tolist()[::2] == [30, 7]
    assert frame["e2"].isna().tolist() == [False, True, False]
    assert dict(result.account.filled) == {"e2": 1}


def test_telescopes_without_a_valid_sample_do_not_count(path):
    valid = np.full(FLUX.shape, 300)
    valid[0, :4] = 0
    write_goesr(path, FLUX, valid=valid)
    assert fluxlib.read_goesr(path)["e2"].tolist() == [50, 3, 7]


def test_rows_are_flagged_by_what_the_file_counts(path):
    write_goesr(path, FLUX)
    sums = np.zeros(FLUX.shape)
    sums[0, 2], sums[1, 2] = 151, 150  # more than half of 300 records, and half
    with h5py.File(path, "a") as file:
        file["L1bRecordsInAvg"] = [300, 300, 149]
        file["yaw_flip_flag"] = [0, 1, 0]
        file["IntElectronDQFerrSum"] = sums
    expected = [Quality.ARCHIVE, Quality.YAW_FLIP, Quality.FEW_SAMPLES]
    assert goes_r.read(path).flags.tolist() == expected


def test_the_older_name_of_time_and_a_file_without_a_platform_are_read(path):
    write_goesr(path, FLUX, time="L2_SciData_TimeStamp", platform=None)
    result = goes_r.read(path)
    frame = result.frame
    assert frame.index[0] == pd.Timestamp("2022-12-30")
    assert result.satellite == "goes16"


@pytest.mark.parametrize(("platform", "satellite"), [(b"g18", "goes18"), ("g18", "goes16")])
def test_the_platform_counts_before_the_name_if_its_length_is_fixed(path, platform, satellite):
    write_goesr(path, FLUX, platform=platform)  # text of another kind can hang the HDF5 library
    assert goes_r.read(path).satellite == satellite


def test_rows_without_a_time_or_with_one_again_are_rejected(path):
    seconds = np.array([725630400.0, np.nan, 725630400.0])
    write_goesr(path, FLUX, seconds=seconds)
    result = goes_r.read(path)
    frame = result.frame
    assert frame["e2"].tolist() == [30]
    account = result.account
    assert account.read == account.kept + sum(account.rejected.values()) == 3
    assert account.explain() == ("1 no valid time (row 2); 1 duplicate time (2022-12-30T00:00:00)")


def test_other_files_are_refused(path):
    with pytest.raises(FluxError, match="not a readable netCDF file"):
        fluxlib.read_goesr(path)
    for content in (b"", b"<html>", b"\x89HDF\r\n\x1a\n" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(FluxError, match=f"{NAME}: not a readable netCDF file"):
            fluxlib.read_goesr(path)


def test_a_file_cut_short_is_refused(path):
    write_goesr(path, np.ones((288, 5)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FluxError, match="not a readable netCDF file"):
        fluxlib.read_goesr(path)


def test_another_product_is_refused(path):
    write_goesr(path, FLUX, name="AvgIntProtonFlux")
    with pytest.raises(FluxError, match=r"has the variables .*AvgIntProtonFlux.*expected AvgInt"):
        fluxlib.read_goesr(path)


def test_flux_of_another_shape_is_refused(path):
    write_goesr(path, np.ones((100_001, 1)))
    with pytest.raises(FluxError, match=r"has the shape \(100001, 1\).* at most 100000 times"):
        fluxlib.read_goesr(path)


def test_a_file_without_any_time_is_refused(path):
    write_goesr(path, FLUX, seconds=np.full(3, np.nan))
    with pytest.raises(FluxError, match="no row of the file has a valid time"):
        fluxlib.read_goesr(path)


def test_a_dataset_may_contain_them(path, tmp_path):
    write_goesr(path, np.full((288, 5), 100.0))
    (tmp_path / "dataset.toml").write_text(
        '[dataset]\nname = "toy"\nsynthetic = true\n[[flux]]\nsatellite = "goes16"\n'
        'format = "goes-netcdf"\nfiles = "sci_*.nc"\ncadence = "5min"\n'
    )
    loaded = fluxlib.load(tmp_path, "1h")
    assert loaded.flux["goes16"]["e2"].tolist() == [100.0] * 24
    assert loaded.fluence["goes16"]["e2"].tolist() == pytest.approx([8.64e6])
