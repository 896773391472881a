"""Simulated native files in the folders of the archives."""

import gzip
import json
from pathlib import Path

import numpy as np

import fluxlib
from tests.helpers.datasets import (
    make_dataset,
    make_dpd,
    make_electron_feed,
    make_field_feed,
    make_propagated_feed,
    make_wind_feed,
    write_goesr,
)


def lay_archives(folder: Path) -> Path:
    """Lay simulated native files out as the archives do."""
    made = make_dataset(start="2014-01-01", days=59, cadence="5min")
    written = fluxlib.write_dataset(made, folder / "written")
    for path in written.glob("goes*/*.csv"):
        month = path.name.split("_")[-2]
        place = folder / "ncei" / month[:4] / month[4:6] / path.parent.name / "csv"
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / path.name)
    hourly = fluxlib.write_dataset(
        make_dataset(start="2014-01-01", days=59, cadence="1h"), folder / "hourly"
    )
    for source, place in [(written, "high_res_omni"), (hourly, "low_res_omni")]:
        (folder / "spdf" / place).mkdir(parents=True)
        for path in source.glob("omni*/*.gz"):
            body = gzip.decompress(path.read_bytes())
            (folder / "spdf" / place / path.stem).write_bytes(body)
    (folder / "swpc").mkdir()
    (folder / "swpc" / "2008_DPD.txt").write_text(make_dpd(*[("1e9", "2e7")] * 366))
    place = folder / "goesr" / "goes16" / "l2" / "data" / "mpsh-l2-avg5m" / "2022" / "12"
    place.mkdir(parents=True)
    for version, level in [("v2-0-0", 1.0), ("v10-0-0", 5.0)]:
        write_goesr(
            place / f"sci_mpsh-l2-avg5m_g16_d20221230_{version}.nc", np.full((288, 5), level)
        )
    lay_feeds(folder / "feeds")
    return folder


def lay_feeds(folder):
    feeds = {
        "json/goes/primary/integral-electrons-7-day.json": make_electron_feed(*range(1, 301)),
        "json/goes/secondary/integral-electrons-7-day.json": make_electron_feed(5, 6, satellite=18),
        "json/rtsw/rtsw_wind_1m.json": make_wind_feed(*range(400, 460)),
        "json/rtsw/rtsw_mag_1m.json": make_field_feed(*range(60)),
        "products/geospace/propagated-solar-wind.json": make_propagated_feed(*[300] * 120),
    }
    for place, rows in feeds.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(json.dumps(rows))
