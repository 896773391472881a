"""What the runs of a sweep came to: a tidy table of all scores, and a page that compares them."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from fluxlib.reports.assembly import find_index
from fluxlib.reports.formatting import tabulate_records
from fluxlib.reports.pages import make_environment
from fluxlib.utils.files import atomic_path, read_results, write_text
from fluxlib.workflow.depot import Depot
from fluxlib.workflow.desk import Outcome
from fluxlib.workflow.plan import Node, Plan, PlannedRun

RESULTS = "results.parquet"
_COUNT = "n"  # the one score that is a whole number; others say which score it is: horizon, fold


def write_comparison(
    plan: Plan, outcomes: Mapping[str, Outcome], depot: Depot, folder: Path
) -> Path:
    """Write ``results.parquet`` and the comparison page of a sweep; return the page.

    Parameters
    ----------
    plan
    outcomes
        By node.
    depot
        Where the steps are.
    folder
        Of the sweep; its runs are in ``runs``.
    """
    results = {
        name: _read_scores(plan.nodes[name], outcome, depot) for name, outcome in outcomes.items()
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
        links=[find_index(Path("runs") / run.name, run.source).as_posix() for run in plan.runs],
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


def _read_scores(node: Node, outcome: Outcome, depot: Depot) -> dict[str, Any]:
    if outcome.status != "done":
        return {}
    return read_results(depot.desk(node.source, outcome.key).folder, node.step.name)


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
        if outcomes[name].status in ("failed", "skipped")
    ]
    return ", ".join(bad) or "done"
