"""What a run or a sweep asks for, and the steps that runs share. An ordinary run is a sweep of one.

A sweep's file says which datasets, notebooks and parameters its runs have.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxlib.errors import FluxError
from fluxlib.workflow.notebooks import (
    Step,
    find_steps,
    hash_code,
    hash_inputs,
    list_inputs,
    read_step,
    select_steps,
)
from fluxlib.workflow.parameters import assign_parameters, flatten_parameters, read_parameters
from fluxlib.workflow.store import Source

#: What a sweep's file may contain.
ENTRIES = {"datasets": list, "notebooks": list, "parameters": dict, "grid": dict, "runs": list}


@dataclass(frozen=True)
class Job:
    """A step as it is handed to the process that runs it.

    Attributes
    ----------
    key, step : str
    notebook : Path
    source : Source
    given : dict
        The parameters that are set.
    inputs : dict
        See `fluxlib.workflow.notebooks.list_inputs`.
    """

    key: str
    step: str
    notebook: Path
    source: Source
    given: dict
    inputs: dict

    def rebuild(self) -> "Job":
        """Return the job as notebook and code are now."""
        step = read_step(self.notebook)
        return make_job(step, self.source, self.given, self.inputs["upstream"], code=hash_code())


def make_job(
    step: Step, source: Source, given: Mapping, upstream: Mapping[str, str], *, code: str
) -> Job:
    """Return the job of a step; `upstream` and `code` as `list_inputs` has them."""
    inputs = list_inputs(step, given, dataset_key=source.key, upstream=upstream, code=code)
    return Job(hash_inputs(inputs), step.name, step.path, source, dict(given), inputs)


@dataclass(frozen=True)
class Node:
    """A step with its parameters and dataset, which may serve several runs.

    Attributes
    ----------
    name : str
        Unique in the plan: the step's key if all that it builds on succeeds.
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
        By step, the node; of all notebooks, also those that are not chosen.
    given : dict of dict
        By step, the parameters that are set.
    varied : dict
        The values in which the sweep's runs differ.
    """

    name: str
    source: Source
    nodes: dict[str, str]
    given: dict[str, dict]
    varied: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """One run, or all runs of a sweep.

    Attributes
    ----------
    name : str
        Of the dataset, or of the sweep's file.
    steps : list of Step
        All notebooks, in order.
    chosen : set of str
        Names of those to bring up to date.
    nodes : dict of Node
        The chosen ones by name, each after those that it builds on.
    runs : list of PlannedRun
    code : str
        Hash of the code that the plan was made with.
    """

    name: str
    steps: list[Step]
    chosen: set[str]
    nodes: dict[str, Node]
    runs: list[PlannedRun]
    code: str


def plan_run(
    source: Source,
    *,
    notebooks: str | Path,
    parameters: Mapping[str, Any] | None = None,
    parameters_source: str = "parameters",
    only: Iterable[str] = (),
    start: str | None = None,
) -> Plan:
    """Plan an ordinary run.

    Parameters
    ----------
    source
        The dataset.
    notebooks
        The folder of ``NN_name.ipynb``.
    parameters, parameters_source
        See `fluxlib.workflow.parameters.assign_parameters`.
    only, start
        See `fluxlib.workflow.notebooks.select_steps`.

    Raises
    ------
    FluxError
        If parameters or notebooks cannot be used.
    """
    steps = find_steps(notebooks)
    given = assign_parameters(steps, parameters or {}, source=parameters_source)
    chosen = select_steps(steps, only=only, start=start)
    return _lay_out(source.name, steps, chosen, [(source, given)])


def plan_sweep(
    path: str | Path, *, notebooks: str | Path, sample: Callable[[], Path], describe: Callable
) -> Plan:
    """Read a sweep's file, and check all of it before anything runs.

    Parameters
    ----------
    path
        YAML: ``datasets`` (folders, relative to the file; without it the sample), ``notebooks``
        (numbers, without it all), ``parameters`` of every run as in any parameter file, ``grid``,
        the same with a list of values for each, of which every combination is taken, and
        ``runs``, a list of parameter sets, each of which is combined with each of the grid.
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
    return _lay_out(path.stem, steps, chosen, cases)


def _lay_out(name: str, steps: list[Step], chosen: set[str], cases: list[tuple]) -> Plan:
    """Make the runs of datasets and parameters, and the nodes that they share."""
    nodes: dict[str, Node] = {}
    runs: list[PlannedRun] = []
    code = hash_code()
    varied = _find_varied(cases, steps, chosen)
    for number, ((source, given), values) in enumerate(zip(cases, varied, strict=True), 1):
        own: dict[str, str] = {}
        for step in steps:
            upstream = {other: own[other] for other in step.builds_on}
            key = make_job(step, source, given[step.name], upstream, code=code).key
            own[step.name] = key
            if step.name in chosen:
                nodes.setdefault(key, Node(key, step, source, given[step.name], upstream))
        label = f"run-{number:0{len(str(len(cases)))}}"
        runs.append(PlannedRun(label, source, own, given, values))
    return Plan(name, steps, chosen, nodes, runs, code)


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
    # A name that several notebooks have, with one value in all of them, makes one column.
    columns: dict[str, list] = {}
    for (section, name), one in values.items():
        same = all(other == one for place, other in values.items() if place[1] == name)
        columns[name if names.count(name) == 1 or same else f"{section}.{name}"] = one
    return [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ] or [{} for _ in cases]
