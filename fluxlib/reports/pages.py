"""HTML pages of a run: one a notebook, and an index that a scientist would want to read.

Pages need no network and no other file. Only the figures' full size and the tables are links.
"""

import base64
import io
import os
import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbconvert import HTMLExporter
from PIL import Image

from fluxlib.reports.formatting import (
    align_columns,
    drop_library_log,
    format_seconds,
    format_value,
    tabulate_records,
)
from fluxlib.reports.history import compare_runs, record_run
from fluxlib.utils.files import PROJECT, read_results, write_text
from fluxlib.workflow.desk import Desk, Outcome
from fluxlib.workflow.execution import list_started_cells
from fluxlib.workflow.parameters import RESERVED
from fluxlib.workflow.settings import CONTROLS, LABELS, format_settings
from fluxlib.workflow.steps import Step

WIDTH = 640  # pixels of a thumbnail; a click shows the figure itself


@dataclass(frozen=True)
class Picture:
    """A figure on disk.

    Attributes
    ----------
    path : Path
    title, alt : str
        Caption, and what it shows in words; see `fluxlib.Results.show_figure`.
    thumbnail : str
        A ``data:`` address, so that the page needs no other file.
    width, height : int
        Of the thumbnail, in pixels.
    """

    path: Path
    title: str
    alt: str
    thumbnail: str
    width: int
    height: int


def read_pictures(folder: Path, step: str) -> list[Picture]:
    """Return the figures that a step saved in `folder`, by name."""
    return [_read_picture(path) for path in sorted(folder.glob(f"{step}_*.png"))]


def _read_picture(path: Path) -> Picture:
    return Picture(path=path, **_shrink(path.read_bytes(), path.stem))


# Runs of a sweep share most of their figures, and scaling one takes time.
@lru_cache(maxsize=64)
def _shrink(content: bytes, name: str) -> dict:
    with Image.open(io.BytesIO(content)) as image:
        words = dict(image.text)  # the image forgets them when it is scaled
        small = image.convert("RGB")
    small.thumbnail((WIDTH, 3 * WIDTH), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    small.save(data, "WEBP", quality=80)
    return {
        "title": words.get("Title", name),
        "alt": words.get("Description", ""),
        "thumbnail": "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode(),
        "width": small.width,
        "height": small.height,
    }


TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Report:
    """The pages of one dataset.

    Parameters
    ----------
    desk
        Where the steps left their files, and the pages go.
    steps
        All notebooks, in order.
    chosen
        Names of the steps that this run brings up to date, which therefore get a page.
    """

    desk: Desk
    steps: list[Step]
    chosen: set[str]

    def write_page(self, step: Step, outcome: Outcome) -> Path:
        """Turn a step's executed notebook into ``<step>.html``; nothing is executed again."""
        path = self.desk.page(step)
        pages = [s for s in self.steps if s.name in self.chosen or self.desk.page(s).exists()]
        place = [s.name for s in pages].index(step.name)
        html = self._render(
            "page.html.j2",
            step=step,
            outcome=outcome,
            body=self._render_notebook(step, outcome),
            parameters=list_parameters(step, outcome),
            settings=format_controls(step, outcome),
            pages=pages,
            next_step=pages[place + 1] if place + 1 < len(pages) else None,
        )
        write_text(path, html)
        return path

    def write_index(self, outcomes: Mapping[str, Outcome], *, seconds: float) -> Path:
        """Write ``index.html`` from the outcomes and from what the steps left on disk.

        Parameters
        ----------
        outcomes
            By step.
        seconds
            What the run took.
        """
        path = self.desk.folder / "index.html"
        entries = [self._describe_step(step, outcomes[step.name]) for step in self.steps]
        headlines = {entry["step"].name: entry["headline"] for entry in entries}
        runs = record_run(self.desk.folder, outcomes, headlines, dataset_key=self.desk.source.key)
        html = self._render(
            "index.html.j2",
            entries=entries,
            seconds=seconds,
            finished=datetime.now(UTC),
            comparison=compare_runs(runs),
            pages=[step for step in self.steps if self.desk.page(step).exists()],
        )
        write_text(path, html)
        return path

    def _describe_step(self, step: Step, outcome: Outcome) -> dict[str, Any]:
        is_valid = outcome.status in ("done", "out of date")
        results = read_results(self.desk.folder, step.name) if is_valid else {}
        return {
            "step": step,
            "outcome": outcome,
            "page": self._link(self.desk.page(step)),
            "notebook": self._link(self.desk.notebook(step)),
            "results": self._link(self.desk.results(step)),
            "tables": [
                (path.stem.removeprefix(f"{step.name}_"), self._link(path))
                for path in self.desk.list_outputs(step)
                if path.suffix == ".parquet"
            ],
            "pictures": read_pictures(self.desk.pictures, step.name),
            "headline": results.get("headline") or [],
            "scores": tabulate_records(results["scores"]) if results.get("scores") else None,
            "parameters": list_parameters(step, outcome),
        }

    def _render(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(
            source=self.desk.source, versions=self._versions, link=self._link, **values
        )

    def _render_notebook(self, step: Step, outcome: Outcome) -> str:
        if outcome.status == "skipped":
            return ""
        notebook = nbformat.read(self.desk.notebook(step), as_version=4)
        # What follows a failure speaks of figures that were never drawn.
        notebook.cells = list_started_cells(notebook)
        exporter = HTMLExporter(
            template_name="basic",
            template_file="cells.html.j2",
            extra_template_paths=[str(TEMPLATES)],
            exclude_input=True,
            exclude_output_prompt=True,
            exclude_anchor_links=True,
            filters={"align_columns": align_columns, "drop_library_log": drop_library_log},
        )
        return exporter.from_notebook_node(notebook)[0]

    def _link(self, path: Path) -> str | None:
        return Path(os.path.relpath(path, self.desk.folder)).as_posix() if path.exists() else None

    @cached_property
    def _versions(self) -> dict[str, str]:
        return list_versions()

    @cached_property
    def _environment(self) -> jinja2.Environment:
        return make_environment()


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
        value=format_value, seconds=format_seconds, short=partial(re.sub, r"^(\d\d)_", r"\1 ")
    )
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


def list_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that the project names itself."""
    with open(PROJECT / "pyproject.toml", "rb") as file:
        lines = tomllib.load(file)["project"]["dependencies"]
    versions = {"Python": f"{platform.python_version()} on {platform.system()}"}
    for name in (re.match(r"[\w.-]+", line)[0] for line in lines):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # optional, or not for this system
            continue
    return versions
