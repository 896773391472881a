"""Parameter sets for batch runs: YAML files, checked against the notebooks before anything runs.

papermill itself only logs an unknown name and takes any type, so a slip of the pen would run for
minutes with the defaults.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from papermill.iorw import NoDatesSafeLoader

from fluxlib.errors import FluxError
from fluxlib.workflow.steps import Step

#: Parameters that a run sets itself, in every notebook that has them.
RESERVED = ("dataset_folder", "reports_folder", "figures_folder", "interactive")


def read_parameters(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of parameters: names, or a section a notebook, or both.

    Raises
    ------
    FluxError
        If the file is absent, is no YAML, or is no mapping.
    """
    try:
        # papermill's own loader: 2010-01-01 stays text, as a notebook expects it.
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=NoDatesSafeLoader)
    except OSError as error:
        raise FluxError(f"{path}: {error.strerror}; expected a YAML file.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FluxError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
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
    if default is None or type(value) is type(default):
        return value
    if type(default) is float and type(value) is int:
        return float(value)
    raise FluxError(
        f"{source}: {name} is {value!r} ({type(value).__name__}), expected a "
        f"{type(default).__name__} like {default!r} (the default in {step.name})."
        + _explain_exponent(default, value)
    )


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
