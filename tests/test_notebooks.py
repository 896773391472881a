import ast
import re

import nbformat
import pandas as pd
import pytest

import fluxlib
from fluxlib.workflow.notebooks import NOTEBOOKS
from tests.helpers.batch import CHEAP, NAMES, read, run_all


@pytest.fixture(params=NAMES)
def notebook(request):
    return nbformat.read(NOTEBOOKS / f"{request.param}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_folder_holds_the_six_notebooks_and_no_other():
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == NAMES


def test_a_notebook_is_valid_and_of_the_python3_kernel(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


def test_a_notebook_begins_with_its_question(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# 0\d · \w+\n\n\*\*.+\?\*\*", first.source, flags=re.DOTALL)


def test_a_notebook_has_one_parameters_cell_of_literals(notebook):
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    for statement in ast.parse(cell.source).body:
        assert isinstance(statement, ast.Assign)
        ast.literal_eval(statement.value)
    names = [s.targets[0].id for s in ast.parse(cell.source).body]
    assert {"dataset_folder", "reports_folder", "figures_folder"} <= set(names)


def test_a_notebook_is_committed_without_outputs(notebook):
    assert not any(cell.outputs or cell.execution_count for cell in code_cells(notebook))


def test_a_notebook_defines_nothing_and_is_short(notebook):
    cells = code_cells(notebook)
    assert len(cells) <= 15
    for cell in cells:
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef, ast.Lambda}


@pytest.fixture
def report(batch):
    return batch


@pytest.mark.slow
def test_each_notebook_leaves_a_page_results_and_the_index_links_it(report):
    index = (report / "index.html").read_text()
    for name in NAMES:
        assert (report / f"{name}.html").exists()
        assert f'href="{name}.html"' in index
        page = (report / f"{name}.html").read_text()
        assert "Traceback" not in page
        assert "WARNING" not in page
        pictures = list((report.parent.parent / "figures" / "simulated").glob(f"{name}_*.png"))
        assert page.count("<img") == len(pictures) > 0
    assert "simulated" in index.lower()


@pytest.mark.slow
def test_01_counts_what_find_gaps_finds(report):
    dataset = fluxlib.load(report.parent.parent / "data")
    found = read(report, "01_observations")
    gaps = sum(len(fluxlib.find_gaps(frame["e2"])) for frame in dataset.flux.values())
    assert found["gaps"] == gaps
    account = pd.read_parquet(report / "tables" / "01_observations_account.parquet")
    assert (account["read"] == account["kept"] + account["rejected"]).all()
    flags = pd.read_parquet(report / "tables" / "01_observations_flags.parquet")
    assert found["flags"] == flags.to_dict("records")
    measured = sum(int(frame.notna().sum().sum()) for frame in dataset.flux.values())
    assert flags["samples"].sum() == measured


@pytest.mark.slow
def test_02_calibration_brings_satellites_closer(report):
    found = read(report, "02_calibration")
    assert found["reference"] == "goes11"
    assert found["rmse_after"] < found["rmse_before"]
    daily = pd.read_parquet(report / "tables" / "02_calibration_daily.parquet")
    assert daily["calibrated"][daily["log_fluence"].notna()].all()


@pytest.mark.slow
def test_03_finds_the_solar_wind_speed_days_before_the_flux(report):
    peaks = pd.DataFrame(read(report, "03_offsets")["peaks"]).set_index("driver")
    assert peaks.loc["V", "rho"] > 0.3
    assert 12 <= peaks.loc["V", "offset"] <= 72
    assert peaks.loc["N", "rho"] < -0.3


@pytest.mark.slow
def test_04_beats_interpolation_and_the_calibrated_satellite_and_owns_to_its_search(report):
    found = read(report, "04_imputation")
    assert (found["satellite"], found["other"]) == ("goes15", "goes13")
    gaps = pd.DataFrame(found["gap_scores"]).set_index("hours")
    assert gaps.loc[72, "GA-RF"] < gaps.loc[72, "linear"] < gaps.loc[72, "cubic"]
    assert (gaps["full model"] < gaps["linear"]).all()
    scores = pd.DataFrame(found["scores"]).set_index("method")
    assert scores["RMSE"]["full model"] < scores["RMSE"]["other satellite"]
    assert scores.loc["other satellite", "worse lower"] > 0
    # The same forest summed in another order may differ in its last bit.
    assert found["best"]["rmse"] > found["least"]["rmse"] * (1 - 1e-12)
    fitness = pd.DataFrame(found["fitness"]).set_index("fitness")
    assert fitness.loc["train", "own"] < fitness.loc["validation", "own"]
    filled = pd.read_parquet(report / "tables" / "04_imputation_filled.parquet")
    measured = filled[~filled["imputed"]].dropna()
    assert (measured["value"] == measured["lower"]).all()
    guessed = filled[filled["imputed"]]
    assert len(guessed) == found["imputed"] > 0
    assert (guessed["lower"] < guessed["value"]).all()


@pytest.mark.slow
def test_05_scores_every_model_on_the_same_days(report):
    found = read(report, "05_prediction")
    scores = pd.DataFrame(found["scores"])
    assert found["years"] == [2012]
    assert scores.groupby("horizon")["n"].nunique().eq(1).all()
    pe = scores[scores["horizon"] == 1].set_index("model")["PE"]
    assert pe["ridge"] > pe["persistence"]


@pytest.mark.slow
def test_06_puts_our_scores_beside_the_published(report):
    found = read(report, "06_summary")
    assert found["steps"] == NAMES[:-1]
    sources = [row["source"] for row in found["imputation"]]
    assert {"published, GA-RF", "ours, GA-RF"} <= set(sources)
    assert len(found["errata"]) == 8


@pytest.mark.slow
def test_a_second_run_runs_nothing_again(report, capsys):
    before = {path: path.stat().st_mtime_ns for path in report.glob("*.json")}
    run_all(report.parent.parent, parameters=CHEAP)
    assert capsys.readouterr().out.count("reused") == len(NAMES)
    assert {path: path.stat().st_mtime_ns for path in report.glob("*.json")} == before


@pytest.mark.slow
def test_one_satellite_without_drivers_passes_and_each_page_says_what_it_lacks(tmp_path):
    days = pd.date_range("2014-01-01", periods=24 * 200, freq="1h", name="time")
    (tmp_path / "data").mkdir()
    frame = pd.DataFrame({"e2": 100.0 + days.hour}, index=days)
    frame.to_csv(tmp_path / "data" / "flux.csv")
    (tmp_path / "data" / "dataset.toml").write_text(
        '[dataset]\nname = "alone"\nsynthetic = true\n'
        '[[flux]]\nsatellite = "goes15"\nformat = "table"\nfiles = "flux.csv"\ncadence = "1h"\n'
    )
    report = run_all(tmp_path)
    for name in ("02_calibration", "03_offsets", "04_imputation", "05_prediction"):
        assert not (report / f"{name}.json").exists()
        assert "Not applicable to this dataset" in (report / f"{name}.html").read_text()
    assert read(report, "06_summary")["steps"] == ["01_observations"]
