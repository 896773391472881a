"""HTML pages of a run: one a notebook, and an index that a scientist would want to read.

Pages need no network. They can be read without any other file: the figures' full size and the
tables are links, and Plotly's script beside the pages makes of some figures what can be zoomed.
"""

import base64
import hashlib
import io
import json
import os
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from jinja2.utils import htmlsafe_json_dumps
from nbconvert import HTMLExporter
from PIL import Image

from fluxlib.reports.results import is_too_few, tell_basis
from fluxlib.utils.files import read_results, write_text
from fluxlib.utils.formatting import (
    align_columns,
    format_seconds,
    format_value,
    tabulate_records,
)
from fluxlib.utils.lazy import drop_library_log
from fluxlib.workflow.execution import list_started_cells
from fluxlib.workflow.notebooks import Step
from fluxlib.workflow.parameters import CONTROLS, LABELS, RESERVED, format_settings
from fluxlib.workflow.plan import Plan
from fluxlib.workflow.store import Outcome, RunFolder, StepStore

TEMPLATES = Path(__file__).parent / "templates"
WIDTH = 640  # pixels of a thumbnail; a click shows the figure itself
CHART_SCRIPT = "plotly.min.js"  # once for all pages of a folder: it has 4.8 MB
CHART_MARK = '<div class="chart"'
_CONTENT = "page.json"
# What numbers and figures depend on, in the order of their shares.
_PACKAGES = [
    *("numpy", "pandas", "scipy", "scikit-learn", "scikit-learn-intelex", "tensorflow", "keras"),
    *("deap", "xgboost", "xgboost-cpu", "pyarrow", "matplotlib", "seaborn", "papermill"),
    "snakemake",
]


@dataclass(frozen=True)
class Picture:
    """A figure on disk.

    Attributes
    ----------
    file : str
        Its name.
    title, alt : str
        Caption, and what it shows in words; see `fluxlib.Results.show_figure`.
    thumbnail : str
        A ``data:`` address, so that the page needs no other file.
    width, height : int
        Of the thumbnail, in pixels.
    """

    file: str
    title: str
    alt: str
    thumbnail: str
    width: int
    height: int


def read_pictures(folder: Path, step: str) -> list[Picture]:
    """Return the figures that a step saved in `folder`, by name."""
    return [_read_picture(path) for path in sorted(folder.glob(f"{step}_*.png"))]


def _read_picture(path: Path) -> Picture:
    with Image.open(path) as image:
        words = dict(getattr(image, "text", {}))  # the image forgets them when it is scaled
        small = image.convert("RGB")
    small.thumbnail((WIDTH, 3 * WIDTH), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    small.save(data, "WEBP", quality=80)
    return Picture(
        file=path.name,
        title=words.get("Title", path.stem),
        alt=words.get("Description", ""),
        thumbnail="data:image/webp;base64," + base64.b64encode(data.getvalue()).decode(),
        width=small.width,
        height=small.height,
    )


def prepare_content(folder: Path, outcome: Outcome) -> dict[str, Any]:
    """Render what reports show of a step, and keep it in the step's own folder.

    This takes most of a page's time. It is done once, by the process that ran the notebook.

    Returns
    -------
    dict
        ``body``, the notebook as HTML, ``pictures``, and ``made_with``, a hash of the template.
    """
    notebook = next(folder / name for name in outcome.outputs if name.endswith(".ipynb"))
    content = {
        "body": _render_notebook(notebook),
        "pictures": [
            asdict(_read_picture(folder / name))
            for name in outcome.outputs
            if name.startswith("figures/") and name.endswith(".png")
        ],
        "made_with": _hash_template(),
    }
    write_text(folder / _CONTENT, json.dumps(content))
    return content


def _read_content(outcome: Outcome, store: StepStore) -> dict[str, Any]:
    folder = store.find_folder(outcome.key)
    try:
        content = json.loads((folder / _CONTENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    if content.get("made_with") != _hash_template():
        content = prepare_content(folder, outcome)
    return {**content, "pictures": [Picture(**one) for one in content["pictures"]]}


def _hash_template() -> str:
    return hashlib.sha256((TEMPLATES / "cells.html.j2").read_bytes()).hexdigest()


def _render_notebook(path: Path) -> str:
    notebook = nbformat.read(path, as_version=4)
    # What follows a failure is about figures that were never drawn.
    notebook.cells = list_started_cells(notebook)
    exporter = HTMLExporter(
        template_name="basic",
        template_file="cells.html.j2",
        extra_template_paths=[str(TEMPLATES)],
        exclude_input=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        filters={
            "align_columns": align_columns,
            "drop_library_log": drop_library_log,
            "embed_json": htmlsafe_json_dumps,
        },
    )
    return exporter.from_notebook_node(notebook)[0]


def write_report(
    place: RunFolder,
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    store: StepStore,
    *,
    comparison: Mapping[str, Any] | None,
    seconds: float,
) -> None:
    """Write ``<step>.html`` for each chosen step, and ``index.html``.

    Parameters
    ----------
    place
        Where the steps' files are, and the pages go.
    plan
    outcomes
        By step.
    store
        Where the steps' contents are.
    comparison
        See `fluxlib.reports.comparison.compare_runs`.
    seconds
        What the run took.
    """
    render = partial(_render, source=place.source, versions=list_versions())
    listed = [s for s in plan.steps if s.name in plan.chosen or _page(place, s).exists()]
    contents: dict[str, dict[str, Any]] = {
        name: _read_content(outcomes[name], store)
        if outcomes[name].outputs
        else {"body": "", "pictures": []}
        for name in plan.chosen
    }
    for number, step in enumerate(listed, 1):
        if step.name not in plan.chosen:
            continue
        outcome = outcomes[step.name]
        html = render(
            "page.html.j2",
            step=step,
            outcome=outcome,
            body=contents[step.name]["body"],
            parameters=list_parameters(step, outcome),
            settings=format_controls(step, outcome),
            pages=listed,
            next_step=listed[number] if number < len(listed) else None,
            chart_script=CHART_SCRIPT if CHART_MARK in contents[step.name]["body"] else None,
        )
        write_text(_page(place, step), html)
    if any(CHART_MARK in content["body"] for content in contents.values()):
        _write_chart_script(place.folder / CHART_SCRIPT)
    entries = [
        _describe_step(
            place,
            step,
            outcomes[step.name],
            contents[step.name]["pictures"]
            if step.name in contents
            else read_pictures(place.pictures, step.name),
        )
        for step in plan.steps
    ]
    html = render(
        "index.html.j2",
        entries=entries,
        seconds=seconds,
        finished=datetime.now(UTC),
        comparison=comparison,
        pages=listed,
        figures=Path(os.path.relpath(place.pictures, place.folder)).as_posix(),
    )
    write_text(place.index, html)


def _write_chart_script(path: Path) -> None:
    from plotly.offline import get_plotlyjs

    text = get_plotlyjs()
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def _describe_step(
    place: RunFolder, step: Step, outcome: Outcome, pictures: list[Picture]
) -> dict[str, Any]:
    is_valid = outcome.status in ("done", "out of date")
    results = read_results(place.folder, step.name) if is_valid else {}

    def link(name: str) -> str | None:
        return name if (place.folder / name).exists() else None

    return {
        "step": step,
        "outcome": outcome,
        "page": link(f"{step.name}.html"),
        "notebook": link(f"{step.name}.ipynb"),
        "results": link(f"{step.name}.json"),
        "tables": [
            (path.stem.removeprefix(f"{step.name}_"), f"tables/{path.name}")
            for path in sorted((place.folder / "tables").glob(f"{step.name}_*.parquet"))
        ],
        "pictures": pictures,
        "headline": results.get("headline") or [],
        "scores": tabulate_records(results["scores"]) if results.get("scores") else None,
        "parameters": list_parameters(step, outcome),
    }


def _page(place: RunFolder, step: Step) -> Path:
    return place.folder / f"{step.name}.html"


def _render(template: str, **values: Any) -> str:
    return make_environment().get_template(template).render(**values)


@lru_cache(maxsize=1)
def make_environment() -> jinja2.Environment:
    """Return what renders the templates of pages."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        basis=tell_basis,
        value=format_value,
        seconds=format_seconds,
        short=partial(re.sub, r"^(\d\d)_", r"\1 "),
    )
    environment.tests["too_few"] = is_too_few
    return environment


def list_parameters(step: Step, outcome: Outcome) -> list[dict[str, Any]]:
    """Return a step's parameters: name, value, default, what it means, and whether it differs."""
    shown = [p for p in step.parameters.values() if p.name not in RESERVED]
    controlled = CONTROLS.get(step.name, ())
    return [
        {
            "name": parameter.name,
            "value": outcome.parameters.get(parameter.name, parameter.default),
            "default": parameter.default,
            "help": parameter.help,
            "differs": outcome.parameters.get(parameter.name, parameter.default)
            != parameter.default,
            "control": LABELS[parameter.name] if parameter.name in controlled else "",
        }
        for parameter in shown
    ]


def format_controls(step: Step, outcome: Outcome) -> str:
    """Return the parameters that a notebook's controls set, as a parameter file has them."""
    values = {p["name"]: p["value"] for p in list_parameters(step, outcome) if p["control"]}
    return format_settings({step.name: values})


@lru_cache(maxsize=1)
def list_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    versions = {"Python": f"{platform.python_version()} on {platform.system()}"}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):  # optional, or not for this system
            versions[name] = metadata.version(name)
    return versions
