"""Checks of what users write, in a TOML file or a command; each fault has its own message."""

import argparse
import difflib
import re
import tomllib
from collections.abc import Iterable
from numbers import Integral
from pathlib import Path

from fluxlib.errors import FluxError

_REQUIRED = object()


def read_toml(path: Path) -> dict:
    """Return the content of a TOML file in UTF-8, with or without a byte order mark."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        raise FluxError(
            f"{path}: no such file; a dataset is a folder of native files with a "
            f"{path.name} that describes them (data/README.md shows one)."
        ) from None
    except OSError as error:  # a folder, or not ours to read
        raise FluxError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise FluxError(f"{path}: not UTF-8 text: byte {error.start} cannot be read.") from None
    except ValueError as error:  # also a number of thousands of digits
        raise FluxError(f"{path}: not valid TOML: {error}.") from None
    except RecursionError:
        raise FluxError(f"{path}: not usable: its lists are nested too deep.") from None


def check_keys(table: dict, known: set[str], path: Path, where: str) -> None:
    """Raise if a table has a key that is not among the known ones."""
    for key in table:
        if key not in known:
            raise FluxError(
                f"{path}: {where} has the unknown key {key!r};{_suggest(key, known)} "
                f"known keys: {', '.join(sorted(known))}."
            )


def check_name(name: str, where: str) -> str:
    """Return a name that can be part of a file's name, or raise."""
    if not re.fullmatch(r"\w[\w.-]{0,99}", name):
        raise FluxError(
            f"{where} is {name[:120]!r}; expected letters, digits, '_', '-' or '.', neither of "
            "the last two first, at most 100, because it becomes part of a file's name."
        )
    return name


def check_count(value, name: str) -> None:
    """Raise if a value is not a whole number above 0."""
    if not isinstance(value, Integral) or value < 1:
        raise FluxError(f"{name} is {value!r}; expected a whole number above 0.")


def parse_count(text: str) -> int:
    """Return a whole number above 0 from the command line, for argparse."""
    try:
        check_count(int(text), "it")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"it is {text!r}; expected a whole number above 0."
        ) from None
    return int(text)


def check_choice(value, choices: Iterable[str], path: Path, where: str) -> None:
    """Raise if a value is not one of the choices."""
    if value not in choices:
        raise FluxError(
            f"{path}: {where} is {value!r};{_suggest(value, choices)} "
            f"expected one of {', '.join(choices)}."
        )


def _suggest(word, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(known), n=1)
    return f" did you mean {close[0]!r}?" if close else ""


def get_value(table: dict, key: str, kind: type, path: Path, where: str, *, default=_REQUIRED):
    """Return the value of a key, or the default; raise if it is absent or of another type."""
    if key not in table:
        if default is _REQUIRED:
            raise FluxError(f"{path}: {where} lacks the key {key!r}.")
        return default
    if not isinstance(table[key], kind):
        words = {str: "a text", bool: "true or false", list: "a list", dict: "a table"}
        words[int] = "a whole number"
        raise FluxError(f"{path}: {where} {key} is {table[key]!r}; expected {words[kind]}.")
    return table[key]
