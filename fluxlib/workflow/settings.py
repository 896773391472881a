"""Settings: what controls, parameter files and reports share.

A control is called by its parameter, so that what is set in a notebook can be saved for a batch
run (``./run_all.sh -f params/mine.yaml``), and what a report lists can be set in a notebook.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fluxlib.utils.files import NOTEBOOKS, PROJECT, write_text
from fluxlib.utils.validation import check_name
from fluxlib.workflow.parameters import assign_parameters, read_parameters
from fluxlib.workflow.steps import find_steps

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
    "elitism": "Elitism",
    "random_state": "Seed",
    "bits": "Bits of each gene",
    "fitness": "Fitness",
    "gap_start": "Gap begins",
    "gap_length": "Gap's length (h)",
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
        "elitism",
        "gap_length",
        "gap_start",
        "methods",
    ),
    "05_prediction": ("time_step", "epochs", "year", "horizon", "network_drivers"),
}


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
