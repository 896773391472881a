import os
import subprocess
import sys
import threading
from dataclasses import replace

import filelock
import pytest

from fluxlib.errors import FluxError
from fluxlib.workflow.store import (
    Outcome,
    RunFolder,
    Source,
    StepStore,
    hold_folder,
    link_file,
    list_files,
)

KEY = "ab" * 32
DONE = Outcome("01_a", "done", KEY, outputs=["reports/toy/01_a.json"], inputs={"code": "c"})


@pytest.fixture
def store(tmp_path):
    return StepStore(tmp_path / "steps")


def keep(store, outcome):
    """Put a step into the store as if it had been run."""
    folder = store.find_folder(outcome.key)
    for name in outcome.outputs:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    folder.mkdir(parents=True, exist_ok=True)
    store.write_outcome(folder, outcome)


def test_only_a_step_that_came_to_its_end_with_all_its_files_is_current(store):
    assert store.read_outcome(KEY) is None
    keep(store, DONE)
    assert store.find_current(KEY) == DONE
    for status, current in [("not applicable", True), ("failed", False), ("skipped", False)]:
        keep(store, replace(DONE, status=status))
        assert store.read_outcome(KEY).status == status
        assert (store.find_current(KEY) is not None) == current
    keep(store, DONE)
    (store.find_folder(KEY) / "reports/toy/01_a.json").unlink()
    assert store.find_current(KEY) is None
    assert store.read_outcome(KEY) == DONE


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"{ }"], ids=["emptied", "cut", "changed", "grown"]
)
def test_a_step_one_of_whose_files_is_damaged_is_not_current(store, damage):
    keep(store, DONE)
    content = store.find_folder(KEY) / "content.html"
    content.write_text("<p>")
    store.write_outcome(store.find_folder(KEY), DONE)
    assert store.find_current(KEY) == DONE
    for path in (content, store.find_folder(KEY) / "reports/toy/01_a.json"):
        kept = path.read_bytes()
        path.write_bytes(damage)
        assert store.find_current(KEY) is None
        path.write_bytes(kept)
        assert store.find_current(KEY) == DONE


def test_folders_have_short_names_and_a_key_that_only_begins_alike_is_another(store):
    keep(store, DONE)
    assert store.find_current(KEY[:40] + "0" * 24) is None


@pytest.mark.parametrize("text", ["{", '{"step": "01_a", "status": "done", "colour": "red"}', "[]"])
def test_an_outcome_of_another_version_is_none(store, text):
    keep(store, DONE)
    (store.find_folder(KEY) / "outcome.json").write_text(text)
    assert store.read_outcome(KEY) is None


CLAIMER = """
import subprocess, sys
from pathlib import Path
from fluxlib.workflow.store import StepStore
with StepStore(Path(sys.argv[1])).claim("ab" * 32):
    wait = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    subprocess.Popen(wait, stdin=sys.stdin, stdout=subprocess.DEVNULL, close_fds=False)
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_claim_is_waited_for_and_ends_with_its_process_whatever_that_has_started(store):
    command = [sys.executable, "-c", CLAIMER, str(store.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"ready\n"
        lock = store.find_folder(KEY).parent / "lock"
        with pytest.raises(filelock.Timeout):
            filelock.FileLock(lock, timeout=0).acquire()
        threading.Timer(0.3, holder.kill).start()
        with store.claim(KEY):
            assert holder.wait(timeout=10) < 0
    with store.claim(KEY):
        pass


def test_where_there_are_no_locks_nobody_waits(store, monkeypatch):
    def refuse(self):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "_acquire", refuse)
    with store.claim(KEY), store.claim(KEY):
        pass


def test_what_a_killed_process_left_is_removed_by_the_next_one_that_claims_the_step(store):
    left = store.find_folder(KEY).parent / ".writing-x" / "reports"
    left.mkdir(parents=True)
    with store.claim(KEY):
        assert not left.parent.exists()


def test_steps_of_other_code_are_removed_unless_somebody_works_on_them(store):
    other, busy = "cd" * 32, "ef" * 32
    keep(store, DONE)
    keep(store, replace(DONE, key=other, inputs={"code": "old"}))
    keep(store, replace(DONE, key=busy, inputs={"code": "old"}))
    with store.claim(busy):
        store.remove_old("c")
        assert store.find_current(KEY)
        assert not store.find_folder(other).parent.exists()
        assert store.read_outcome(busy)


def test_of_steps_that_no_run_uses_the_last_used_are_kept(store, monkeypatch):
    monkeypatch.setattr("fluxlib.workflow.store.MOST_UNUSED", 2)
    keys = [f"{number:x}" * 64 for number in range(1, 6)]
    for age, key in enumerate(keys):
        keep(store, replace(DONE, key=key))
        os.utime(store.find_folder(key) / "outcome.json", (1e9 - age, 1e9 - age))
    store.remove_old("c", used=[keys[4]])
    assert [store.read_outcome(key) is not None for key in keys] == [True, True, False, False, True]
    store.remove_old("c")  # what was used is now the newest of the unused
    assert [store.read_outcome(key) is not None for key in keys] == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_what_a_killed_run_left_is_removed_by_the_next_and_a_living_one_is_left_alone(store):
    left = store.folder / ".run-left"
    left.mkdir(parents=True)
    with store.lend_scratch() as first, store.lend_scratch() as second:
        assert first.exists()
        assert second.exists()
        assert not left.exists()
    assert list(store.folder.iterdir()) == []


def test_a_failure_is_one_sentence_with_cell_and_reason():
    failed = Outcome("04_x", "failed", message="KeyError: 'e2'", cell='[4] "a"')
    assert failed.describe_failure() == "04_x failed in cell [4] \"a\": KeyError: 'e2'"
    assert replace(failed, cell="").describe_failure() == "04_x failed: KeyError: 'e2'"
    skipped = replace(failed, status="skipped", message="it needs 03_y")
    assert skipped.describe_failure() == "04_x was skipped: it needs 03_y"


def test_a_second_run_on_a_folder_is_told_who_holds_it(tmp_path):
    with (
        hold_folder(tmp_path / "toy"),
        pytest.raises(
            FluxError, match=rf"process {os.getpid()}, since \d\d:\d\d:\d\d\) is writing to .*toy"
        ),
        hold_folder(tmp_path / "toy"),
    ):
        pass
    with hold_folder(tmp_path / "toy"):
        pass


def test_a_link_is_the_same_file_a_notebook_a_copy_and_a_change_is_followed(tmp_path):
    for name in ("a.parquet", "a.ipynb"):
        (tmp_path / name).write_text("text")
        link_file(tmp_path / name, tmp_path / "b" / name)
        assert (tmp_path / "b" / name).read_text() == "text"
    assert os.path.samefile(tmp_path / "a.parquet", tmp_path / "b" / "a.parquet")
    # JupyterLab writes into the file that it has opened.
    (tmp_path / "b" / "a.ipynb").write_text("edited in JupyterLab")
    assert (tmp_path / "a.ipynb").read_text() == "text"
    link_file(tmp_path / "a.ipynb", tmp_path / "b" / "a.ipynb")
    assert (tmp_path / "b" / "a.ipynb").read_text() == "text"
    before = (tmp_path / "b" / "a.ipynb").stat().st_ino
    link_file(tmp_path / "a.ipynb", tmp_path / "b" / "a.ipynb")
    assert (tmp_path / "b" / "a.ipynb").stat().st_ino == before


def test_files_are_copied_where_a_file_system_has_no_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_text("text")
    link_file(tmp_path / "a", tmp_path / "b" / "copied")
    assert (tmp_path / "b" / "copied").read_text() == "text"
    assert not os.path.samefile(tmp_path / "a", tmp_path / "b" / "copied")


@pytest.fixture
def place(tmp_path):
    source = Source(tmp_path / "data", "toy", "Toy", synthetic=True, key="k")
    return RunFolder(source, tmp_path / "reports", tmp_path / "figures")


def test_the_files_of_a_step_are_its_own_and_not_its_page(place, tmp_path):
    own = ["reports/toy/02_b.json", "reports/toy/02_b.log", "reports/toy/tables/02_b_t.parquet"]
    own += ["figures/toy/02_b_x.png"]
    for name in [*own, "reports/toy/02_b.html", "reports/toy/02_bb.json", "figures/toy/03_c_x.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files = place.list_files("02_b")
    assert set(files) == set(own)
    assert all(place.place(name) == path for name, path in files.items())
    assert len(list_files(tmp_path, "reports", "figures")) == len(own) + 3


def test_what_a_folder_was_made_of_is_remembered_and_a_broken_note_is_none(place):
    assert place.read_state() == ({}, {})
    place.folder.mkdir(parents=True)
    place.write_state({"01_a": replace(DONE, reused=True)}, {"01_a": "done"})
    assert place.read_state() == ({"01_a": DONE}, {"01_a": "done"})
    (place.folder / ".state.json").write_text('{"outcomes": {"01_a": {"colour": 1}}}')
    assert place.read_state() == ({}, {})
