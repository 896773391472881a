"""Where things are, and how files are written so that no half of one is ever seen."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOKS = PROJECT / "notebooks"
SAMPLE = PROJECT / "data" / "sample"


def cache_folder() -> Path:
    """Return the folder of cached tables: ``FLUX_CACHE``, or ``data/cache`` in the project."""
    return Path(os.environ.get("FLUX_CACHE", PROJECT / "data" / "cache"))


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds.

    A reader sees the old file or the new one and nothing between, whenever a run is killed.
    The temporary name keeps the suffix, for writers that choose a format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=".writing-", suffix="".join(path.suffixes), dir=path.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp is private to its user; a result is not.
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_results(folder: Path, step: str) -> dict:
    """Return what a step saved in a dataset's folder of reports; nothing where it saved nothing."""
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
