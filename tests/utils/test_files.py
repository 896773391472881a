import os
import stat
import subprocess
import sys

import platformdirs
import pytest

from fluxlib.errors import FluxError
from fluxlib.utils import files as paths


def test_the_file_appears_whole_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "table.csv.gz"
    with paths.atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.name.endswith(".csv.gz")
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["table.csv.gz"]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "kept.txt"
    target.write_text("old")

    def write_half():
        with paths.atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyError("stopped")

    with pytest.raises(KeyError):
        write_half()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["kept.txt"]


def test_what_a_killed_process_left_is_removed_by_the_next_writer_and_nothing_else(tmp_path):
    script = """
import os, sys
from fluxlib.utils.files import atomic_folder, atomic_path
with atomic_folder(sys.argv[1] + "/set"), atomic_path(sys.argv[1] + "/a.csv") as path:
    path.write_text("half")
    print("ready", flush=True)
    sys.stdin.read()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    writers = [subprocess.Popen([sys.executable, "-c", script, tmp_path], **pipes) for _ in "ab"]
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
    writers[0].kill()
    writers[0].communicate()
    (tmp_path / ".writing-elsewhere").mkdir()
    paths.write_text(tmp_path / "other.txt", "whole")
    left = {path.name for path in tmp_path.iterdir()} - {"other.txt", ".writing-elsewhere"}
    assert len(left) == 2
    assert all(f"-{writers[1].pid}-" in name for name in left)
    writers[1].communicate(b"")
    assert sorted(os.listdir(tmp_path)) == [".writing-elsewhere", "a.csv", "other.txt", "set"]


def test_results_that_a_step_did_not_save_are_empty(tmp_path):
    (tmp_path / "01_a.json").write_text('{"n": 1}')
    assert paths.read_results(tmp_path, "01_a") == {"n": 1}
    assert paths.read_results(tmp_path, "02_b") == {}


def test_the_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    paths.write_text(tmp_path / "atomic", "µ")
    assert (tmp_path / "atomic").read_text(encoding="utf-8") == "µ"
    rights = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")]
    assert rights[0] == rights[1]


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("FLUX_CACHE", str(tmp_path))
    assert paths.cache_folder() == tmp_path
    monkeypatch.setenv("FLUX_CACHE", "")
    assert paths.cache_folder() == platformdirs.user_cache_path("fluxlib-goes")


def test_a_folder_appears_whole_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "set"
    with paths.atomic_folder(target) as temporary:
        (temporary / "a.txt").write_text("whole")
        assert not target.exists()
        assert temporary.parent == target.parent
    assert (target / "a.txt").read_text() == "whole"
    assert os.listdir(target.parent) == ["set"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_failure_leaves_no_new_folder_and_the_old_one_untouched(tmp_path, replace):
    if replace:
        (tmp_path / "set" / "old").mkdir(parents=True)
    before = list(tmp_path.rglob("*"))

    def write_half():
        with paths.atomic_folder(tmp_path / "set", replace=replace) as temporary:
            (temporary / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.rglob("*")) == before


def test_an_existing_folder_is_refused_or_replaced_as_a_whole(tmp_path):
    (tmp_path / "set").mkdir()
    with paths.atomic_folder(tmp_path / "set") as temporary:  # an empty one may be filled
        (temporary / "old").touch()
    with (
        pytest.raises(FluxError, match="already contains files"),
        paths.atomic_folder(tmp_path / "set"),
    ):
        pass
    with paths.atomic_folder(tmp_path / "set", replace=True) as temporary:
        (temporary / "new").touch()
        assert os.listdir(tmp_path / "set") == ["old"]
    assert os.listdir(tmp_path / "set") == ["new"]
    assert os.listdir(tmp_path) == ["set"]


def test_a_file_is_never_replaced_by_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(FluxError, match="is a file"),
        paths.atomic_folder(tmp_path / "file", replace=True),
    ):
        pass


def test_the_hash_of_code_knows_in_which_file_it_stands(monkeypatch, tmp_path):
    package = tmp_path / "package"
    (package / "io").mkdir(parents=True)
    monkeypatch.setattr(paths, "__file__", str(package / "utils" / "files.py"))
    (package / "io" / "goes.py").write_text("x = 1\n")
    first = paths.hash_code("io")
    (package / "io" / "goes.py").rename(package / "io" / "omni.py")
    assert paths.hash_code("io") != first
