"""Packages that are heavy or absent: imported when first used, missed in one error, kept quiet.

``import fluxlib`` is quick, and nobody pays for TensorFlow before training a network, because a
chapter's ``__init__.py`` imports nothing: its stub, ``__init__.pyi``, says which module each public
name is in.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lazy_loader

from fluxlib.errors import MissingExtraError

# How Abseil, which TensorFlow logs with, begins a line; its first line says that more follow.
_LIBRARY_LOG = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]\d{4} \d\d:\d\d:|To enable the follow).*",
    re.M,
)
#: Which extra of the distribution brings a module that plain fluxlib does without.
EXTRAS = {
    "IPython": "notebooks",
    "PIL": "notebooks",
    "bs4": "notebooks",
    "dask": "cluster",
    "daal4py": "fast",
    "distributed": "cluster",
    "fsspec": "publish",
    "h5netcdf": "record",
    "ipywidgets": "notebooks",
    "jinja2": "notebooks",
    "jupyter_client": "notebooks",
    "jupyterlab": "notebooks",
    "keras": "forecast",
    "matplotlib": "notebooks",
    "nbclient": "notebooks",
    "nbconvert": "notebooks",
    "nbformat": "notebooks",
    "papermill": "notebooks",
    "plotly": "notebooks",
    "psutil": "notebooks",
    "requests": "fetch",
    "s3fs": "publish",
    "seaborn": "notebooks",
    "sklearnex": "fast",
    "snakemake": "notebooks",
    "sphinx": "docs",
    "tenacity": "fetch",
    "tensorflow": "forecast",
    "tqdm": "fetch",
    "traitlets": "notebooks",
    "urllib3": "fetch",
    "xarray": "record",
    "yaml": "fetch",
    "zmq": "notebooks",
}


def attach_stub(package: str, file: str) -> tuple[Callable, Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package from the stub beside it.

    Parameters
    ----------
    package, file
        Its ``__name__`` and ``__file__``.

    Examples
    --------
    >>> import fluxlib
    >>> "daily_fluence" in dir(fluxlib)
    True
    """
    find_attribute, list_names, names = lazy_loader.attach_stub(package, file)

    def find_or_explain(name: str) -> object:
        with explain_missing_extra():
            return find_attribute(name)

    return find_or_explain, list_names, names


@contextmanager
def explain_missing_extra() -> Iterator[None]:
    """Replace the error of an ``import`` that fails for want of an extra by one that names it.

    Raises
    ------
    fluxlib.errors.MissingExtraError
        If a module of `EXTRAS` is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        raise MissingExtraError(
            f"This needs {module}, which is not installed. "
            f"Install it with: pip install 'fluxlib-goes[{EXTRAS[module]}]'"
        ) from error


def drop_library_log(text: str) -> str:
    """Return what a notebook wrote to stderr without the log lines of C++ libraries."""
    return _LIBRARY_LOG.sub("", text).strip()


@contextmanager
def hide_library_log() -> Iterator[None]:
    """Drop what C++ libraries log while TensorFlow is imported; all else goes to stderr at the end.

    It logs before it reads the level that it should log at, so that only the stream can be cut off.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            if text := drop_library_log(file.read().decode(errors="replace")):
                print(text, file=sys.stderr)
