"""All notebooks on a small simulated dataset: what slow tests share."""

import json
from pathlib import Path

import fluxlib
from fluxlib.commands.notebooks import describe_dataset
from fluxlib.reports.runs import run_plan
from fluxlib.workflow.notebooks import NOTEBOOKS
from fluxlib.workflow.plan import plan_run
from fluxlib.workflow.store import RunFolder, StepStore

NAMES = [
    "01_observations",
    "02_calibration",
    "03_offsets",
    "04_imputation",
    "05_prediction",
    "06_summary",
]
#: Parameters that take seconds.
CHEAP = {
    "03_offsets": {"max_offset": 72, "offset_step": 3},
    "04_imputation": {
        "generations": 3,
        "bits": [2, 3, 2],
        "gap_hours": [6, 72],
        "competitors": [],
        "train_every": 6,
        "seeds": 5,
    },
    "05_prediction": {"members": 1, "epochs": 2, "test_years": [2012]},
}


def make_batch(folder: Path) -> Path:
    """Run all notebooks on two and a half simulated years of three satellites."""
    fluxlib.write_dataset(
        fluxlib.simulate("2011-07-01", "2014-01-01", "1h", seed=3), folder / "data"
    )
    return run_all(folder, parameters=CHEAP)


def run_all(folder: Path, **choice) -> Path:
    """Run the notebooks on ``folder/data``; return the dataset's folder of reports."""
    source = describe_dataset(folder / "data")
    plan = plan_run(source, notebooks=NOTEBOOKS, **choice)
    places = {plan.runs[0].name: RunFolder(source, folder / "reports", folder / "figures")}
    run = run_plan(plan, places, store=StepStore(folder / "reports" / ".steps"), report=print)
    assert not run.failures, run.failures
    return run.index.parent


def read(report: Path, step: str) -> dict:
    return json.loads((report / f"{step}.json").read_text())
