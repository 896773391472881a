"""Small notebooks and a runner for them: what the tests of workflow and reports share."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fluxlib.reports.runs import Result, place_run, run_plan
from fluxlib.workflow.plan import Job, Plan, plan_run, plan_sweep
from fluxlib.workflow.store import Outcome, RunFolder, Source, StepStore

#: The parameters of `run_mixed`.
MIXED = {"lag_days": 6, "01_observations": {"large": 12}}
_OWN = "dataset_folder = ''\nreports_folder = ''\nfigures_folder = ''\ninteractive = True\n"
# Writes without pandas, whose import would be most of its time, and notes that it ran.
_HEAD = """import json, os, time
from pathlib import Path
name = "{name}"
data, out = Path(dataset_folder), next(Path(reports_folder).iterdir())
with open(data / "ran", "a") as file:
    file.write(name + " ")
def read(step):
    return json.loads((out / f"{{step}}.json").read_text())["headline"][0]["value"]
def save(value):
    figure = dict(label=name, value=value)
    scores = [dict(model="m", horizon=h, PE=value / h, n=9) for h in (1, 2)]
    (out / f"{{name}}.json").write_text(json.dumps(dict(headline=[figure], scores=scores)))"""
_RESULTS = """from fluxlib import Results, require
results = Results("{name}", dataset="toy", reports=reports_folder, figures=figures_folder)"""


def write_notebook(folder, name, *cells, parameters="", needs=(), uses=(), plain=False) -> Path:
    """Write a notebook with a heading, parameters, `results`, and `cells` ("# ..." is prose).

    A plain one has no `results`, and so starts faster.
    """
    folder.mkdir(parents=True, exist_ok=True)
    notebook = new_notebook(
        cells=[
            new_markdown_cell(f"# {name[3:].capitalize()}: a question?\n\nSome *prose*."),
            new_code_cell(_OWN + parameters, metadata={"tags": ["parameters"]}),
            *([] if plain else [new_code_cell(_RESULTS.format(name=name))]),
            *(new_markdown_cell(c) if c.startswith("# ") else new_code_cell(c) for c in cells),
        ],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "fluxlib": {"needs": list(needs), "uses": list(uses)},
        },
    )
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def write_step(folder, name, *cells, **options) -> Path:
    """Write a quick notebook into ``folder/notebooks``, with `read`, `save`, `data` and `out`."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    cells = (_HEAD.format(name=name), *cells)
    return write_notebook(folder / "notebooks", name, *cells, plain=True, **options)


def count_runs(folder: Path) -> dict[str, int]:
    """Return how often each notebook of `write_step` was run."""
    return dict(Counter((folder / "data" / "ran").read_text().split()))


def read_all_results(folder: Path) -> dict[str, bytes]:
    """Return all that counts as a result of the sweep in ``folder/sweeps/toys``, by path."""
    sweep = folder / "sweeps" / "toys"
    paths = [
        *sweep.glob("runs/*/reports/*/[0-9]*_*.json"),
        *sweep.glob("runs/*/reports/*/tables/*"),
    ]
    paths += [*sweep.glob("runs/*/figures/*/*"), sweep / "results.parquet"]
    return {path.relative_to(sweep).as_posix(): path.read_bytes() for path in paths}


def store_toys(folder: Path) -> StepStore:
    """Return where `run_toys` and `sweep_toys` keep their steps."""
    return StepStore(folder / "reports" / ".steps")


def keep_step(store: StepStore, job: Job, **about) -> Outcome:
    """Put a job into a store as if it had been run."""
    outcome = Outcome(job.step, "done", job.key, inputs=job.inputs, parameters=job.given)
    outcome = replace(outcome, **about)
    folder = store.find_folder(job.key)
    folder.mkdir(parents=True, exist_ok=True)
    store.write_outcome(folder, outcome)
    return outcome


def run_toys(folder: Path, *, machine=None, source=None, **choice) -> tuple[Result, list[str]]:
    """Run the notebooks in ``folder/notebooks``; return the result and the lines reported."""
    lines = []
    source = source or Source(folder / "data", "toy", "Toy <data>", synthetic=True, key="a" * 64)
    plan = plan_run(source, notebooks=folder / "notebooks", **choice)
    places = {plan.runs[0].name: RunFolder(source, folder / "reports", folder / "figures")}
    result = run_plan(plan, places, store=store_toys(folder), machine=machine, report=lines.append)
    return result, lines


def describe_toy(folder: Path) -> Source:
    """Take a folder for a dataset, with its name for its content."""
    return Source(folder.resolve(), folder.name, "Toy", synthetic=True, key=folder.name)


def plan_toys(folder: Path, text: str) -> Plan:
    """Plan a sweep of the notebooks in ``folder/notebooks`` over the dataset ``folder/data``."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    path = folder / "toys.yaml"
    path.write_text(text)
    return plan_sweep(
        path,
        notebooks=folder / "notebooks",
        sample=lambda: folder / "data",
        describe=describe_toy,
    )


def sweep_toys(folder: Path, text: str, *, machine=None) -> tuple[Result, list[str]]:
    """Sweep the notebooks in ``folder/notebooks``; return the result and the lines reported."""
    lines = []
    plan, sweep = plan_toys(folder, text), folder / "sweeps" / "toys"
    places = {run.name: place_run(sweep, run) for run in plan.runs}
    result = run_plan(
        plan, places, store=store_toys(folder), sweep=sweep, machine=machine, report=lines.append
    )
    return result, lines


def run_mixed(folder: Path) -> tuple[Result, list[str]]:
    """Run the notebooks of `write_mixed` in a folder that has files of an earlier run."""
    write_mixed(folder / "notebooks")
    stale = folder / "reports" / "toy" / "tables" / "02_calibration_stale.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_text("of an earlier run")
    (stale.parent / ".writing-abc.parquet").write_text("half")
    return run_toys(folder, parameters=MIXED)


def get_statuses(run: Result) -> dict[str, str]:
    """Return the status by number, with "reused" for what did not run again."""
    return {o.step[:2]: "reused" if o.reused else o.status for o in run.outcomes}


def write_mixed(folder: Path) -> None:
    """Write six notebooks, of which 02 does not apply, 04 fails, and 05 needs 04."""
    write_notebook(
        folder,
        "01_observations",
        "import matplotlib.pyplot as plt\nimport pandas as pd\n"
        "from fluxlib.plotting.interactive import draw_series",
        "figure, axes = plt.subplots()\naxes.plot([0, large])\n"
        "days = pd.Series([1.0, large], pd.date_range('2014-01-01', periods=2))\n"
        'results.show_figure(axes, "line", alt="A \\"rising\\" line", title="Rise & shine",'
        ' chart=draw_series({"goes13": days}))',
        'table = pd.DataFrame({"note": ["low", "high"], "n": [1, 22]},\n'
        '                     index=pd.Index(["goes13", "goes15"], name="satellite"))\ntable',
        'results.save_table(table, "counts")\n'
        "results.save(headline=[dict(label='Missing', value=27.1234, unit='%', baseline=0.5,"
        " baseline_label='east', n=1200, of='hours', enough=24), dict(label='Rate', value=0.9,"
        " n=3, of='days', enough=30)], scores=table, large=large)",
        "import sys\nprint('some chatter')\nprint('a warning', file=sys.stderr)",
        parameters="large = 10  # days, n >= 10 = large\n# The first day, or the day\n"
        "# that a longer comment says.\nfirst = '2010-01-01'\nrate = 0.5\n",
    )
    write_notebook(
        folder,
        "02_calibration",
        'require(False, "Only one satellite.")',
        "# What follows is never reached",
        needs=["01_observations"],
    )
    write_notebook(
        folder,
        "03_offsets",
        'results.save(calibrated=results.has("02_calibration"))',
        parameters="lag_days = 5\n",
        needs=["02_calibration"],
    )
    write_notebook(
        folder,
        "04_imputation",
        "flux = {}\nflux['e2']",
        "raise SystemExit('never reached')",
        parameters="large = 20\n",
        needs=["03_offsets"],
    )
    write_notebook(folder, "05_prediction", "1 / 0", needs=["04_imputation"])
    write_notebook(
        folder, "06_summary", "results.save(n=6)", uses=["04_imputation", "05_prediction"]
    )
