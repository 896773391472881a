"""Files and folders that appear whole or not at all, the cache's folder, and a hash of code."""

import hashlib
import json
import os
import platform
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from fluxlib.errors import FluxError

WRITING = ".writing-"  # how the names of files begin that are not whole yet


def cache_folder() -> Path:
    """Return the folder of cached tables: ``FLUX_CACHE``, or the user's cache on this system."""
    return Path(os.environ.get("FLUX_CACHE") or platformdirs.user_cache_path("fluxlib-goes"))


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to `path` when the block succeeds.

    A reader sees the old file or the new one and nothing in between, even if the process is
    killed. The temporary name keeps the suffixes, for writers that choose a format by them.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _name_temporary(path, "".join(path.suffixes))
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`, renamed to `path` when the block succeeds.

    Parameters
    ----------
    path : path
        Its parents are made if absent.
    replace : bool
        Whether a folder that already exists there is removed when the block succeeds.

    Raises
    ------
    FluxError
        If `path` is a file or, unless it is to be replaced, a folder that is not empty.
    OSError
        If another process puts a folder there at the same time; which of the two is first stays.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise FluxError(f"{path}: is a file; name a new folder.")
    if not replace and path.exists() and any(path.iterdir()):
        raise FluxError(f"{path}: already contains files; name a new folder.")
    temporary, old = _name_temporary(path), _name_temporary(path)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if replace:
            with suppress(FileNotFoundError):
                path.rename(old)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _name_temporary(path: Path, suffix: str = "") -> Path:
    """Return a hidden name beside `path` that no other process uses; tidy up after killed ones."""
    host = f"{WRITING}{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"
    for left in path.parent.glob(f"{host}*"):
        if _has_ended(left.name.removeprefix(host).partition("-")[0]):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    return path.with_name(f"{host}{os.getpid()}-{uuid.uuid4().hex}{suffix}")


def _has_ended(process: str) -> bool:
    """Tell whether no process of this machine has a number."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        pass  # it runs for another user, or the name is not one of ours
    return False


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_results(folder: Path, step: str) -> dict:
    """Return what a step saved in a dataset's folder of reports; empty if it saved nothing."""
    path = folder / f"{step}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def hash_code(*chapters: str) -> str:
    """Return a hash of the source of some chapters of the package (``"io"``), or of modules."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    paths = [path for name in chapters for path in (package / name).rglob("*.py")]
    paths += [package / f"{name}.py" for name in chapters if (package / f"{name}.py").exists()]
    for path in sorted(paths):
        digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
