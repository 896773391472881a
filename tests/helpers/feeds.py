"""SWPC's feeds as they would have been at a time, from a dataset that knows what came."""

import json

import numpy as np
import pandas as pd

from tests.helpers.archive_server import Archive
from tests.helpers.public_archive import Hapi, PublicArchive

ELECTRONS = "json/goes/{role}/integral-electrons-7-day.json"
WIND, FIELD = "json/rtsw/rtsw_wind_1m.json", "json/rtsw/rtsw_mag_1m.json"
PROPAGATED = "products/geospace/propagated-solar-wind.json"
REFM = "json/electron_fluence_forecast.json"
PRIMARY, SECONDARY = (ELECTRONS.format(role=role) for role in ("primary", "secondary"))
HOUR, DAY = pd.Timedelta("1h"), pd.Timedelta("1D")


def make_feeds(dataset, now, *, primary="goes13", secondary="goes15"):
    """Return the rows of each feed by its place; what is in them is older than `now`."""
    now = pd.Timestamp(now)
    feeds = {}
    for place, satellite in ((PRIMARY, primary), (SECONDARY, secondary)):
        if satellite in dataset.flux:
            feeds[place] = make_electrons(dataset.flux[satellite]["e2"], now, satellite)
    known = dataset.drivers.reindex(columns=["V", "N", "T", "B", "Bx", "By", "Bz"])
    day = spread_minutes(known, now - DAY, now)
    same = {"active": True, "source": "SOLAR1", "overall_quality": 0}
    names = {"V": "proton_speed", "N": "proton_density", "T": "proton_temperature"}
    feeds[WIND] = write_rows(day, names, same | {"proton_vx_gse": None})
    feeds[FIELD] = write_rows(
        day, {"B": "bt", "Bx": "bx_gse", "By": "by_gse", "Bz": "bz_gse"}, same
    )
    names = {"V": "speed", "N": "density", "T": "temperature", "B": "bt", "Bx": "bx"}
    week = write_rows(spread_minutes(known, now - 7 * DAY, now), names, {"vx": None})[::-1]
    header = list(week[0])
    feeds[PROPAGATED] = [header, *([row[name] for name in header] for row in week)]
    feeds[REFM] = make_refm(dataset, now.normalize())
    return feeds


def make_electrons(flux, now, satellite):
    hours = flux[now - 7 * DAY : now - HOUR]
    times = pd.date_range(now - 7 * DAY, now, freq="5min", inclusive="left")
    values = hours.reindex(times.floor("h")).to_numpy()
    number = int(satellite.removeprefix("goes"))
    return [
        {"time_tag": f"{time:%Y-%m-%dT%H:%M:%SZ}", "satellite": number}
        | {"flux": None if np.isnan(value) else float(value), "energy": ">=2 MeV"}
        for time, value in zip(times, values, strict=True)
    ]


def spread_minutes(hours, start, end):
    times = pd.date_range(start, end, freq="1min", inclusive="left")
    return hours.reindex(times.floor("h")).set_axis(times)


def write_rows(frame, names, same):
    """Return rows of a feed of the solar wind, newest first, null where there is no value."""
    columns = [frame[name].astype(object).where(frame[name].notna(), None) for name in names]
    stamps = frame.index.strftime("%Y-%m-%dT%H:%M:%S")
    rows = zip(stamps, *columns, strict=True)
    return [dict(zip(("time_tag", *names.values()), row, strict=True)) | same for row in rows][::-1]


def make_refm(dataset, today):
    """Return a forecast of today and the next days that errs by half a decade at most."""
    rng = np.random.default_rng(today.toordinal())
    fluence = dataset.daily["e2"].reindex(pd.date_range(today, periods=3)).fillna(1e7)
    fluence *= 10 ** rng.uniform(-0.5, 0.5, 3)
    names = ("fluence", "fluence_day_two", "fluence_day_three")
    return [
        {"date": f"{today:%Y-%m-%dT%H:%M:%S}", "speed": 400.0}
        | dict(zip(names, fluence, strict=True))
    ]


class Server:
    """Serves feeds from a folder, with faults, and iSWA's protons up to a time, as a context."""

    def __init__(self, folder):
        self.files, self.iswa = Archive(folder), PublicArchive()

    def __enter__(self):
        self.iswa.__enter__()
        return self

    def __exit__(self, *_):
        self.iswa.__exit__()
        self.files.close()

    def serve(self, feeds, now, answers=(), *, protons=True):
        """Serve these feeds from now on; return the addresses for `fetch_newest`."""
        folder = self.files.folder / "feeds"
        for path in folder.rglob("*.json"):
            path.unlink()
        for place, rows in feeds.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(json.dumps(rows))
        self.files.faults.clear()
        self.files.faults.update(answers)
        until = pd.Timestamp(now, tz="UTC")
        self.iswa.hapi = Hapi(until=until, longest=92 * DAY, empty="csv")
        hapi = f"{self.iswa.url}/{'hapi' if protons else 'down'}"
        return {"feeds": f"{self.files.url}/feeds", "hapi": hapi}
