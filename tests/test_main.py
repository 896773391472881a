import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fluxlib import __main__ as command
from fluxlib.commands import notebooks as running
from fluxlib.simulation import sample
from fluxlib.workflow import notebooks
from fluxlib.workflow.store import RunFolder
from tests.helpers.notebooks import write_notebook, write_step

PROJECT = notebooks.PROJECT


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Point the command, in this process, at notebooks and outputs of the test's own."""
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(notebooks, "SAMPLE", tmp_path / "data" / "sample")
    monkeypatch.setattr(notebooks, "PROJECT", tmp_path)
    (tmp_path / "requirements.txt").touch()
    return tmp_path


@pytest.fixture
def clone(tmp_path):
    """Copy what a project needs beside notebooks, with a dataset, for processes of their own."""
    folder = tmp_path / "a clone"
    for name in ("fluxlib", "Snakefile", "requirements.txt"):
        path = PROJECT / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder / name)
    write_dataset(folder / "small")
    return folder


def start(clone, *arguments):
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "fluxlib", *arguments],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(clone, *arguments):
    """Return the exit status of a command and the lines that it printed."""
    process = start(clone, *arguments)
    printed, error = process.communicate(timeout=240)
    assert "Traceback" not in error
    return process.returncode, printed.splitlines() + error.splitlines()


def write_dataset(folder):
    folder.mkdir(parents=True)
    time = pd.date_range("2010-01-01", periods=48, freq="h", name="time")
    pd.DataFrame({"e2": np.full(48, 100.0)}, index=time).to_csv(folder / "flux.csv")
    (folder / "dataset.toml").write_text(
        '[dataset]\nname = "small"\ntitle = "Two days"\nsynthetic = true\n'
        '[[flux]]\nformat = "table"\nfiles = "flux.csv"\nsatellite = "goes11"\ncadence = "1h"\n'
    )


def test_a_dataset_is_described_by_its_manifest_and_content(tmp_path):
    write_dataset(tmp_path / "a")
    source = running.describe_dataset(tmp_path / "a")
    assert (source.name, source.title, source.synthetic) == ("small", "Two days", True)
    assert source.folder == tmp_path / "a"
    with open(tmp_path / "a" / "flux.csv", "a") as file:
        file.write("2010-01-03 00:00:00,5.0\n")
    assert running.describe_dataset(tmp_path / "a").key != source.key


def test_a_dataset_is_described_again_only_when_its_files_or_the_code_change(project, monkeypatch):
    write_dataset(project / "a")
    described = []
    describe = running.describe_dataset
    monkeypatch.setattr(
        running, "describe_dataset", lambda folder: described.append(folder) or describe(folder)
    )
    first = running._recall_dataset(project / "a")
    assert running._recall_dataset(project / "a") == first == describe(project / "a")
    assert len(described) == 1
    with open(project / "a" / "flux.csv", "a") as file:
        file.write("2010-01-03 00:00:00,5.0\n")
    assert running._recall_dataset(project / "a").key != first.key
    (project / "requirements.txt").write_text("numpy==9\n")
    running._recall_dataset(project / "a")
    assert len(described) == 3


def test_a_call_that_finds_nothing_to_do_imports_nothing_slow(clone):
    write_notebook(clone / "notebooks", "01_a")
    words = ["--data", str(clone / "small"), "--dry-run"]
    assert run(clone, *words)[0] == 0
    code = (
        "import sys\nfrom fluxlib.__main__ import main\n"
        f"assert main({words}) == 0\n"
        "print([name for name in ('pandas', 'nbformat', 'papermill') if name in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
    )
    assert process.stdout.splitlines()[-1] == "[]", process.stderr


def test_input_that_cannot_be_used_is_one_sentence_and_status_2(project, capsys):
    write_dataset(project / "small")
    write_notebook(project / "notebooks", "01_a", parameters="n = 1\n")
    (project / "x.yaml").write_text("m: 1\n")
    data = ["--data", str(project / "small")]
    assert command.main([*data, "-f", str(project / "x.yaml")]) == 2
    assert "x.yaml: no notebook has a parameter 'm'" in capsys.readouterr().err
    assert command.main([*data, "--only", "01,09"]) == 2
    assert "'09' is no notebook; expected one of 01_a." in capsys.readouterr().err
    assert command.main(["--data", str(project / "absent")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert "absent" in error
    assert not (project / "reports").exists()


@pytest.mark.parametrize("arguments", [["--dat", "x"], ["swep"], ["--only", "1", "--from", "2"]])
def test_an_unknown_option_ends_at_once(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert "./run_all.sh [OPTIONS], or ./run_all.sh COMMAND" in capsys.readouterr().err


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for option in ("--data", "--params", "--only", "--from", "--scheduler", "--publish"):
        assert option in text
    for option in ("--workers", "--cores", "--profile", "--executor", "--dry-run"):
        assert option in text
    for option in ("test", "lab", "fetch", "sweep", "record", "docs"):
        assert option in text


def test_a_record_is_made_once_and_again_when_something_has_changed(project, capsys, tmp_path):
    write_dataset(project / "small")
    words = ["record", "--data", str(project / "small")]
    assert command.main(words) == 0
    page = project / "records" / "small" / "index.html"
    assert page.read_text().count("<img") == 2
    assert str(page) in capsys.readouterr().out
    assert command.main(words) == 0
    assert "Nothing has changed" in capsys.readouterr().out
    assert command.main([*words, "--max-gap", "2D"]) == 0
    assert "Nothing has changed" not in capsys.readouterr().out
    (project / "records" / "small" / "about.json").write_text("{")
    assert command.main([*words, "--max-gap", "2D"]) == 0
    assert "Nothing has changed" not in capsys.readouterr().out
    assert command.main([*words, "--out", str(tmp_path / "other"), "--max-gap", "x"]) == 2
    assert "max_gap is 'x'" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_clean_lists_what_can_be_made_again_and_removes_it_when_told(project, capsys):
    for name in ("data/cache/a.parquet", "reports/toy/index.html", "figures/toy/b.png", "lab/c"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(b"x" * 2_000_000)
    (project / "figures" / "gap.png").write_bytes(b"ours")
    (project / "data" / "raw").mkdir()
    assert command.main(["clean"]) == 0
    printed = capsys.readouterr().out
    assert "6.0 MB in all; --yes removes it" in printed
    assert (project / "data" / "cache" / "a.parquet").exists()
    assert command.main(["clean", "cache", "--yes"]) == 0
    assert not (project / "data" / "cache").exists()
    assert (project / "reports").exists()
    assert command.main(["clean", "--yes"]) == 0
    left = {path.relative_to(project).as_posix() for path in project.rglob("*")}
    assert {"figures/gap.png", "lab/c", "data/raw"} <= left
    assert not {"reports", "figures/toy"} & left
    assert command.main(["clean", "home"]) == 2
    assert "there is no 'home' to clean; there are cache, sample" in capsys.readouterr().err


def test_two_datasets_of_one_name_do_not_share_a_report(project, capsys):
    write_dataset(project / "small")
    write_dataset(project / "other" / "small")
    write_notebook(project / "notebooks", "01_a")
    place = RunFolder(running.describe_dataset(project / "small"), project / "reports", project)
    place.write_state({}, {})
    assert command.main(["--data", str(project / "other" / "small"), "--only", "01"]) == 2
    assert "is called small too. Rename one" in capsys.readouterr().err
    shutil.rmtree(project / "small")  # moved, say
    other = running.describe_dataset(project / "other" / "small")
    RunFolder(other, project / "reports", project).check_owner()


def test_help_needs_no_package(tmp_path):
    process = subprocess.run(
        [sys.executable, "-I", "-S", PROJECT / "fluxlib" / "__main__.py", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert "--data DIR" in process.stdout


def test_what_follows_a_command_belongs_to_it():
    for words in (["test", "-q", "--help"], ["lab", "--port", "1"], ["fetch", "-h", "x"]):
        options = command.make_parser().parse_args(words)
        assert options.rest == words[1:]
    options = command.make_parser().parse_args(["--only", "01,03", "--only", "04"])
    assert (options.only, options.run) == (["01", "03", "04"], "notebooks.run")


@pytest.mark.slow
def test_a_failure_is_the_last_line_and_status_1_and_the_rest_is_reused(clone):
    data = clone / "small"
    write_step(clone, "01_a", "save(n)", parameters="n = 1\n")
    write_notebook(clone / "notebooks", "02_fails", "1 / 0", plain=True)
    status, lines = run(clone, "--data", str(data))
    assert status == 1
    assert lines[-2].endswith(f"Report: {clone / 'reports' / 'small' / 'index.html'}")
    assert lines[-1] == '02_fails failed in cell [3] "1 / 0": ZeroDivisionError: division by zero'

    def explain(*words):
        status, lines = run(clone, "--data", str(data), "--dry-run", "--only", "01", *words)
        assert status == 0
        return [line.split(maxsplit=1)[1] for line in lines]

    assert explain() == ["is current: done", "not asked for"]
    (clone / "n.yaml").write_text("n: 2\n")
    assert explain("-f", str(clone / "n.yaml"))[0] == "would run: changed parameters: n"
    for path, reason in [
        (clone / "fluxlib" / "satellites.py", "fluxlib or requirements.txt have changed"),
        (clone / "requirements.txt", "fluxlib or requirements.txt have changed"),
        (data / "flux.csv", "the data have changed"),
    ]:
        text = path.read_text()
        path.write_text(
            text + ("2010-01-03 00:00:00,5.0\n" if path.suffix == ".csv" else "\n# x\n")
        )
        assert reason in explain()[0]
        path.write_text(text)
    assert explain()[0] == "is current: done"
    assert (data / "ran").read_text().split() == ["01_a"]


def test_a_sample_is_kept_as_long_as_the_code_that_makes_it_is_the_same(project, monkeypatch):
    folder = project / "data" / "sample"
    write_dataset(folder)
    write_notebook(project / "notebooks", "01_a")
    made = []
    monkeypatch.setattr(sample, "make_sample", lambda at: (made.append(at), write_dataset(at)))
    assert command.main(["--only", "02"]) == 2
    assert made == []  # what is wrong is said first
    assert command.main(["--dry-run"]) == 0
    assert made == [folder]
    monkeypatch.setattr(sample, "is_current", lambda at: True)
    assert command.main(["--dry-run"]) == 0
    assert made == [folder]


def test_fetch_is_reached_and_its_faults_are_one_sentence(tmp_path, capsys):
    words = ["--satellites", "goes99", "--start", "2014-01", "--end", "2014-02"]
    assert command.main(["fetch", "--out", str(tmp_path / "set"), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert "goes99" in error


@pytest.mark.slow
def test_a_sweep_is_run_compared_and_published(clone):
    write_notebook(clone / "notebooks", "01_a", "1 / n", parameters="n = 1\n", plain=True)
    (clone / "two.yaml").write_text("datasets: [small]\ngrid: {n: [0, 1]}\n")
    words = ["sweep", str(clone / "two.yaml")]
    status, lines = run(clone, *words, "--dry-run")
    assert status == 0
    assert lines[0] == "2 runs, 2 different steps"
    assert [" would run: " in line for line in lines[1:]] == [True, True]
    assert not (clone / "sweeps").exists()
    status, lines = run(clone, *words, "--publish", f"file://{clone}/published")
    assert status == 1
    index = clone / "sweeps" / "two" / "index.html"
    assert lines[0] == "2 runs, 2 different steps"
    assert [line.split()[0] for line in lines[1:3]] == ["1/2", "2/2"]
    assert lines[-3].endswith(f" s in all. Report: {index}")
    assert lines[-2].startswith("Published: ")
    assert lines[-1].endswith("ZeroDivisionError: division by zero (run-1)")
    assert (clone / "published" / "sweeps" / "two" / "index.html").is_file()


def test_a_sweep_that_cannot_be_read_is_one_sentence_and_status_2(project, capsys):
    assert command.main(["sweep", str(project / "absent.yaml")]) == 2
    assert "absent.yaml: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["0", "-1", "1.5", "two"])
@pytest.mark.parametrize("words", [["sweep", "x.yaml"], ["fetch", "--out", "x"]])
def test_a_number_of_workers_that_is_none_is_refused(project, capsys, words, workers):
    with pytest.raises(SystemExit, match="2"):
        command.main([*words, f"--workers={workers}"])
    last = capsys.readouterr().err.splitlines()[-1]
    assert "error: argument --workers" in last
    assert last.endswith(f": it is {workers!r}; expected a whole number above 0.")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Make room"),
        (errno.EACCES, "Make it writable"),
        (errno.EROFS, "Make it writable"),
    ],
)
def test_a_disk_that_is_full_or_read_only_is_one_sentence_and_status_2(
    monkeypatch, capsys, number, advice
):
    def fail(_):
        raise OSError(number, os.strerror(number), "reports/x")

    monkeypatch.setattr(running, "run", fail)
    assert command.main([]) == 2
    error = capsys.readouterr().err
    assert f"{os.strerror(number)}: 'reports/x'. {advice}; the same command goes on" in error


@pytest.mark.slow
def test_an_interrupt_ends_with_one_line_and_without_a_kernel(clone):
    write_notebook(
        clone / "notebooks",
        "01_long",
        "import os, time\nfrom pathlib import Path\n"
        "Path(dataset_folder, 'writing').write_text(f'{os.getpid()} {os.getppid()}')\n"
        "Path(dataset_folder, 'writing').rename(Path(dataset_folder, 'started'))\n"
        "time.sleep(600)",
        plain=True,
    )
    process = start(clone, "--data", str(clone / "small"))
    started = clone / "small" / "started"
    wait_for(lambda: started.exists() or process.poll() is not None)
    processes = started.read_text().split()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.split("\n")[-2:] == ["Stopped. The same command goes on from here.", ""]
    assert "Traceback" not in error
    for one in processes:
        wait_for(lambda one=one: not Path(f"/proc/{one}/cmdline").is_file())
    assert not list((clone / "reports" / ".steps").glob(".run-*"))


def wait_for(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("test", "status"),
    [
        ("def test_x(): pass", 0),
        ("import pytest\n@pytest.mark.skip\ndef test_x(): pass", 1),
    ],
)
def test_the_tests_fail_when_none_ran(tmp_path, test, status):
    (tmp_path / "test_toy.py").write_text(test)
    process = subprocess.run(
        [sys.executable, "-m", "fluxlib", "test", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert process.returncode == status, process.stdout
    assert ("no test ran" in process.stderr) == ("skip" in test)
