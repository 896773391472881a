"""The notebooks as steps: what each takes, what it builds on, and what its results depend on.

A step is a notebook called ``NN_name.ipynb``. Its metadata may say what it builds on::

    "fluxlib": {"needs": ["02_calibration"], "uses": ["04_imputation"]}

It is skipped when one that it *needs* failed. One that it *uses* runs before it, but may fail.

Notebooks are read as JSON: a call that finds nothing to do must not wait for nbformat's import.
"""

import ast
import hashlib
import itertools
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from fluxlib.errors import FluxError

PACKAGE = Path(__file__).resolve().parents[1]
IS_CHECKOUT = (PACKAGE.parent / "Snakefile").is_file()
# A package that was installed has no notebooks; what it makes goes where it is called.
PROJECT = PACKAGE.parent if IS_CHECKOUT else Path.cwd()
NOTEBOOKS = PROJECT / "notebooks"
SAMPLE = PROJECT / "data" / "sample"


@dataclass(frozen=True)
class Parameter:
    """A line of the cell tagged ``parameters``: name, default, the comment beside or above it."""

    name: str
    default: Any
    help: str


class Cell(NamedTuple):
    """What counts of a cell."""

    kind: str
    source: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One notebook; see `find_steps`."""

    name: str
    path: Path
    cells: tuple[Cell, ...]
    needs: tuple[str, ...]
    uses: tuple[str, ...]

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The names of the steps whose outputs this one may read."""
        return self.needs + self.uses

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters by name, in the notebook's order."""
        for cell in self.cells:
            if "parameters" in cell.tags:
                return {p.name: p for p in _parse_parameters(cell.source, self.path)}
        return {}

    @cached_property
    def title(self) -> str:
        """The first heading, or the name."""
        for cell in self.cells:
            for line in cell.source.splitlines() if cell.kind == "markdown" else ():
                if line.startswith("# "):
                    return line[2:].strip()
        return self.name


def find_steps(folder: str | Path) -> list[Step]:
    """Return the steps of a folder of notebooks, in the order of their numbers.

    Raises
    ------
    FluxError
        If there are none, a file is not a notebook, two have the same number, or one builds on a
        step that is not before it.
    """
    paths = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise FluxError(f"{folder}: found no notebooks; expected files named like 01_name.ipynb.")
    steps: list[Step] = []
    for path in paths:
        step = read_step(path)
        before = [earlier.name for earlier in steps]
        if before and before[-1][:2] == step.name[:2]:
            raise FluxError(f"{path}: {before[-1]} has the number {step.name[:2]} as well.")
        for name in step.builds_on:
            if name not in before:
                raise FluxError(
                    f"{path}: its metadata says that it builds on {name!r}; expected one of the "
                    f"notebooks before it: {', '.join(before) or 'there is none'}."
                )
        steps.append(step)
    return steps


def select_steps(
    steps: Iterable[Step], *, only: Iterable[str] = (), start: str | None = None
) -> set[str]:
    """Return the names of the steps to bring up to date, with all that those build on.

    Parameters
    ----------
    steps
        All steps, in order.
    only
        Numbers or names, ``"03"`` or ``"03_offsets"``. None given means every step.
    start
        The number or name of the first of the steps wanted.

    Raises
    ------
    FluxError
        If there is no such step.
    """
    by_name = {step.name: step for step in steps}
    wanted = {_find_name(text, by_name) for text in only} or set(by_name)
    if start is not None:
        first = _find_name(start, by_name)
        wanted = {name for name in wanted if name >= first}
    for name in sorted(by_name, reverse=True):
        if name in wanted:
            wanted.update(by_name[name].builds_on)
    return wanted


def list_inputs(
    step: Step,
    given: Mapping[str, Any],
    *,
    dataset_key: str,
    upstream: Mapping[str, str],
    code: str,
) -> dict[str, Any]:
    """Return all that a step's results depend on: equal inputs, equal results.

    Parameters
    ----------
    step
        Its cells count; its metadata and outputs do not.
    given
        The parameters that are set; the others have their defaults.
    dataset_key
        The hash of the dataset's content.
    upstream
        The key of each step that this one builds on, "failed" for one without results.
    code
        Of `hash_code`.
    """
    cells = json.dumps([(cell.kind, cell.source) for cell in step.cells])
    return {
        "notebook": hashlib.sha256(cells.encode()).hexdigest(),
        "parameters": {p.name: given.get(p.name, p.default) for p in step.parameters.values()},
        "dataset": dataset_key,
        "upstream": {name: upstream[name] for name in step.builds_on},
        "code": code,
        "python": platform.python_version(),
    }


def hash_inputs(inputs: Mapping[str, Any]) -> str:
    """Return the key that a step's results are kept under."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def hash_code() -> str:
    """Return the hash of the project's own modules and, in a checkout, of the pinned versions."""
    digest = hashlib.sha256()
    root = PROJECT if IS_CHECKOUT else PACKAGE.parent
    pins = [root / "requirements.txt"] if IS_CHECKOUT else []
    for path in [*sorted((root / "fluxlib").rglob("*.py")), *pins]:
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def read_step(path: Path) -> Step:
    """Return the step that a notebook is; see `find_steps`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = tuple(
            Cell(
                cell["cell_type"],
                "".join(cell["source"]),  # a text, or a list of lines
                tuple(cell["metadata"].get("tags", ())),
            )
            for cell in content["cells"]
        )
        about = content["metadata"].get("fluxlib", {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FluxError(
            f"{path} is not a notebook ({type(error).__name__}: {str(error)[:200]})."
        ) from None
    return Step(
        name=path.stem,
        path=path.resolve(),
        cells=cells,
        needs=tuple(about.get("needs", ())),
        uses=tuple(about.get("uses", ())),
    )


def _parse_parameters(source: str, path: Path) -> Iterable[Parameter]:
    # Not papermill's inspect_notebook: it drops a line whose comment has a "=" in it.
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if not isinstance(target, ast.Name) or node.value is None:
            continue
        try:
            default = ast.literal_eval(node.value)
        except ValueError:
            raise FluxError(
                f"{path}: the parameter {target.id!r} is {ast.unparse(node.value)}; "
                "expected a literal: a number, text, true or false, or a list of these."
            ) from None
        rest = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
        beside = rest.partition("#")[2].strip()
        yield Parameter(target.id, default, beside or _join_comments(lines[: node.lineno - 1]))


def _join_comments(lines: list[str]) -> str:
    """Return the comment that ends these lines, in one."""
    comments = itertools.takewhile(lambda line: line.startswith("#"), reversed(lines))
    return " ".join(line.lstrip("# ") for line in reversed(list(comments)))


def _find_name(text: str, names: Iterable[str]) -> str:
    for name in names:
        if text in (name, name[:2]):
            return name
    raise FluxError(f"{text!r} is no notebook; expected one of {', '.join(names)}.")
