import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
SCRIPT = PROJECT / "run_all.sh"


@pytest.fixture
def clone(tmp_path):
    """Make a project that is only the door, an empty list of packages, and a command."""
    folder = tmp_path / "a clone"
    (folder / "fluxlib").mkdir(parents=True)
    shutil.copy(SCRIPT, folder)
    (folder / "requirements.txt").write_text("")
    (folder / "fluxlib" / "__init__.py").write_text("")
    (folder / "fluxlib" / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.environ.get('MPLBACKEND'))\n"
    )
    return folder


def run(clone, *arguments, **environment):
    return subprocess.run(
        ["bash", clone / "run_all.sh", *arguments],
        cwd=clone.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def fake_python(folder, version):
    """Put a `python3` in a folder that says it is of another version."""
    folder.mkdir(exist_ok=True)
    for name in ("python3", "python3.11"):
        path = folder / name
        path.write_text(f'#!/bin/sh\ncase "$2" in *print*) echo {version} ;; *) exit 1 ;; esac\n')
        path.chmod(0o755)
    for tool in ("bash", "dirname", "cat"):
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def test_the_script_is_well_formed():
    subprocess.run(["bash", "-n", SCRIPT, PROJECT / ".ci" / "run"], check=True)
    assert os.access(SCRIPT, os.X_OK)
    assert os.access(PROJECT / ".ci" / "run", os.X_OK)


def test_help_needs_no_set_up(clone):
    shutil.copy(PROJECT / "fluxlib" / "__main__.py", clone / "fluxlib")
    process = run(clone, "--only", "03", "--help")
    assert process.returncode == 0
    assert "--data DIR" in process.stdout
    assert not (clone / ".venv").exists()


def test_a_python_that_is_too_old_gets_one_sentence(clone, tmp_path):
    path = fake_python(tmp_path / "bin", "3.9.18")
    process = run(clone, PATH=str(path), PYTHON="")
    assert process.returncode == 1
    assert process.stderr == (
        "run_all.sh: Python 3.11, 3.12 or 3.13 is needed, and there is none on the PATH, "
        "python3.11 is 3.9.18, python3 is 3.9.18. Install one from https://www.python.org, or "
        "name it with PYTHON=/path/to/python.\n"
    )
    assert not (clone / ".venv").exists()


def test_a_chosen_python_that_does_not_fit_is_named(clone, tmp_path):
    chosen = fake_python(tmp_path / "bin", "3.14.0") / "python3"
    process = run(clone, PYTHON=str(chosen))
    assert process.returncode == 1
    assert f"PYTHON is {chosen} (3.14.0), but Python 3.11, 3.12 or 3.13 is" in process.stderr
    process = run(clone, PYTHON="/no/such/python")
    assert process.returncode == 1
    assert "PYTHON is /no/such/python (unusable)" in process.stderr


def fake_uv(folder, status):
    """Put a `uv` in a folder that notes its call and ends with a status."""
    folder.mkdir()
    path = folder / "uv"
    path.write_text(f'#!/bin/sh\necho "$@" >>"{folder}/calls"\nexit {status}\n')
    path.chmod(0o755)
    return folder


@pytest.mark.slow
def test_of_two_first_calls_at_once_one_sets_up(clone, tmp_path):
    uv = fake_uv(tmp_path / "bin", 0)
    (uv / "uv").write_text((uv / "uv").read_text().replace("exit", "sleep 1\nexit"))
    environment = {**os.environ, "PATH": f"{uv}:{os.environ['PATH']}"}
    command = ["bash", clone / "run_all.sh", "--only", "01"]
    options = {"env": environment, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **options) for _ in range(3)]
    printed = [process.communicate(timeout=120)[0] for process in processes]
    assert printed == 3 * ["['--only', '01'] None\n"]
    assert len((uv / "calls").read_text().splitlines()) == 1


def test_set_up_happens_once_follows_the_pins_and_survives_a_kill(clone, tmp_path):
    uv = fake_uv(tmp_path / "bin", status=0)
    path = f"{uv}:{os.environ['PATH']}"
    first = run(clone, "--data", "some folder", MPLBACKEND="agg", PATH=path)
    assert first.returncode == 0, first.stderr
    assert first.stdout == "['--data', 'some folder'] None\n"
    assert "Setting up .venv" in first.stderr
    assert (uv / "calls").read_text() == (
        f"pip install --quiet --python {clone}/.venv/bin/python -r {clone}/requirements.txt\n"
    )

    second = run(clone)
    assert (second.stdout, second.stderr) == ("[] None\n", "")

    # What uv cannot install, pip can.
    (uv / "uv").write_text("#!/bin/sh\nexit 2\n")
    (clone / "requirements.txt").write_text("# other pins\n")
    assert "Bringing .venv up to date" in run(clone, PATH=path).stderr
    assert run(clone).stderr == ""

    (clone / "requirements.txt").write_text("./no-such-folder\n")
    failed = run(clone, PATH=path)
    assert failed.returncode == 1
    assert "installing requirements.txt failed" in failed.stderr

    # Like a kill, that leaves no stamp; what was there is not trusted.
    assert not (clone / ".venv" / "set-up").exists()
    shutil.rmtree(clone / ".venv" / "bin")
    (clone / "requirements.txt").write_text("")
    again = run(clone, "test", "--help", PATH=path)
    assert "Setting up .venv" in again.stderr
    assert again.stdout == "['test', '--help'] None\n"
