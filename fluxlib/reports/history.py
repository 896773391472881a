"""The latest runs of a dataset, so that a report can set their parameters and scores side by side.

Only what is compared is kept: tables and figures are those of the newest run.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fluxlib.reports.formatting import format_value
from fluxlib.utils.files import write_text
from fluxlib.workflow.parameters import flatten_parameters

if TYPE_CHECKING:
    from fluxlib.workflow.desk import Outcome

_KEPT = 8  # runs: as many columns as a page can show
FILE = "runs.json"


def record_run(
    folder: Path,
    outcomes: Mapping[str, "Outcome"],
    headlines: Mapping[str, list[dict[str, Any]]],
    *,
    dataset_key: str,
) -> list[dict[str, Any]]:
    """Add a run to those of its dataset and return them, the newest first.

    Parameters
    ----------
    folder : Path
        The dataset's reports.
    outcomes : mapping of str to Outcome
        By step.
    headlines : mapping of str to list of dict
        By step: see `fluxlib.Results.save`.
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
            for step, headline in headlines.items()
            for one in headline
        ],
    }
    known = read_runs(folder)
    same = ("data", "parameters")
    if known and all(known[0][name] == run[name] for name in (*same, "scores")):
        return known  # nothing was run again
    others = [old for old in known if any(old[name] != run[name] for name in same)]
    runs = [run, *others][:_KEPT]
    write_text(folder / FILE, json.dumps(runs, indent=1) + "\n")
    return runs


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the runs recorded, the newest first; none if the file cannot be read."""
    try:
        return json.loads((folder / FILE).read_text(encoding="utf-8"))
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
    labels = dict.fromkeys(key for one in scores for key in one)  # the newest run's first
    labels = sorted(labels, key=lambda key: key[0])
    return {
        "runs": [run["finished"][:16].replace("T", " ") for run in runs],
        "data": len({run["data"] for run in runs}) > 1 and [run["data"][:8] for run in runs],
        "parameters": [_lay_out(name, given, "default") for name in differing],
        "scores": [_lay_out(label, scores, None) for label in labels],
    }


def _lay_out(key: tuple[str, str], runs: list[dict], absent: Any) -> dict[str, Any]:
    texts = [format_value(run.get(key, absent)) for run in runs]
    return {"step": key[0], "name": key[1], "texts": texts}
