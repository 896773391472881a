"""Small notebooks and a runner for them: what the tests of the machinery share."""

from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fluxlib.workflow import steps
from fluxlib.workflow.plan import Plan, read_plan
from fluxlib.workflow.runner import Run, Source, run_notebooks
from fluxlib.workflow.sweep import Sweep, run_sweep

#: The parameters of `run_mixed`.
MIXED = {"lag_days": 6, "01_observations": {"large": 12}}
_OWN = "dataset_folder = ''\nreports_folder = ''\nfigures_folder = ''\ninteractive = True\n"
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


def run_toys(folder: Path, **options) -> tuple[Run, list[str]]:
    """Run the notebooks in ``folder/notebooks``; return the run and the lines that it said."""
    said = []

    def say(text, end="\n", flush=False):
        said.append(text + end)

    run = run_notebooks(
        Source(folder / "data", "toy", "Toy <data>", synthetic=True, key="a" * 64),
        notebooks=folder / "notebooks",
        reports=folder / "reports",
        figures=folder / "figures",
        say=say,
        **options,
    )
    return run, "".join(said).splitlines()


def describe_toy(folder: Path) -> Source:
    """Take a folder for a dataset, with its name for its content."""
    return Source(folder.resolve(), folder.name, "Toy", synthetic=True, key=folder.name)


def plan_toys(folder: Path, text: str) -> Plan:
    """Plan a sweep of the notebooks in ``folder/notebooks`` over the dataset ``folder/data``."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    path = folder / "toys.yaml"
    path.write_text(text)
    return read_plan(
        path,
        notebooks=folder / "notebooks",
        sample=lambda: folder / "data",
        describe=describe_toy,
    )


def sweep_toys(folder: Path, text: str, **options) -> tuple[Sweep, list[str]]:
    """Sweep the notebooks in ``folder/notebooks``; return the sweep and the lines that it said."""
    said = []
    plan = plan_toys(folder, text)
    return run_sweep(plan, folder=folder / "sweeps", say=said.append, **options), said


_mixed = {}


def run_mixed(tmp_path_factory) -> tuple[Path, Run, list[str]]:
    """Run the notebooks of `write_mixed`, once for all tests; leave the folder as it is."""
    if not _mixed:
        folder = tmp_path_factory.mktemp("mixed")
        write_mixed(folder / "notebooks")
        stale = folder / "reports" / "toy" / "tables" / "02_calibration_stale.parquet"
        stale.parent.mkdir(parents=True)
        stale.write_text("of an earlier run")
        (stale.parent / ".writing-abc.parquet").write_text("half")
        with still_code():
            run, said = run_toys(folder, parameters=MIXED)
        _mixed.update(folder=folder, run=run, said=said)
    return _mixed["folder"], _mixed["run"], _mixed["said"]


@contextmanager
def still_code():
    """Keep the key of the code: someone may be editing the modules while the tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "hash_code", lambda: "the code")
        yield


def get_statuses(run: Run) -> dict[str, str]:
    """Return the status by number, with "reused" for what did not run again."""
    return {o.step[:2]: "reused" if o.reused else o.status for o in run.outcomes}


def write_mixed(folder: Path) -> None:
    """Write six notebooks, of which 02 does not apply, 04 fails, and 05 needs 04."""
    write_notebook(
        folder,
        "01_observations",
        "import matplotlib.pyplot as plt\nimport pandas as pd",
        "figure, axes = plt.subplots()\naxes.plot([0, large])\n"
        'results.show_figure(axes, "line", alt="A \\"rising\\" line", title="Rise & shine")',
        'table = pd.DataFrame({"note": ["low", "high"], "n": [1, 22]},\n'
        '                     index=pd.Index(["goes13", "goes15"], name="satellite"))\ntable',
        'results.save_table(table, "counts")\n'
        "results.save(headline=[dict(label='Missing', value=27.1234, unit='%', baseline=0.5,"
        " baseline_label='east')], scores=table, large=large)",
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
