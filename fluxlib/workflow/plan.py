"""A sweep's file as a plan: which runs it asks for, and the steps that they share."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxlib.errors import FluxError
from fluxlib.workflow.desk import Outcome, Source, make_key
from fluxlib.workflow.parameters import assign_parameters, flatten_parameters, read_parameters
from fluxlib.workflow.steps import Step, find_steps, hash_code, select_steps

#: What a sweep's file may say.
ENTRIES = {"datasets": list, "notebooks": list, "parameters": dict, "grid": dict, "runs": list}


@dataclass(frozen=True)
class Node:
    """A step with its parameters and dataset, which may serve several runs.

    Attributes
    ----------
    name : str
        Unique in the plan: a hash of all that the step depends on.
    step : Step
    source : Source
    given : dict
        The parameters that are set.
    upstream : dict of str
        By step, the node that this one builds on.
    """

    name: str
    step: Step
    source: Source
    given: dict
    upstream: dict[str, str]


@dataclass(frozen=True)
class PlannedRun:
    """One set of parameters on one dataset.

    Attributes
    ----------
    name : str
        ``run-07``.
    source : Source
    nodes : dict of str
        By step, the node.
    varied : dict
        The values in which the sweep's runs differ.
    """

    name: str
    source: Source
    nodes: dict[str, str]
    varied: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """All runs of a sweep.

    Attributes
    ----------
    name : str
        Of the file.
    steps : list of Step
        All notebooks, in order.
    chosen : set of str
        Names of those that the sweep runs.
    nodes : dict of Node
        By name, each after those that it builds on.
    runs : list of PlannedRun
    """

    name: str
    steps: list[Step]
    chosen: set[str]
    nodes: dict[str, Node]
    runs: list[PlannedRun]


def read_plan(
    path: str | Path, *, notebooks: str | Path, sample: Callable[[], Path], describe: Callable
) -> Plan:
    """Read a sweep's file, and check all of it before anything runs.

    Parameters
    ----------
    path
        YAML: ``datasets`` (folders, from the file's own; without it the sample), ``notebooks``
        (numbers, without it all), ``parameters`` of every run as in any parameter file, ``grid``,
        the same with a list of values for each, of which every combination is taken, and
        ``runs``, a list of parameter sets, each of which meets each of the grid.
    notebooks
        The folder of ``NN_name.ipynb``.
    sample
        Called for the sample's folder if it is needed.
    describe
        Called with a dataset's folder, for its `Source`.

    Raises
    ------
    FluxError
        If the file, a parameter or a dataset cannot be used.
    """
    path = Path(path)
    content = _read_content(path)
    steps = find_steps(notebooks)
    # YAML takes 04 for the number 4.
    only = [f"{one:02}" if isinstance(one, int) else str(one) for one in content["notebooks"]]
    chosen = select_steps(steps, only=only)
    folders = [path.parent / folder for folder in content["datasets"]] or [sample()]
    cases = [
        (source, assign_parameters(steps, given, source=str(path)))
        for source in [describe(folder) for folder in folders]
        for given in _combine(content, path)
    ]
    nodes: dict[str, Node] = {}
    code = hash_code()
    varied = _find_varied(cases, steps, chosen)
    width = len(str(len(cases)))
    runs = [
        PlannedRun(
            name=f"run-{number:0{width}}",
            source=source,
            nodes=_lay_out(source, given, steps, chosen, nodes, code),
            varied=values,
        )
        for number, ((source, given), values) in enumerate(zip(cases, varied, strict=True), 1)
    ]
    return Plan(path.stem, steps, chosen, nodes, runs)


def _read_content(path: Path) -> dict[str, Any]:
    content = read_parameters(path)
    for name in content:
        if name not in ENTRIES:
            raise FluxError(f"{path}: found {name!r}; expected any of {', '.join(ENTRIES)}.")
    for name, kind in ENTRIES.items():
        content[name] = kind() if content.get(name) is None else content[name]
        if not isinstance(content[name], kind):
            words = "a list" if kind is list else "names and values"
            raise FluxError(f"{path}: {name} is {content[name]!r}; expected {words}.")
    return content


def _combine(content: Mapping, path: Path) -> list[dict]:
    """Return the parameter sets of a file."""
    grid = flatten_parameters(content["grid"])
    for (section, name), values in grid.items():
        if not isinstance(values, list) or not values:
            where = f"{section}: {name}" if section else name
            raise FluxError(f"{path}: grid: {where} is {values!r}; expected a list of values.")
    for one in content["runs"]:
        if not isinstance(one, dict):
            raise FluxError(f"{path}: runs has {one!r}; expected names and values.")
    always = flatten_parameters(content["parameters"])
    return [
        _nest(always | flatten_parameters(one) | dict(zip(grid, values, strict=True)))
        for one in content["runs"] or [{}]
        for values in itertools.product(*grid.values())
    ]


def _nest(flat: Mapping[tuple, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for (section, name), value in flat.items():
        (given if section is None else given.setdefault(section, {}))[name] = value
    return given


def _lay_out(
    source: Source,
    given: Mapping,
    steps: list[Step],
    chosen: set[str],
    nodes: dict[str, Node],
    code: str,
) -> dict[str, str]:
    """Add the steps of a run to those of the runs before it; return their names by step."""
    own: dict[str, str] = {}
    for step in steps:
        if step.name not in chosen:
            continue
        upstream = {name: own[name] for name in step.builds_on}
        planned = {name: Outcome(name, "planned", node) for name, node in upstream.items()}
        name = make_key(step, given[step.name], source, planned, code=code)
        nodes.setdefault(name, Node(name, step, source, given[step.name], upstream))
        own[step.name] = name
    return own


def _find_varied(cases: list[tuple], steps: list[Step], chosen: set[str]) -> list[dict[str, Any]]:
    """Return, for each run, the values in which the runs differ, by as short a name as is clear."""
    values: dict[tuple, list] = {("", "dataset"): [source.name for source, _ in cases]}
    for step in steps:
        for name, parameter in step.parameters.items() if step.name in chosen else ():
            values[step.name, name] = [
                given[step.name].get(name, parameter.default) for _, given in cases
            ]
    values = {place: one for place, one in values.items() if any(v != one[0] for v in one)}
    names = [name for _, name in values]
    # A name that several notebooks have and that means one thing in all of them is told once.
    columns: dict[str, list] = {}
    for (section, name), one in values.items():
        same = all(other == one for place, other in values.items() if place[1] == name)
        columns[name if names.count(name) == 1 or same else f"{section}.{name}"] = one
    return [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ] or [{} for _ in cases]
