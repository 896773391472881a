"""Whatever is killed, at whatever instant, the next call ends with the results of a quiet run.

``FLUX_KILLS=200 ./run_all.sh test tests/faults/test_kills.py`` kills more often than CI does. The
instants are drawn with a fixed seed, as shares of the time that a quiet run takes.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import fluxlib
from fluxlib.live import train_bundle
from tests.helpers.archive_server import Archive
from tests.helpers.archive_tree import lay_archives
from tests.helpers.notebooks import write_step

KILLS = int(os.environ.get("FLUX_KILLS", "1"))
pytestmark = pytest.mark.timeout(600 * KILLS)
ROOT = Path(__file__).parents[2]
RUN = """
import sys
from pathlib import Path
from tests.helpers.notebooks import run_toys
result, _ = run_toys(Path(sys.argv[1]))
sys.exit("; ".join(result.failures) or 0)
"""
SWEEP = """
import sys
from pathlib import Path
from tests.helpers.notebooks import sweep_toys
sweep, _ = sweep_toys(Path(sys.argv[1]), "grid: {size: [1, 2]}")
sys.exit("; ".join(sweep.failures) or 0)
"""
FETCH = """
import sys
from pathlib import Path
import fluxlib
from fluxlib.archives.sources import ARCHIVES
folder, url = sys.argv[1:]
bases = {name: f"{url}/{name}" for name in ARCHIVES}
words = dict(satellites=["goes13"], start="2014-01", end="2014-02", workers=1)
fluxlib.fetch(Path(folder) / "out", bases=bases, progress=False, **words)
"""
SEARCH = """
import numpy as np
from fluxlib import GARFImputer
rng = np.random.default_rng(0)
X = rng.normal(size=(600, 4))
y = X[:, 0] + rng.normal(size=600)
imputer = GARFImputer(generations=20, random_state=0).fit(X, y)
save(float(imputer.predict(X).sum()))
"""
SAMPLE = """
import os, sys
from pathlib import Path
import pandas as pd
import fluxlib
from fluxlib.commands.notebooks import ensure_sample
from fluxlib.simulation import sample
from fluxlib.workflow import notebooks
folder = Path(sys.argv[1])
os.environ["FLUX_CACHE"] = str(folder / "cache")
notebooks.SAMPLE = folder / "data" / "sample"
sample.SAMPLE_START, sample.SAMPLE_END = "2013-12-01", "2014-02-01"
sample.PAIR_END = pd.Timestamp("2014-01-11")
ensure_sample()
for cadence in ("1h", "3h"):
    loaded = fluxlib.load(notebooks.SAMPLE, cadence)
    loaded.flux["goes13"].to_csv(folder / f"{cadence}.csv")
"""


RECORD = """
import sys
from pathlib import Path
from fluxlib.__main__ import main
folder, data = map(Path, sys.argv[1:])
sys.exit(main(["record", "--data", str(data), "--out", str(folder / "out")]))
"""
NOW = """
import sys
from pathlib import Path
from fluxlib.__main__ import main
folder, data, model = map(Path, sys.argv[1:])
sys.exit(main(["now", "--data", str(data), "--model", str(model), "--out", str(folder / "out")]))
"""
SET_UP = """
import os, subprocess, sys
from pathlib import Path
folder = Path(sys.argv[1])
path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where uv is
environment = {**os.environ, "PATH": path, "PYTHON": sys.executable, "PYTHONPATH": ""}
sys.exit(subprocess.call(["bash", str(folder / "run_all.sh")], env=environment))
"""


def start(script, *arguments, error=subprocess.DEVNULL):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=error,
        start_new_session=True,
    )


def finish(script, *arguments):
    """Run a script to its end and return the seconds that it took."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as file:
        status = start(script, *arguments, error=file).wait(timeout=300)
        file.seek(0)
        error = file.read()
    assert status == 0, error
    assert "Traceback" not in error
    return time.monotonic() - began


def read_files(folder, places):
    """Return the content of the files that some patterns name, by path."""
    paths = [path for place in places for path in folder.glob(place) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def find_leftovers(folder):
    return [path for path in folder.rglob(".writing-*") if ".steps" not in path.parts]


def kill_often(folder, script, places, *arguments, prepare):
    """Kill a script at random instants, and compare what the next call leaves with a quiet run."""
    rng = random.Random(0)
    quiet, struck = folder / "quiet", folder / "struck"
    prepare(quiet)
    lasts = finish(script, quiet, *arguments)
    expected = read_files(quiet, places)
    assert expected
    landed = number = 0
    # A run that is quicker than the quiet one may end before the instants that are drawn.
    while number < KILLS or (landed == 0 and number < 6):
        number += 1
        shutil.rmtree(struck, ignore_errors=True)
        prepare(struck)
        for _ in range(rng.randint(1, 2)):
            process = start(script, struck, *arguments)
            time.sleep(rng.uniform(0.15, 0.8) * lasts)
            alone = rng.random() < 0.5  # its children go on and may still write
            if process.poll() is None:  # else as a machine that stops does
                process.kill() if alone else os.killpg(process.pid, signal.SIGKILL)
                landed += 1
            process.wait()
        finish(script, struck, *arguments)
        assert read_files(struck, places) == expected, number
        assert find_leftovers(struck) == [], number
    print(f"{landed} kills")
    assert landed


@pytest.mark.slow
def test_a_run_that_is_killed_ends_at_the_next_call_with_equal_results(tmp_path):
    def prepare(folder):
        write_step(folder, "01_a", "save(1)")
        write_step(folder, "02_b", 'save(read("01_a") + 1)', needs=["01_a"])

    kill_often(tmp_path, RUN, ["reports/toy/[0-9]*.json"], prepare=prepare)


@pytest.mark.slow
def test_a_sweep_that_is_killed_ends_at_the_next_call_with_equal_results(tmp_path):
    def prepare(folder):
        write_step(folder, "01_a", "save(1)")
        write_step(
            folder, "02_b", 'save(read("01_a") + size)', needs=["01_a"], parameters="size = 0"
        )

    places = ["sweeps/toys/runs/*/reports/*/[0-9]*.json", "sweeps/toys/results.parquet"]
    kill_often(tmp_path, SWEEP, places, prepare=prepare)


@pytest.mark.slow
def test_a_search_that_is_killed_ends_at_the_next_call_with_equal_results(tmp_path):
    kill_often(
        tmp_path,
        RUN,
        ["reports/toy/[0-9]*.json"],
        prepare=lambda folder: write_step(folder, "01_a", SEARCH),
    )


@pytest.mark.slow
def test_a_set_up_that_is_killed_is_whole_after_the_next_call(tmp_path):
    pinned = (ROOT / "requirements.txt").read_text()
    pins = re.findall(r"^(?:numpy|tenacity)==[^\n]+(?:\n +[^\n]+)+", pinned, re.MULTILINE)

    def prepare(folder):
        (folder / "fluxlib").mkdir(parents=True)
        shutil.copy(ROOT / "run_all.sh", folder)
        (folder / "requirements.txt").write_text("\n".join(pins))
        (folder / "fluxlib" / "__init__.py").write_text("")
        (folder / "fluxlib" / "__main__.py").write_text(
            "import numpy, tenacity, pathlib\n"
            "pathlib.Path(__file__).with_name('worked').write_text(numpy.__version__)\n"
        )

    kill_often(tmp_path, SET_UP, ["fluxlib/worked"], prepare=prepare)


def test_a_fetch_that_is_killed_ends_at_the_next_call_with_every_file_whole(tmp_path):
    server = Archive(lay_archives(tmp_path / "archives"))
    places = ["out/**/*.*"]
    try:
        kill_often(tmp_path, FETCH, places, server.url, prepare=lambda folder: folder.mkdir())
    finally:
        server.close()


@pytest.mark.slow
def test_a_sample_and_its_cache_whose_making_is_killed_are_whole_after_the_next_call(tmp_path):
    kill_often(
        tmp_path, SAMPLE, ["*.csv", "data/sample/**/*"], prepare=lambda folder: folder.mkdir()
    )


@pytest.fixture(scope="module")
def months(tmp_path_factory):
    folder = tmp_path_factory.mktemp("months") / "data"
    return fluxlib.write_dataset(fluxlib.simulate("2014-03-01", "2014-05-01", "1h", seed=4), folder)


@pytest.mark.slow
def test_a_record_whose_making_is_killed_is_equal_to_the_byte_after_the_next_call(months, tmp_path):
    places = ["out/*.nc", "out/*.parquet"]
    kill_often(tmp_path, RECORD, places, months, prepare=lambda folder: folder.mkdir())


@pytest.mark.slow
def test_a_forecast_that_is_killed_is_issued_once_and_equal_by_the_next_call(months, tmp_path):
    past = fluxlib.simulate("2013-01-01", "2014-03-01", "1h", seed=4)
    train_bundle(past, tmp_path / "toy", members=1, blocks=2, epochs=1, units=4)
    places = ["out/log/*", "out/index.html"]
    kill_often(
        tmp_path, NOW, places, months, tmp_path / "toy", prepare=lambda folder: folder.mkdir()
    )
