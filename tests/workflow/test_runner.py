import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from fluxlib.errors import FluxError
from tests.helpers.notebooks import (
    MIXED,
    get_statuses,
    run_mixed,
    run_toys,
    still_code,
    write_notebook,
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def still():
    with still_code():
        yield


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return run_mixed(tmp_path_factory)


def read_results(folder):
    """Return the bytes of everything that counts as a result."""
    paths = [
        *folder.glob("reports/toy/*_*.json"),
        *folder.glob("reports/toy/tables/*"),
        *folder.glob("figures/toy/*"),
    ]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in paths
        if not path.name.endswith(".stamp.json")
    }


def test_a_failure_stops_only_what_needs_it(mixed):
    _, run, _ = mixed
    assert get_statuses(run) == {
        "01": "done",
        "02": "not applicable",
        "03": "done",
        "04": "failed",
        "05": "skipped",
        "06": "done",
    }


def test_the_failures_name_notebook_cell_and_error(mixed):
    _, run, _ = mixed
    assert run.failures == [
        "04_imputation failed in cell [4] \"flux = {}\": KeyError: 'e2'",
        "05_prediction was skipped: it needs 04_imputation",
    ]


def test_one_line_a_notebook_is_said_with_its_time(mixed):
    _, _, said = mixed
    assert [" ".join(line.split()[:2]).rstrip(",") for line in said] == [
        "01_observations done",
        "02_calibration not",
        "03_offsets done",
        "04_imputation failed",
        "05_prediction skipped",
        "06_summary done",
    ]
    assert said[0].endswith(" s")


def test_a_later_step_sees_that_an_earlier_one_did_not_apply(mixed):
    folder, _, _ = mixed
    assert json.loads((folder / "reports/toy/03_offsets.json").read_text()) == {"calibrated": False}


def test_parameters_reach_the_notebook(mixed):
    folder, run, _ = mixed
    assert run.outcomes[2].parameters == {"lag_days": 6}
    notebook = nbformat.read(folder / "reports/toy/03_offsets.ipynb", as_version=4)
    assert notebook.metadata.papermill.parameters.lag_days == 6
    assert notebook.metadata.papermill.parameters.interactive is False


def test_partial_notebooks_are_kept_without_papermills_banner(mixed):
    folder, _, _ = mixed
    for name in ("02_calibration", "04_imputation"):
        notebook = nbformat.read(folder / f"reports/toy/{name}.ipynb", as_version=4)
        assert "papermill-error-cell" not in nbformat.writes(notebook)
        assert any(o.output_type == "error" for c in notebook.cells for o in c.get("outputs", []))


def test_stale_and_half_written_files_are_gone(mixed):
    folder, _, _ = mixed
    names = {path.name for path in (folder / "reports/toy/tables").iterdir()}
    assert names == {"01_observations_counts.parquet"}


def test_what_is_current_is_reused_and_what_failed_is_tried_again(mixed, tmp_path):
    before = read_results(mixed[0])
    shutil.copytree(mixed[0], tmp_path, dirs_exist_ok=True)
    run, said = run_toys(tmp_path, parameters=MIXED)
    assert list(get_statuses(run).values()) == [
        "reused",
        "reused",
        "reused",
        "failed",
        "skipped",
        "reused",
    ]
    assert said[0].split() == ["01_observations", "reused,", "was", "done"]
    assert read_results(tmp_path) == before


def test_a_changed_parameter_reruns_only_its_notebook_and_those_after(tmp_path):
    notebooks = tmp_path / "notebooks"
    save = "from pathlib import Path\nout = Path(reports_folder, 'toy')\n"
    for name, line, needs in [
        ("01_a", "(out / '01_a.json').write_text('{\"n\": %d}' % n)", []),
        ("02_b", "(out / '02_b.json').write_text('{\"m\": %d}' % m)", []),
        ("03_c", "(out / '03_c.json').write_text((out / '02_b.json').read_text())", ["02_b"]),
    ]:
        own = {"01_a": "n = 1\n", "02_b": "m = 1\n"}.get(name, "")
        write_notebook(notebooks, name, save + line, parameters=own, needs=needs, plain=True)
    run_toys(tmp_path)
    run, _ = run_toys(tmp_path, parameters={"m": 5})
    assert get_statuses(run) == {"01": "reused", "02": "done", "03": "done"}
    assert (tmp_path / "reports/toy/03_c.json").read_text() == '{"m": 5}'
    # A default spelled out is the default; a file that is missing is made again.
    (tmp_path / "reports/toy/01_a.json").unlink()
    run, _ = run_toys(tmp_path, parameters={"m": 5, "n": 1}, only=["01", "03"])
    assert get_statuses(run) == {"01": "done", "02": "reused", "03": "reused"}
    # What was not asked for is left as it is, and said to be out of date.
    run, _ = run_toys(tmp_path, parameters={"m": 6}, only=["01"])
    assert get_statuses(run) == {"01": "reused", "02": "out of date", "03": "out of date"}


def test_a_second_run_on_the_same_folder_is_refused(tmp_path):
    write_notebook(tmp_path / "notebooks", "01_a")
    lock = tmp_path / "reports" / "toy" / ".lock"
    lock.parent.mkdir(parents=True)
    with open(lock, "w") as file:
        file.write(f'{{"process": {os.getpid()}, "since": "10:00:00"}}')
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(FluxError, match=f"process {os.getpid()}, since 10:00:00"):
            run_toys(tmp_path)
    assert not (tmp_path / "reports" / "toy" / "index.html").exists()


def test_unknown_parameters_are_told_before_anything_runs(tmp_path):
    write_notebook(tmp_path / "notebooks", "01_a", parameters="n = 1\n")
    with pytest.raises(FluxError, match=r"batch\.yaml: no notebook has a parameter 'm'"):
        run_toys(tmp_path, parameters={"m": 1}, parameters_source="batch.yaml")
    assert not (tmp_path / "reports").exists()


GATED = """import time
from pathlib import Path
import numpy as np
import pandas as pd
results.save_table(pd.DataFrame({"x": np.random.default_rng(0).normal(size=50)}), "half")
Path(dataset_folder, "started").touch()
while not Path(dataset_folder, "gate").exists():
    time.sleep(0.05)"""


def write_gated(folder):
    (folder / "data").mkdir(parents=True)
    write_notebook(folder / "notebooks", "01_quick", "1 + 1", plain=True)
    write_notebook(
        folder / "notebooks",
        "02_long",
        GATED,
        'results.save(sum=results.read_table("02_long", "half").x.sum())',
        needs=["01_quick"],
    )


def start_run(folder):
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.helpers.notebooks import run_toys, still_code\n"
        "with still_code():\n    run_toys(Path(sys.argv[1]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], cwd=Path(__file__).parents[2]
    )
    deadline = time.monotonic() + 60
    while not (folder / "data" / "started").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_a_killed_run_is_finished_by_the_next_with_equal_results(tmp_path):
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    write_gated(killed)
    write_gated(undisturbed)
    (undisturbed / "data" / "gate").touch()
    run_toys(undisturbed)

    process = start_run(killed)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # The kernel is still there, and free to write: the next run must not mix with it.
    (killed / "data" / "gate").touch()
    run, _ = run_toys(killed)
    assert get_statuses(run) == {"01": "reused", "02": "done"}
    assert read_results(killed) == read_results(undisturbed)
    assert set(read_results(killed)) == {
        "reports/toy/02_long.json",
        "reports/toy/tables/02_long_half.parquet",
    }
