"""What a notebook leaves behind: tables, figures and one JSON file of results.

A later notebook reads only what an earlier one wrote here, so each can be run again alone, and
the report shows exactly what is on disk.
"""

import json
import math
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.utils.files import atomic_path, read_results, write_text
from fluxlib.utils.validation import check_name

_STEP = re.compile(r"\d\d_[a-z0-9_]+")


def require(condition: bool, message: str) -> None:
    """Stop the notebook, without failing it, where the dataset cannot answer its question.

    Parameters
    ----------
    condition
        What the rest of the notebook needs.
    message
        One sentence for the report: what the dataset lacks.

    Raises
    ------
    NotApplicable
        If `condition` is false.

    Examples
    --------
    >>> require(len(["goes13", "goes15"]) > 1, "Only one satellite: nothing to calibrate.")
    """
    if not condition:
        raise NotApplicable(message)


class Results:
    """The outputs of one step on one dataset, and those of the steps before it.

    Parameters
    ----------
    step
        The notebook's name without suffix, like ``"03_offsets"``.
    dataset
        The dataset's name, from its manifest.
    reports, figures
        Folders that hold one folder a dataset. Tables and JSON go to ``reports/<dataset>``,
        pictures to ``figures/<dataset>``.

    simulated
        Whether the data are; then the notebook says so, and each figure.

    Raises
    ------
    FluxError
        If a name cannot be part of a file name.
    """

    def __init__(
        self,
        step: str,
        *,
        dataset: str,
        reports: str | Path,
        figures: str | Path,
        simulated: bool = False,
    ):
        if not _STEP.fullmatch(step):
            raise FluxError(f"step: found {step!r}, expected two digits and a name: '03_offsets'.")
        self.step = step
        self.dataset = check_name(dataset, "dataset")
        self.folder = Path(reports) / dataset
        self.figures = Path(figures) / dataset
        self.simulated = simulated
        if simulated:
            print(f"The data of {dataset} are simulated; each figure says so.")

    def save(self, **values: Any) -> None:
        """Write the step's results as ``<step>.json``; NaN and infinity become null.

        Two keys are shown on the report's index. ``headline`` is a list of
        ``{label, value, unit?, baseline?, baseline_label?, n?, of?, enough?}``: a value that rests
        on fewer than ``enough`` things, such as days, is marked here and there. ``scores`` is a
        list of records or a frame.

        Raises
        ------
        FluxError
            If a value is of a kind that JSON has no form for, or one of these two keys is not of
            the form above; the message names the key.
        """
        tree = _to_json(values, "results")
        _check_records(tree.get("headline"), "headline", needed=("label", "value"))
        _check_records(tree.get("scores"), "scores")
        text = json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False)
        write_text(self.folder / f"{self.step}.json", text + "\n")
        for figure in tree.get("headline") or []:
            if is_too_few(figure):
                print(f"{figure['label']}. {tell_basis(figure)}.")

    def has(self, step: str) -> bool:
        """Tell whether `step` wrote results: not so if it did not run or did not apply."""
        return (self.folder / f"{step}.json").is_file()

    def read(self, step: str) -> dict:
        """Return what `step` saved.

        Raises
        ------
        FluxError
            If it has saved nothing; the message says which notebook to run first.
        """
        self._find(self.folder / f"{step}.json", step)
        return read_results(self.folder, step)

    def save_table(self, frame: pd.DataFrame, name: str) -> None:
        """Write `frame`, index included, as ``tables/<step>_<name>.parquet``."""
        path = self._table_path(self.step, check_name(name, "the table's name"))
        with atomic_path(path) as temporary:
            frame.to_parquet(temporary)

    def read_table(self, step: str, name: str) -> pd.DataFrame:
        """Return the table `name` that `step` saved.

        Raises
        ------
        FluxError
            If there is none; the message says which notebook to run first.
        """
        return pd.read_parquet(self._find(self._table_path(step, name), step))

    def show_figure(
        self, drawing, name: str, *, alt: str, title: str | None = None, chart=None
    ) -> None:
        """Save a picture as ``<step>_<name>.png``, and show what was saved.

        Parameters
        ----------
        drawing
            Axes, a Figure, or a seaborn grid. It is closed, so that the notebook shows it once
            and figures don't pile up in memory.
        name
            Part of the file's name.
        alt
            What the picture shows, in words, for those who cannot see it.
        title
            The caption in pages; what the picture says in its own title follows, so that captions
            carry the numbers. Both texts are stored in the PNG, where the index finds them.
        chart : plotly Figure, optional
            The same to zoom and hover, which JupyterLab and pages with scripts show in its place.
        """
        from IPython.display import Image, display
        from matplotlib import pyplot as plt

        if not alt.strip():
            raise FluxError(f"Figure {name!r} of {self.step} has no alt text: say what it shows.")
        figure = getattr(drawing, "figure", drawing).get_figure(root=True)
        title = ". ".join(text for text in (title, _find_finding(drawing)) if text)
        check_name(name, "the figure's name")
        path = self.figures / f"{self.step}_{name}.png"
        if self.simulated:
            # Below the axes: the picture grows to hold it.
            figure.text(1, -0.01, "simulated data", ha="right", va="top", color="0.4", fontsize=11)
        words = {"Title": title or name.replace("_", " "), "Description": alt}
        with atomic_path(path) as temporary:
            # Without "Software" the file is the same whichever matplotlib made it.
            figure.savefig(
                temporary, dpi=150, bbox_inches="tight", metadata={"Software": None, **words}
            )
        width = round(figure.get_figwidth() * 96)  # CSS pixels an inch; the rest is sharpness
        plt.close(figure)
        caption = {"title": title} if title else {}
        image = Image(filename=path, width=width, alt=alt, metadata=caption)
        if chart is None:
            display(image)
        else:
            data, words = image._repr_mimebundle_()
            data["application/vnd.plotly.v1+json"] = json.loads(chart.to_json())
            display(data, metadata=words, raw=True)

    def _table_path(self, step: str, name: str) -> Path:
        return self.folder / "tables" / f"{step}_{name}.parquet"

    def _find(self, path: Path, step: str) -> Path:
        if path.is_file():
            return path
        raise FluxError(
            f"{path} is not there: {self.step} needs what {step} writes. Run notebook {step} on "
            f"dataset {self.dataset!r} first (./run_all.sh --only {step[:2]})."
        )


def _find_finding(drawing) -> str:
    """Return what a picture says in its title: of the Axes, or of the figure."""
    titles = [drawing.get_suptitle()] if hasattr(drawing, "get_suptitle") else []
    if hasattr(drawing, "get_title"):
        titles = [drawing.get_title(loc=side) for side in ("left", "center", "right")]
    return next((title for title in titles if title and "$" not in title), "")


def is_too_few(figure: dict[str, Any]) -> bool:
    """Tell whether a key figure rests on fewer things than it should."""
    return figure.get("n") is not None and figure["n"] < figure.get("enough", 0)


def tell_basis(figure: dict[str, Any]) -> str:
    """Return what a key figure rests on, such as "1,096 days"; empty if it does not say."""
    if figure.get("n") is None:
        return ""
    text = f"{figure['n']:,} {figure.get('of', 'samples')}"
    return (
        f"Too few to rely on: {text}, {figure['enough']:,} wanted" if is_too_few(figure) else text
    )


def _check_records(records: Any, key: str, needed: tuple[str, ...] = ()) -> None:
    if records is None:
        return
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise FluxError(f"results.{key}: expected a list of dictionaries, found {records!r:.200}.")
    for record in records:
        for name in needed:
            if name not in record:
                raise FluxError(f"results.{key}: found {record!r}, expected it to have a {name!r}.")


def _to_json(value: Any, where: str) -> Any:
    """Return `value` in JSON's own types; `where` names it in an error."""
    if isinstance(value, dict):
        return {str(key): _to_json(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, pd.DataFrame):
        has_index = value.index.names != [None]
        value = (value.reset_index() if has_index else value).to_dict("records")
    elif isinstance(value, pd.Series):
        return _to_json(value.to_dict(), where)
    elif isinstance(value, np.ndarray | pd.Index):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_to_json(item, f"{where}[{i}]") for i, item in enumerate(value)]
    return _to_json_scalar(value, where)


def _to_json_scalar(value: Any, where: str) -> Any:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value.item()
        return _to_json_scalar(value, where)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return pd.Timedelta(value).isoformat()
    if isinstance(value, Path):
        return str(value)
    raise FluxError(
        f"{where}: found a {type(value).__name__}, expected numbers, text, dates, lists, "
        "dictionaries or pandas objects, which can be saved as JSON."
    )
