import ast

import nbformat
import pytest

from fluxlib.workflow.execution import execute_notebook, list_started_cells
from tests.helpers.notebooks import write_notebook

pytestmark = pytest.mark.slow


def test_a_kernel_that_dies_is_a_failure_in_its_cell(tmp_path):
    path = write_notebook(
        tmp_path,
        "01_dies",
        "1 + 1",
        "import os, time\nos.write(2, b'last words')\ntime.sleep(1)\nos.kill(os.getpid(), 9)",
        "# Never reached",
        plain=True,
    )
    output = tmp_path / "out.ipynb"
    execution = execute_notebook(path, output, {"reports_folder": str(tmp_path)})
    assert execution.status == "failed"
    assert execution.cell == '[4] "import os, time"'
    assert "last words" in (tmp_path / "out.log").read_text()
    assert execution.message.startswith("DeadKernelError: the kernel died")
    kept = nbformat.read(output, as_version=4)
    assert kept.cells[3].outputs[0].data["text/plain"] == "2"
    assert list_started_cells(kept)[-1].source.startswith("import os, time")


def test_parameters_braces_and_backend_reach_the_kernel_right(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("FLUX_TOY", "seen")
    path = write_notebook(
        tmp_path / "a {b} c",
        "01_env",
        "import os\n(os.environ.get('FLUX_TOY'), os.environ.get('MPLBACKEND'), n, interactive)",
        "(os.getcwd(), os.environ['OPENBLAS_NUM_THREADS'], os.environ['FLUX_TOO'])",
        "import matplotlib.pyplot as plt\nplt.plot([0, 1]);",
        parameters="n = 1\n",
        plain=True,
    )
    output = tmp_path / "a {b} c" / "out.ipynb"
    execution = execute_notebook(
        path, output, {"n": 2, "interactive": False}, environment={"FLUX_TOO": "told"}
    )
    cells = nbformat.read(output, as_version=4).cells
    text = cells[3].outputs[0].data["text/plain"]
    assert text.startswith("('seen', 'module://matplotlib_inline")
    assert text.endswith("2, False)")
    seen = ast.literal_eval(cells[4].outputs[0].data["text/plain"])
    assert seen == (str(path.parent), "1", "told")
    assert "image/png" in cells[5].outputs[0].data
    assert execution.status == "done"
    assert not output.with_suffix(".log").exists()


def test_a_kernel_that_dies_is_started_as_often_as_asked(tmp_path):
    die = "import os\nopen('runs', 'a').write('x')\nos.kill(os.getpid(), 9)"
    path = write_notebook(tmp_path, "01_dies", die, plain=True)
    execution = execute_notebook(path, tmp_path / "out.ipynb", {}, attempts=3)
    assert execution.status == "failed"
    assert (tmp_path / "runs").read_text() == "xxx"


def test_too_little_data_is_a_finding_and_another_error_a_failure(tmp_path):
    for name, status in (("TooLittleDataError", "not applicable"), ("FluxError", "failed")):
        cell = f"import fluxlib\nraise fluxlib.{name}('one sample')"
        path = write_notebook(tmp_path, f"01_{name}", cell, plain=True)
        folder = {"reports_folder": str(tmp_path)}
        outcome = execute_notebook(path, tmp_path / "out.ipynb", folder)
        assert (outcome.status, "one sample" in outcome.message) == (status, True)
