import pytest

from fluxlib.reports.history import FILE, compare_runs, read_runs, record_run
from fluxlib.workflow.desk import Outcome

STEP = "03_offsets"


def record(folder, value, *, data="d1", label="PE", **parameters):
    outcomes = {
        STEP: Outcome(STEP, "done", parameters=parameters),
        "06_summary": Outcome("06_summary", "done"),
    }
    headlines = {STEP: [{"label": label, "value": value, "unit": "x"}], "06_summary": []}
    return record_run(folder, outcomes, headlines, dataset_key=data)


def test_one_run_has_nothing_to_be_compared_with(tmp_path):
    assert compare_runs(record(tmp_path, 0.5)) is None


def test_runs_stand_side_by_side_with_the_parameters_that_differ(tmp_path):
    record(tmp_path, 0.5, max_offset=72, drivers=["V"])
    runs = record(tmp_path, 0.625, max_offset=120, drivers=["V"], threshold=0.4)
    found = compare_runs(runs)
    assert len(found["runs"]) == 2
    assert found["data"] is False
    assert found["parameters"] == [
        {"step": STEP, "name": "max_offset", "texts": ["120", "72"]},
        {"step": STEP, "name": "threshold", "texts": ["0.400", "default"]},
    ]
    assert found["scores"] == [{"step": STEP, "name": "PE", "texts": ["0.625", "0.500"]}]


def test_a_run_takes_the_place_of_one_with_the_same_parameters_and_data(tmp_path):
    record(tmp_path, 0.5, max_offset=72)
    record(tmp_path, 0.6, max_offset=120)
    runs = record(tmp_path, 0.7, max_offset=72)
    assert [run["scores"][0]["value"] for run in runs] == [0.7, 0.6]
    assert len(record(tmp_path, 0.7, max_offset=72, data="d2")) == 3


def test_a_run_that_ran_nothing_again_is_not_recorded_again(tmp_path):
    record(tmp_path, 0.5, max_offset=72)
    before = (tmp_path / FILE).stat().st_mtime_ns
    record(tmp_path, 0.5, max_offset=72)
    assert (tmp_path / FILE).stat().st_mtime_ns == before


def test_other_data_are_told(tmp_path):
    record(tmp_path, 0.5, data="a" * 64)
    found = compare_runs(record(tmp_path, 0.6, data="b" * 64))
    assert found["data"] == ["bbbbbbbb", "aaaaaaaa"]


def test_a_score_that_one_run_lacks_is_a_dash(tmp_path):
    record(tmp_path, 0.5, max_offset=72, label="of goes13")
    found = compare_runs(record(tmp_path, 0.6, label="of goes15"))
    assert [row["texts"] for row in found["scores"]] == [
        ["0.600", "\N{EN DASH}"],
        ["\N{EN DASH}", "0.500"],
    ]


def test_only_so_many_runs_are_kept_as_a_page_can_show(tmp_path):
    for n in range(12):
        runs = record(tmp_path, n, max_offset=n)
    assert [run["scores"][0]["value"] for run in runs] == list(range(11, 3, -1))
    assert read_runs(tmp_path) == runs


@pytest.mark.parametrize("content", [None, "", "{"])
def test_a_file_that_is_absent_or_broken_is_no_run(tmp_path, content):
    if content is not None:
        (tmp_path / FILE).write_text(content)
    assert read_runs(tmp_path) == []
    assert len(record(tmp_path, 0.5)) == 1
