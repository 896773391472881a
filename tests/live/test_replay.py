"""Days of the past are served one after another, with faults, as the feeds would have been.

In CI, some days of simulated data. With real observations,

    FLUX_REPLAY_DAYS=200 FLUX_REAL_DATA=... ./run_all.sh test tests/live/test_replay.py -rP \
        --timeout 5000

serves 200 days of their last year to a forecaster that learned from the years before.
"""

import os
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fluxlib
from fluxlib.archives.download import RetryPolicy
from fluxlib.errors import FluxError
from fluxlib.live import ForecastLog, issue_newest, score_log, train_bundle
from fluxlib.live.log import SILENCE
from fluxlib.utils import files
from tests.helpers import feeds as swpc
from tests.helpers import public_archive

DAYS = int(os.environ.get("FLUX_REPLAY_DAYS", "7"))
QUICK = RetryPolicy(timeout=5, tries=2, pause=0.01)
HOURS = (6, 18)  # of the calls on each day
TOGETHER = 4  # days after which the disturbed history is replaced by the undisturbed one
DAY = pd.Timedelta("1D")
SCORED = ["value", "lower", "upper", "persistence", "recurrence", "refm"]


class Killed(BaseException):
    """Stands for SIGKILL at the moment at which a file would get its name."""


def rows_of(feeds, place):
    return feeds[place][1:] if place == swpc.PROPAGATED else feeds[place]


def name_time(place):
    return 0 if place == swpc.PROPAGATED else "time_tag"


def cut(feeds, places, last):
    """Leave out what is newer than a time, as of a feed that has stopped."""
    for place in places:
        header = feeds[place][:1] if place == swpc.PROPAGATED else []
        key = name_time(place)
        kept = [row for row in rows_of(feeds, place) if pd.Timestamp(row[key][:19]) < last]
        feeds[place] = [*header, *kept]


def draw_fault(rng, feeds, now):
    """Change feeds by a drawn fault; return its name, and what the server answers, by file."""
    measured = [place for place in feeds if place != swpc.REFM]
    some = [str(one) for one in rng.choice(measured, rng.integers(1, 4), replace=False)]
    electrons = [place for place in (swpc.PRIMARY, swpc.SECONDARY) if place in feeds]
    fault = str(rng.choice(FAULTS)) if rng.random() < 0.5 else "none"
    answers = {}
    if fault == "feed missing":
        for place in some:
            del feeds[place]
    elif fault == "all missing":
        feeds.clear()
    elif fault == "server fails":
        kind = str(rng.choice(["500", "page", "empty", "short", "cut"]))
        answers = {place.rpartition("/")[2]: [kind] * 4 for place in some}
    elif fault == "stale by hours":
        cut(feeds, some, now - pd.Timedelta(hours=int(rng.integers(3, 20))))
    elif fault == "stale by days":
        cut(feeds, some, now - pd.Timedelta(days=int(rng.integers(1, 6))))
    elif fault == "all stale":
        cut(feeds, measured, now - pd.Timedelta(hours=int(rng.integers(3, 60))))
    elif fault == "gaps":
        for place in electrons:
            for _ in range(rng.integers(1, 5)):
                start = int(rng.integers(2000))
                for row in feeds[place][start : start + int(rng.integers(12, 300))]:
                    row["flux"] = None
    elif fault == "nulls":
        for place in electrons:
            feeds[place] = [row | {"flux": None} for row in feeds[place]]
    elif fault == "wrong satellite":
        one, two = electrons
        feeds[one], feeds[two] = feeds[two], feeds[one]
        if rng.random() < 0.5:
            del feeds[two]
    elif fault == "unknown satellite":
        for place in electrons:
            feeds[place] = [row | {"satellite": 19} for row in feeds[place]]
    elif fault == "proton event":
        for place in electrons:
            for row in feeds[place][-140:]:
                row["flux"] = row["flux"] and 30 * row["flux"]
    elif fault == "stuck":
        for place in electrons:
            feeds[place][-200:] = [row | {"flux": 123.0} for row in feeds[place][-200:]]
    elif fault == "wrong stamp":
        place, key = some[0], name_time(some[0])
        row = rows_of(feeds, place)[-1 if place in electrons else 0]
        row[key] = "2099" + row[key][4:]
    elif fault == "REFM missing":
        del feeds[swpc.REFM]
    return fault, answers


FAULTS = ["feed missing", "all missing", "server fails", "stale by hours", "stale by days"]
FAULTS += ["all stale", "gaps", "nulls", "wrong satellite", "unknown satellite", "proton event"]
FAULTS += ["stuck", "wrong stamp", "REFM missing", "protons missing", "killed", "killed"]


def flood(times, now, storm):
    """Return protons above 10 MeV: of an event in the last twelve hours, or none."""
    return np.where(storm & (times >= now - pd.Timedelta("12h")), 150.0, 0.2)


def kill_once(monkeypatch, moment):
    """Stop the process, as far as files can tell, as the nth file is about to get its name."""
    left = [moment]
    rename = os.replace

    def stop(*paths):
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        rename(*paths)

    monkeypatch.setattr(files.os, "replace", stop)


def read_all(log, pattern):
    """Return every part, those of a day that was issued more than once too."""
    paths = [path for path in sorted(log.folder.glob(pattern)) if "_none-" not in path.name]
    return pd.concat([pd.read_parquet(path).reset_index() for path in paths])


def read_parts(folder):
    return {path.name: path.read_bytes() for path in (folder / "log").glob("*")}


def replay(bundle, truth, days, tmp_path, monkeypatch):
    """Serve days to an undisturbed and a disturbed log; return what came of it."""
    monkeypatch.setenv("FLUX_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    calm, struck = tmp_path / "calm", tmp_path / "struck"
    counts, reasons, parts = Counter(), {}, {}

    def call(folder, now, feeds, answers=(), *, fault="none"):
        storm = fault == "proton event"
        monkeypatch.setattr(public_archive, "proton_flux", lambda times: flood(times, now, storm))
        bases = server.serve(feeds, now, answers, protons=fault != "protons missing")
        return issue_newest(bundle, folder, bases=bases, policy=QUICK)

    with swpc.Server(tmp_path / "served") as server:
        for number, day in enumerate(days):
            if number and number % TOGETHER == 0:
                shutil.copytree(calm / "history", struck / "history", dirs_exist_ok=True)
            for hour in HOURS:
                now = day + pd.Timedelta(hours=hour)
                issue = call(calm, now, swpc.make_feeds(truth, now))
                feeds = swpc.make_feeds(truth, now)
                fault, answers = draw_fault(rng, feeds, now)
                counts[fault] += 1
                try:
                    with monkeypatch.context() as patched:
                        if fault == "killed":
                            kill_once(patched, int(rng.integers(1, 20)))
                        found = call(struck, now, feeds, answers, fault=fault)
                    counts["withheld"] += found.table is None
                    counts["hours withheld"] += found.rolling is None
                    counts["notes"] += bool(found.inputs.notes)
                except FluxError as error:  # nothing is known yet
                    reasons[day] = str(error)
                except Killed:
                    counts["cut short"] += 1
                there = read_parts(struck)
                for name, content in parts.items():
                    assert there[name] == content, "a part was written again"
                parts = there
    return ForecastLog(calm / "log"), ForecastLog(struck / "log"), counts, reasons, issue


def check_replay(bundle, truth, days, tmp_path, monkeypatch):
    calm, struck, counts, reasons, last = replay(bundle, truth, days, tmp_path, monkeypatch)
    one, two = calm.read(), struck.read()
    told = struck.read_reasons()
    # A call tells of the day before; of the last ones, a later call would tell.
    wanted = set(days[:-4] - DAY)
    assert wanted <= set(one["issued"]) | set(calm.read_reasons().index)
    missing = wanted - set(two["issued"]) - set(told.index) - {day - DAY for day in reasons}
    assert not missing, sorted(missing)
    assert not two.reset_index().duplicated(["issued", "horizon"]).any()
    assert not struck.read_rolling().reset_index().duplicated(["issued", "lead"]).any()
    assert not list(struck.folder.glob(".writing-*"))
    fluence, same = truth.daily["e2"], {}
    for ahead, pattern in (("horizon", "[0-9]*"), ("lead", "rolling-*")):
        all_one, all_two = (read_all(log, pattern) for log in (calm, struck))
        keys = ["issued", ahead, "inputs"]
        same[ahead] = all_one.merge(all_two, on=keys, suffixes=("", " again"))
        counts[f"equal {ahead}s"] = len(same[ahead])
        assert len(same[ahead])
        for name in ("value", "lower", "upper", "alert", "persistence", "recurrence"):
            both = (same[ahead][name], same[ahead][f"{name} again"])
            np.testing.assert_allclose(*both, rtol=1e-5)
    kept = same["horizon"].drop_duplicates(["issued", "horizon"]).set_index("time again")
    again = kept[[f"{name} again" for name in SCORED]].set_axis(SCORED, axis=1)
    pd.testing.assert_frame_equal(
        score_log(kept[["horizon", *SCORED]], fluence),
        score_log(again.assign(horizon=kept["horizon"]), fluence),
        rtol=1e-4,
    )
    silent = (told == SILENCE).sum()
    print(f"{len(days)} days, {len(HOURS) * len(days)} calls: {dict(counts)}")
    print(f"{two['issued'].nunique()} days issued, {len(told)} reasons, {silent} of silence")
    print(told.str.slice(0, 100).value_counts().to_string())
    print(score_log(one, fluence).round(3).to_string())
    print(score_log(two, fluence).round(3).to_string())
    print(last.rolling_scores.round(3).to_string())
    return counts


@pytest.mark.slow
def test_a_replay_with_faults_has_an_issue_or_a_reason_every_day(
    bundle, future, tmp_path, monkeypatch
):
    days = pd.date_range("2015-03-01", periods=min(DAYS, 12))
    check_replay(bundle, future, days, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(5000)
def test_a_replay_of_the_last_real_year_has_an_issue_or_a_reason_every_day(
    real_data, tmp_path, monkeypatch
):
    truth = fluxlib.load(real_data, "1h")
    start = pd.Timestamp(f"{truth.flux['goes13'].index[-1].year}-01-01")
    last = start - pd.Timedelta("1h")
    past = replace(
        truth,
        flux={name: frame[:last] for name, frame in truth.flux.items()},
        fluence={name: frame[:last] for name, frame in truth.fluence.items()},
        drivers=truth.drivers[:last],
    )
    bundle = train_bundle(past, tmp_path / "model", members=2, blocks=2, epochs=3, units=16)
    assert pd.Timestamp(bundle.about["last"]) < start
    days = pd.date_range(start + 7 * DAY, periods=DAYS)
    check_replay(bundle, truth, days, tmp_path, monkeypatch)
