"""Runs side by side: all those of a sweep, and the latest ones of a dataset."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from fluxlib.reports.pages import make_environment
from fluxlib.utils.files import atomic_path, read_results, write_text
from fluxlib.utils.formatting import format_value, tabulate_records
from fluxlib.workflow.parameters import flatten_parameters
from fluxlib.workflow.plan import Node, Plan, PlannedRun
from fluxlib.workflow.store import BROKEN, Outcome, StepStore

RESULTS = "results.parquet"
HISTORY = "runs.json"
_KEPT = 8  # runs of a dataset: as many columns as a page can show
_COUNT = "n"  # the one score that is a whole number; others say which score it is: horizon, fold


def write_comparison(
    plan: Plan, outcomes: Mapping[str, Outcome], store: StepStore, folder: Path
) -> Path:
    """Write ``results.parquet`` and the comparison page of a sweep; return the page.

    Parameters
    ----------
    plan
    outcomes
        By node.
    store
        Where the steps are.
    folder
        Of the sweep; its runs are in ``runs``.
    """
    results = {
        name: _read_scores(plan.nodes[name], outcome, store) for name, outcome in outcomes.items()
    }
    table = pd.DataFrame(_list_scores(plan, results))
    with atomic_path(folder / RESULTS) as temporary:
        table.to_parquet(temporary, index=False)
    figures, common = _split_figures(_collect_figures(plan, results))
    runs = [{**run.varied, **own} for run, own in zip(plan.runs, figures, strict=True)]
    html = make_environment().get_template("sweep.html.j2")
    path = folder / "index.html"
    text = html.render(
        plan=plan,
        table=tabulate_records(runs) if any(runs) else None,
        common=common,
        states=[_describe_state(run, outcomes) for run in plan.runs],
        links=[f"runs/{run.name}/reports/{run.source.name}/index.html" for run in plan.runs],
        effects=[
            {"name": name, "table": tabulate_records(_average(plan, figures, name))}
            for name in plan.runs[0].varied
        ],
        scores=RESULTS,
        count=len(table),
        finished=datetime.now(UTC),
        pages=[],
    )
    write_text(path, text)
    return path


def _read_scores(node: Node, outcome: Outcome, store: StepStore) -> dict[str, Any]:
    if outcome.status != "done":
        return {}
    return read_results(
        store.find_folder(outcome.key) / "reports" / node.source.name, node.step.name
    )


def _list_scores(plan: Plan, results: Mapping[str, dict]) -> Iterator[dict[str, Any]]:
    """Yield a record for each number that a step of a run scored, or has among its key figures.

    ``run``, ``dataset``, ``step``, the values in which the runs differ; what it is the score of,
    such as ``model`` and ``horizon``; and ``score`` and ``value``.
    """
    for run in plan.runs:
        for step, name in run.nodes.items():
            place = {"run": run.name, "dataset": run.source.name, "step": step}
            place |= {name: _write_value(value) for name, value in run.varied.items()}
            for record in results[name].get("scores") or []:
                subject = {key: value for key, value in record.items() if not _is_score(key, value)}
                for key, value in record.items():
                    if key not in subject:
                        yield {**subject, **place, "score": key, "value": value}
            for one in results[name].get("headline") or []:
                if isinstance(one["value"], int | float):
                    unit = {"score": one.get("unit") or "", "value": one["value"]}
                    yield {**place, "figure": one["label"], **unit}


def _is_score(name: str, value: Any) -> bool:
    return name == _COUNT or value is None or isinstance(value, float)


def _write_value(value: Any) -> Any:
    """Return a parameter's value as a table's column can hold it."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def _collect_figures(plan: Plan, results: Mapping[str, dict]) -> list[dict[str, Any]]:
    """Return the key figures of each run, those at the same place of a notebook alike named."""
    labels: dict[tuple, set] = {}
    values: list[dict] = [{} for _ in plan.runs]
    for run, own in zip(plan.runs, values, strict=True):
        for step, name in run.nodes.items():
            for place, one in enumerate(results[name].get("headline") or []):
                labels.setdefault((step, place), set()).add(one["label"])
                own[step, place] = one["value"]
    names = {
        (step, place): f"{step[:2]} {found.pop() if len(found) == 1 else f'figure {place + 1}'}"
        for (step, place), found in sorted(labels.items())
    }
    return [{name: own.get(key) for key, name in names.items()} for own in values]


def _split_figures(figures: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the figures in which runs differ, and those that are one in all of several."""
    first = figures[0]
    same = {
        name for name in first if len(figures) > 1 and all(f[name] == first[name] for f in figures)
    }
    differing = [{name: f[name] for name in first if name not in same} for f in figures]
    return differing, {name: first[name] for name in first if name in same}


def _average(plan: Plan, figures: list[dict], name: str) -> list[dict[str, Any]]:
    """Return the means of the key figures over the runs that share each value of a parameter."""
    frame = pd.DataFrame(figures, index=range(len(figures))).select_dtypes("number")
    of = [_write_value(run.varied[name]) for run in plan.runs]
    means = frame.groupby(of, sort=False).mean().astype(object)
    means = means.where(means.notna(), None)
    counts = pd.Series(of).value_counts()
    return [
        {name: value, "runs": int(counts[value]), **row}
        for value, row in means.to_dict("index").items()
    ]


def _describe_state(run: PlannedRun, outcomes: Mapping[str, Outcome]) -> str:
    bad = [
        f"{step[:2]} {outcomes[name].status}"
        for step, name in run.nodes.items()
        if outcomes[name].status in BROKEN
    ]
    return ", ".join(bad) or "done"


def record_run(
    folder: Path, outcomes: Mapping[str, Outcome], dataset_key: str
) -> list[dict[str, Any]]:
    """Add a run to those of its dataset and return them, the newest first.

    Parameters
    ----------
    folder : Path
        The dataset's reports.
    outcomes : mapping of str to Outcome
        By step.
    dataset_key : str
        The hash of the dataset's content. A run with the parameters and the data of an older one
        takes its place.
    """
    run = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": dataset_key,
        "parameters": {name: o.parameters for name, o in outcomes.items() if o.parameters},
        "scores": [
            {"step": step, "label": one["label"], "value": one["value"]}
            for step, outcome in outcomes.items()
            if outcome.status in ("done", "out of date")
            for one in read_results(folder, step).get("headline") or []
        ],
    }
    known = read_runs(folder)
    same = ("data", "parameters")
    if known and all(known[0][name] == run[name] for name in (*same, "scores")):
        return known  # nothing was run again
    others = [old for old in known if any(old[name] != run[name] for name in same)]
    runs = [run, *others][:_KEPT]
    write_text(folder / HISTORY, json.dumps(runs, indent=1) + "\n")
    return runs


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the runs recorded, the newest first; none if the file cannot be read."""
    try:
        return json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a first run, or one that was cut short by an older version
        return []


def compare_runs(runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Lay runs out side by side; None if there is but one.

    Returns
    -------
    dict
        ``runs``, when each finished; ``parameters`` that differ and ``scores``, both lists of
        ``{step, name, texts}`` with a text a run.
    """
    if len(runs) < 2:
        return None
    given = [flatten_parameters(run["parameters"]) for run in runs]
    names = sorted({name for one in given for name in one})
    differing = [name for name in names if len({repr(one.get(name)) for one in given}) > 1]
    scores = [{(s["step"], s["label"]): s["value"] for s in run["scores"]} for run in runs]
    keys = dict.fromkeys(key for one in scores for key in one)  # the newest run's first
    labels = sorted(keys, key=lambda key: key[0])
    return {
        "runs": [run["finished"][:16].replace("T", " ") for run in runs],
        "data": len({run["data"] for run in runs}) > 1 and [run["data"][:8] for run in runs],
        "parameters": [_compare(name, given, "default") for name in differing],
        "scores": [_compare(label, scores, None) for label in labels],
    }


def _compare(key: tuple[str, str], runs: list[dict], absent: Any) -> dict[str, Any]:
    texts = [format_value(run.get(key, absent)) for run in runs]
    return {"step": key[0], "name": key[1], "texts": texts}
