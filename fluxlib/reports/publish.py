"""Copies of reports in an object store, through fsspec: S3, Google Cloud Storage, Azure."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from fluxlib.errors import FluxError

RECORD = "published.json"


def publish(folders: Iterable[Path], url: str, *, root: Path) -> str:
    """Copy folders to an object store: what is new or has changed there, and no longer is here.

    First pages are copied last, so that all that they lead to is there.

    Parameters
    ----------
    folders
        Below `root`; each keeps its place in `url`, so that links between them hold.
    url
        Any that fsspec knows: ``s3://bucket/path``, ``gs://...``, ``abfs://...``. Each kind asks
        for its package (s3fs, gcsfs, adlfs), which finds credentials where it is used to.
    root
        The folder that becomes `url`.

    Returns
    -------
    str
        What was copied, in words.

    Raises
    ------
    FluxError
        If the place cannot be written to.
    """
    import fsspec

    files = {
        path.relative_to(root).as_posix(): path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    try:
        store, place = fsspec.url_to_fs(url)
        store.auto_mkdir = True  # what a mounted folder needs, and object stores do not
        return _copy(store, place.rstrip("/"), files, hashes, folders, root)
    except Exception as error:
        # Each store's package has errors of its own; all of them are about the place.
        raise FluxError(
            f"--publish is {url!r}, which cannot be written to: {type(error).__name__}: {error}"
        ) from error


def _copy(store, place, files, hashes, folders, root) -> str:
    record = f"{place}/{RECORD}"
    old = json.loads(store.cat_file(record)) if store.exists(record) else {}
    # What other folders published here stays.
    own = tuple(f"{folder.relative_to(root).as_posix()}/" for folder in folders)
    changed = [name for name in files if old.get(name) != hashes[name]]
    # The record lies where others may write; a name that leads out of the folders is not followed.
    gone = [
        name
        for name in old
        if name.startswith(own) and ".." not in Path(name).parts and name not in files
    ]
    for name in sorted(changed, key=lambda name: (name.endswith("index.html"), name)):
        store.put_file(str(files[name]), f"{place}/{name}")
    for name in gone:
        store.rm_file(f"{place}/{name}")
    kept = {name: value for name, value in old.items() if name not in gone}
    if changed or gone:
        store.pipe_file(record, json.dumps(kept | hashes, indent=1).encode())
    return f"{len(changed)} of {len(files)} files, {store.unstrip_protocol(place)}"
