"""Working copies of the notebooks for JupyterLab, in a folder that batch runs never read.

JupyterLab saves what is edited as it is edited. In the notebooks themselves, that would silently
become the next batch run's defaults; and results of both in one folder would be mixed up. So
JupyterLab opens copies, whose results stay beside them.
"""

import hashlib
import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fluxlib.workflow.notebooks import NOTEBOOKS, PROJECT, find_steps

LAB = PROJECT / "lab"
START = "00_start.ipynb"
RECORD = ".laid.json"  # by name, the hashes of the original and of the copy as it was laid
# Seen from the copy: data are the project's, results the copy's own.
FOLDERS = {'"../reports"': '"reports"', '"../figures"': '"figures"'}


def lay_copies(folder: Path = LAB) -> Path:
    """Lay a working copy of each notebook where there is none, or only an old, untouched one.

    A copy that was edited stays. Who wants the original back deletes the copy, or renames it.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Path
        The start notebook, which links to the others.
    """
    folder.mkdir(exist_ok=True)
    record = folder / RECORD
    try:
        laid = dict(json.loads(record.read_text()))
    except (OSError, ValueError, TypeError):
        laid = {}
    steps = find_steps(NOTEBOOKS)
    texts = {f"{step.name}.ipynb": _adapt(step.path.read_text("utf-8")) for step in steps}
    texts[START] = nbformat.writes(_make_start(list(texts)))
    for name, text in texts.items():
        path, new = folder / name, _hash(text)
        untouched = path.exists() and laid.get(name) == _hash(path.read_text(encoding="utf-8"))
        if not path.exists() or (untouched and laid[name] != new):
            path.write_text(text, encoding="utf-8")
            laid[name] = new
    record.write_text(json.dumps(laid, indent=0))
    return folder / START


def _adapt(text: str) -> str:
    """Return a notebook's text with its results beside it."""
    for old, new in FOLDERS.items():
        text = text.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])
    return text


def _make_start(names: list[str]) -> nbformat.NotebookNode:
    links = "\n".join(f"- [{Path(name).stem.replace('_', ' · ', 1)}]({name})" for name in names)
    cells = [
        new_markdown_cell(
            "# Start\n\nElectrons above 2 MeV at geostationary orbit: what was measured, by whom, "
            "and where the holes are. Run the cell below (Shift+Enter), or open a notebook:\n\n"
            f"{links}\n\nThese are working copies. What you change here changes no batch run: "
            "*Save these settings* below a notebook's figures writes a file for "
            "`./run_all.sh -f`. To have a notebook as it was, delete its copy and start again. "
            "Results go to the folder `reports` beside it; those of batch runs are in "
            "[../reports](../reports)."
        ),
        new_code_cell(
            "import fluxlib\nfrom fluxlib import plotting\n\nplotting.use_style()\n"
            'dataset = fluxlib.load("../data/sample")\ndataset.plot();'
        ),
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    for number, cell in enumerate(cells):
        cell["id"] = f"start-{number}"  # the same each time, so that an untouched copy is known
    return notebook


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
