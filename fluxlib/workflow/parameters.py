"""Parameters of notebooks: YAML files, checked before anything runs, and what controls save.

papermill itself only logs an unknown name and accepts any type, so a misspelt name would run for
minutes with the defaults. A control is called by its parameter, so that what is set in a notebook
can be saved for a batch run (``./run_all.sh -f params/mine.yaml``), and what a report lists can be
set in a notebook.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from fluxlib.errors import FluxError
from fluxlib.utils.files import write_text
from fluxlib.utils.validation import check_name
from fluxlib.workflow.notebooks import NOTEBOOKS, PROJECT, Step, find_steps

#: Parameters that a run sets itself, in every notebook that has them.
RESERVED = ("dataset_folder", "reports_folder", "figures_folder", "interactive")

#: The label of each parameter's control.
LABELS = {
    "satellite": "Satellite",
    "other": "Other satellite",
    "period": "Period",
    "large_scale_days": "Large-scale (days)",
    "pair": "Pair",
    "kind": "Calibration",
    "breakpoint": "Breakpoint (log10)",
    "drivers": "Drivers",
    "max_offset": "Maximum offset (h)",
    "offset_step": "Resolution (h)",
    "threshold": "Threshold",
    "population": "Population",
    "generations": "Generations",
    "crossover": "Crossover",
    "mutation": "Mutation",
    "selection": "Selection",
    "elitism": "Elitism",
    "random_state": "Seed",
    "bits": "Bits of each gene",
    "fitness": "Fitness",
    "gap_start": "Start of the gap",
    "gap_length": "Length of the gap (h)",
    "methods": "Methods",
    "network_drivers": "Inputs",
    "time_step": "Time step (days)",
    "horizon": "Days ahead",
    "year": "Year",
    "epochs": "Epochs",
}

#: The parameters that each notebook's controls set.
CONTROLS = {
    "01_observations": ("satellite", "period", "large_scale_days"),
    "02_calibration": ("pair", "kind", "breakpoint"),
    "03_offsets": ("satellite", "drivers", "max_offset", "offset_step", "threshold"),
    "04_imputation": (
        "population",
        "generations",
        "crossover",
        "mutation",
        "bits",
        "random_state",
        "fitness",
        "selection",
        "elitism",
        "gap_length",
        "gap_start",
        "methods",
    ),
    "05_prediction": ("time_step", "epochs", "year", "horizon", "network_drivers"),
}


#: The least and the greatest value of each number; of lists, of each item.
LIMITS: dict[str, tuple[float, float]] = {
    "large_scale_days": (0, 31),
    "min_days": (3, 100_000),
    "significance": (0, 1),
    "floor": (1e-6, 1e9),
    "breakpoint": (-10, 20),
    "max_offset": (1, 8760),
    "offset_step": (1, 720),
    "threshold": (0, 1),
    "population": (2, 1000),
    "generations": (1, 10_000),
    "crossover": (0, 1),
    "mutation": (0, 1),
    "bits": (1, 12),
    "evaluations": (1, 1000),
    "n_folds": (2, 100),
    "train_every": (1, 10_000),
    "gap_hours": (1, 8760),
    "gaps_per_length": (1, 10_000),
    "seeds": (2, 1000),
    "gap_length": (1, 8760),
    "test_years": (1957, 2200),
    "time_step": (0, 27),
    "time_steps": (1, 27),
    "horizon": (1, 3),
    "year": (0, 2200),
    "members": (1, 100),
    "epochs": (1, 10_000),
    "filled_share": (0.01, 0.9),
    "random_state": (0, 2**32 - 1),
}
#: What a text may be; of lists, each item.
CHOICES: dict[str, tuple[str, ...]] = {
    "kind": ("auto", "linear", "piecewise"),
    "inputs": ("full", "paper"),
    "fitness": ("validation", "train"),
    "selection": ("roulette", "rank", "tournament", "sigma"),
    "competitors": ("ridge", "RF", "XGBoost", "BP", "ELM", "LSTM", "IterativeImputer"),
}
#: How many items a list has, where that is fixed.
LENGTHS = {"bits": 3, "period": 2}
#: Lists in which nothing may stand twice.
DISTINCT = ("drivers", "network_drivers", "competitors", "methods", "test_years", "gap_hours")
MOST_BYTES = 1_000_000  # of a file of parameters


class _Loader(yaml.SafeLoader):
    """Takes 2010-01-01 for text, as a notebook expects it; refuses aliases and repeated names.

    A few lines of aliases can grow to more than any memory has.
    """

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"an alias (*), {self.peek_event().start_mark}; write it out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        names = [key.value for key, _ in node.value]
        for number, name in enumerate(names):
            if name in names[:number]:
                mark = node.value[number][0].start_mark
                raise yaml.YAMLError(f"{str(name)[:60]!r} stands twice,{mark}; keep one")
        return super().construct_mapping(node, deep)

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and kind are YAML's
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_parameters(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of parameters: names, or a section a notebook, or both.

    Raises
    ------
    FluxError
        If the file is absent, is not YAML, or does not contain names and values.
    """
    try:
        if Path(path).stat().st_size > MOST_BYTES:
            raise FluxError(f"{path}: has more than {MOST_BYTES} bytes; expected a few lines.")
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise FluxError(f"{path}: {error.strerror}; expected a YAML file.") from None
    except (yaml.YAMLError, ValueError) as error:  # also no UTF-8, or a number too long
        raise FluxError(f"{path} is not YAML: {' '.join(str(error).split())[:300]}") from None
    except RecursionError:
        raise FluxError(f"{path} is not usable: its lists are nested too deep.") from None
    if not isinstance(content or {}, dict):
        raise FluxError(
            f"{path}: found a {type(content).__name__}, expected lines like 'name: value'."
        )
    return content or {}


def assign_parameters(
    steps: Iterable[Step], given: Mapping[str, Any], *, source: str = "parameters"
) -> dict[str, dict[str, Any]]:
    """Return, for each step, the parameters to set.

    Parameters
    ----------
    steps
        All notebooks, also those that will not run: a file may serve several runs.
    given
        A name sets that parameter in every notebook which has it. A notebook's name with a
        mapping sets parameters of that one, and wins over the former.
    source
        How messages call `given`: the file's path.

    Raises
    ------
    FluxError
        If a name is unknown, or a value is of another type than the default.
    """
    steps = list(steps)
    assigned: dict[str, dict[str, Any]] = {step.name: {} for step in steps}
    sections = {name: value for name, value in given.items() if name in assigned}
    for name, value in given.items():
        if name in sections:
            continue
        owners = [step for step in steps if name in step.parameters]
        if not owners:
            raise _unknown(name, source, steps, sections=True)
        for step in owners:
            assigned[step.name][name] = _check_value(step, name, value, source)
    for step in steps:
        section = sections.get(step.name)
        if not isinstance(section or {}, dict):
            raise FluxError(f"{source}: {step.name} is {section!r}, expected names and values.")
        for name, value in (section or {}).items():
            if name not in step.parameters:
                raise _unknown(name, f"{source}: {step.name}", [step])
            assigned[step.name][name] = _check_value(step, name, value, source)
        _check_together(assigned[step.name], step, source)
    return assigned


def flatten_parameters(given: Mapping[str, Any]) -> dict[tuple[str | None, str], Any]:
    """Return values by section (a notebook, or none) and name."""
    flat: dict[tuple[str | None, str], Any] = {}
    for name, value in given.items():
        if isinstance(value, dict):
            flat |= {(name, inner): one for inner, one in value.items()}
        else:
            flat[None, name] = value
    return flat


def _check_value(step: Step, name: str, value: Any, source: str) -> Any:
    if name in RESERVED:
        raise FluxError(
            f"{source}: {name!r} is set by the run itself. Choose the dataset with --data."
        )
    default = step.parameters[name].default
    if type(default) is float and type(value) is int:
        value = float(value)
    if default is not None and type(value) is not type(default):
        raise FluxError(
            f"{source}: {name} is {_shorten(value)} ({type(value).__name__}), expected a "
            f"{type(default).__name__} like {default!r} (the default in {step.name})."
            + _explain_exponent(default, value)
        )
    _check_range(name, value, default, source)
    return value


def _check_range(name: str, value: Any, default: Any, source: str) -> None:
    """Raise if a number is out of its limits, a text is none of its choices, or a list is odd."""
    items = value if isinstance(value, list) else [value]
    kinds = {type(item) for item in default} if isinstance(default, list) else set()
    for item in items:
        if kinds and type(item) not in kinds:
            expected = " or ".join(sorted(kind.__name__ for kind in kinds))
            raise FluxError(f"{source}: {name} contains {_shorten(item)}, expected {expected}.")
        least, most = LIMITS.get(name, (None, None))
        if least is not None and not least <= item <= most:
            raise FluxError(
                f"{source}: {name} is {_shorten(item)}, expected {least:g} to {most:g}."
            )
        if item not in CHOICES.get(name, (item,)):
            raise FluxError(
                f"{source}: {name} is {_shorten(item)}, expected one of {', '.join(CHOICES[name])}."
            )
    if isinstance(value, list):
        if len(value) != LENGTHS.get(name, len(value)):
            raise FluxError(f"{source}: {name} has {len(value)} items, expected {LENGTHS[name]}.")
        again = [item for number, item in enumerate(value) if item in value[:number]]
        if again and name in DISTINCT:
            raise FluxError(f"{source}: {name} contains {_shorten(again[0])} twice; keep one.")


def _check_together(assigned: Mapping[str, Any], step: Step, source: str) -> None:
    """Raise if two parameters do not fit each other."""
    both = ("offset_step", "max_offset")
    if not all(name in step.parameters for name in both):
        return
    small, large = (assigned.get(name, step.parameters[name].default) for name in both)
    if small > large:
        raise FluxError(f"{source}: offset_step is {small}, expected at most max_offset, {large}.")


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _explain_exponent(default: Any, value: Any) -> str:
    """Name YAML's oddest trap: 1e-3 is text there, and 1.0e-3 a number."""
    if isinstance(default, float) and isinstance(value, str):
        try:
            return f" In YAML write {float(value):.1e}."
        except ValueError:
            pass
    return ""


def _unknown(name: str, where: str, steps: list[Step], sections: bool = False) -> FluxError:
    known = {p for step in steps for p in step.parameters if p not in RESERVED}
    choices = known | ({step.name for step in steps} if sections else set())
    close = difflib.get_close_matches(str(name), choices, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    also = ", or a notebook's name as a section" if sections else ""
    return FluxError(
        f"{where}: no notebook has a parameter {name!r}{hint} "
        f"Known: {', '.join(sorted(known)) or 'none'}{also}."
    )


def params_folder() -> Path:
    """Return the folder of parameter files: ``FLUX_PARAMS``, or ``params`` in the project."""
    return Path(os.environ.get("FLUX_PARAMS", PROJECT / "params"))


def list_settings() -> list[str]:
    """Return the names of the parameter files, without suffix."""
    return sorted(path.stem for path in params_folder().glob("*.yaml"))


def write_settings(step: str, values: Mapping[str, Any], name: str) -> Path:
    """Write settings of a notebook to ``params/<name>.yaml``, for ``./run_all.sh -f``.

    What else the file sets stays.

    Parameters
    ----------
    step : str
        The notebook, "03_offsets".
    values : mapping
        Parameters of it.
    name : str
        Letters, digits, "-", "_" and ".".

    Raises
    ------
    FluxError
        If the name cannot be a file's, or a batch run would refuse the values.
    """
    path = _find_path(name)
    content = read_parameters(path) if path.exists() else {}
    content = {**content, step: {**(content.get(step) or {}), **values}}
    assign_parameters(find_steps(NOTEBOOKS), content, source=str(path))
    write_text(path, f"# ./run_all.sh -f params/{path.name}\n" + format_settings(content))
    return path


def read_settings(step: str, name: str) -> dict[str, Any]:
    """Return the parameters that ``params/<name>.yaml`` sets in a notebook.

    Raises
    ------
    FluxError
        If there is no such file, or a batch run would refuse it.
    """
    path = _find_path(name)
    return assign_parameters(find_steps(NOTEBOOKS), read_parameters(path), source=str(path))[step]


def format_settings(content: Mapping[str, Any]) -> str:
    """Return parameters as YAML: sections in order, short lists on one line."""
    return yaml.safe_dump(
        {name: content[name] for name in sorted(content)},
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=95,
    )


def _find_path(name: str) -> Path:
    stem = check_name(name, "the file's name").removesuffix(".yaml")
    return params_folder() / f"{stem}.yaml"
