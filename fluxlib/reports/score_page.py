"""The page of a submission's scores, and the times that a task asks for."""

import hashlib
import json
from pathlib import Path

import pandas as pd

from fluxlib.benchmark.scoring import Scored
from fluxlib.benchmark.tasks import Task, Truth
from fluxlib.datasets.dataset import Dataset
from fluxlib.reports.pages import make_environment
from fluxlib.reports.record_page import tabulate_frame
from fluxlib.utils.files import atomic_path, write_text


def write_template(task: Task, truth: Truth, folder: str | Path) -> Path:
    """Write the rows that a task asks for, with an empty `value`; return the file."""
    times = truth.log_values.index
    frame = pd.DataFrame({"time": times, "value": ""})
    if task.horizons:
        frame = pd.concat([frame.assign(horizon=h) for h in task.horizons])
        frame = frame.sort_values(["time", "horizon"])[["time", "horizon", "value"]]
    path = Path(folder) / "asked.csv"
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False)
    return path


def write_score_page(
    folder: str | Path, task: Task, truth: Truth, scored: Scored, file: Path, dataset: Dataset
) -> Path:
    """Write ``index.html`` and ``scores.json`` to a folder; return the page."""
    folder = Path(folder)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    rivals = scored.rivals.reset_index() if len(scored.rivals) else scored.rivals
    about = {
        "task": task.name,
        "dataset": dataset.name,
        "series": truth.series,
        "truth": truth.checksum,
        "frozen": truth.frozen,
        "file": file.name,
        "sha256": digest,
        "leaks": scored.leaks,
        "left_out": scored.left_out,
        "scores": json.loads(scored.scores.reset_index().to_json(orient="records")),
        "rivals": json.loads(rivals.to_json(orient="records")),
    }
    write_text(folder / "scores.json", json.dumps(about, indent=1) + "\n")
    page = (
        make_environment()
        .get_template("score.html.j2")
        .render(
            task=task,
            about=about,
            synthetic=dataset.manifest.synthetic,
            scores=_split(scored.scores),
            rivals=tabulate_frame(
                rivals.rename(columns={"value": "squared error avoided"}).round(3)
            ),
            share=float(scored.scores["share"].min()),
            pages=None,
        )
    )
    path = folder / "index.html"
    write_text(path, page)
    return path


def _split(scores: pd.DataFrame) -> dict:
    """Return the scores as a table, each with its interval in one column."""
    columns = {"n": scores["n"].astype(int)}
    for name in ("PE", "RMSE", "LC"):
        columns[f"{name} (95 %)"] = [
            f"{row[name]:.3f} ({row[f'{name} lower']:.3f} to {row[f'{name} upper']:.3f})"
            for _, row in scores.iterrows()
        ]
    for name in ("coverage", "interval score", "POD", "FAR", "HSS"):
        if name in scores:
            columns[name] = scores[name].round(3)
    return tabulate_frame(pd.DataFrame(columns, scores.index).reset_index())
