import pytest

from fluxlib.errors import FluxError
from fluxlib.workflow import parameters as module
from fluxlib.workflow.notebooks import NOTEBOOKS, find_steps
from fluxlib.workflow.parameters import assign_parameters, flatten_parameters, read_parameters
from tests.helpers.notebooks import write_mixed


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    write_mixed(folder)
    return find_steps(folder)


def read_text(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return read_parameters(path)


def test_a_flat_name_reaches_every_notebook_that_has_it(steps):
    assigned = assign_parameters(steps, {"large": 3})
    assert {name for name, values in assigned.items() if values == {"large": 3}} == {
        "01_observations",
        "04_imputation",
    }


def test_a_section_wins_over_a_flat_name(steps):
    assigned = assign_parameters(steps, {"04_imputation": {"large": 7}, "large": 3})
    assert assigned["01_observations"] == {"large": 3}
    assert assigned["04_imputation"] == {"large": 7}


def test_an_unknown_name_lists_the_known_ones_and_the_nearest(steps):
    with pytest.raises(
        FluxError, match=r"x\.yaml: .*'lag_day'; did you mean 'lag_days'\? Known: first, lag_days"
    ):
        assign_parameters(steps, {"lag_day": 3}, source="x.yaml")
    with pytest.raises(FluxError, match=r"03_offsets: .*'large'\. Known: lag_days\."):
        assign_parameters(steps, {"03_offsets": {"large": 3}})
    with pytest.raises(FluxError, match="did you mean '03_offsets'"):
        assign_parameters(steps, {"03_offset": {"lag_days": 3}})


@pytest.mark.parametrize("value", ["5", 5.0, True, [5], None])
def test_a_value_of_another_type_is_refused(steps, value):
    with pytest.raises(FluxError, match=r"lag_days is .* expected a int like 5"):
        assign_parameters(steps, {"lag_days": value})


def test_a_whole_number_does_for_a_float(steps):
    value = assign_parameters(steps, {"rate": 1})["01_observations"]["rate"]
    assert (value, type(value)) == (1.0, float)


def test_what_the_run_sets_cannot_be_set(steps):
    with pytest.raises(FluxError, match="'dataset_folder' is set by the run itself"):
        assign_parameters(steps, {"dataset_folder": "x"})


def test_a_section_must_be_a_mapping(steps):
    with pytest.raises(FluxError, match="04_imputation is 3, expected names and values"):
        assign_parameters(steps, {"04_imputation": 3})


def test_dates_stay_text(steps, tmp_path):
    given = read_text(tmp_path, "first: 2010-04-05\n")
    assert assign_parameters(steps, given)["01_observations"] == {"first": "2010-04-05"}


def test_yaml_takes_1e_3_for_text_and_the_message_says_so(steps, tmp_path):
    with pytest.raises(FluxError, match=r"rate is '1e-3' \(str\).*In YAML write 1\.0e-03\."):
        assign_parameters(steps, read_text(tmp_path, "rate: 1e-3\n"))


def test_an_empty_file_sets_nothing(tmp_path):
    assert read_text(tmp_path, "# nothing\n") == {}


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FluxError, match=r"absent\.yaml: No such file"):
        read_parameters(tmp_path / "absent.yaml")
    with pytest.raises(FluxError, match=r"x\.yaml is not YAML: .*line 1"):
        read_text(tmp_path, "a: [1\n")
    with pytest.raises(FluxError, match=r"x\.yaml: found a list, expected lines like"):
        read_text(tmp_path, "- 1\n")


def test_parameters_are_flattened_by_section_and_name():
    given = {"n": 1, "03_offsets": {"n": 2, "drivers": ["V"]}, "04_imputation": {}}
    assert flatten_parameters(given) == {
        (None, "n"): 1,
        ("03_offsets", "n"): 2,
        ("03_offsets", "drivers"): ["V"],
    }


# Settings that controls save.

OFFSETS = {"max_offset": 72, "threshold": 0.25, "drivers": ["V", "Kp"], "satellite": "goes13"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FLUX_PARAMS", str(tmp_path))
    return tmp_path


def test_what_is_written_is_what_a_batch_run_reads(folder):
    path = module.write_settings("03_offsets", OFFSETS, "mine")
    assert path == folder / "mine.yaml"
    assert assign_parameters(find_steps(NOTEBOOKS), read_parameters(path))["03_offsets"] == OFFSETS
    assert module.read_settings("03_offsets", "mine") == OFFSETS
    assert "drivers: [V, Kp]" in path.read_text()


def test_settings_of_two_notebooks_share_a_file():
    module.write_settings("03_offsets", OFFSETS, "mine")
    module.write_settings("01_observations", {"period": ["2014-01", ""]}, "mine")
    module.write_settings("03_offsets", {"max_offset": 24}, "mine.yaml")
    assert module.read_settings("03_offsets", "mine") == OFFSETS | {"max_offset": 24}
    assert module.read_settings("01_observations", "mine") == {"period": ["2014-01", ""]}
    assert module.list_settings() == ["mine"]


def test_what_a_batch_run_would_refuse_is_not_written(folder):
    with pytest.raises(FluxError, match=r"mine\.yaml: max_offset is 'far'"):
        module.write_settings("03_offsets", {"max_offset": "far"}, "mine")
    with pytest.raises(FluxError, match="no notebook has a parameter 'max_ofset'"):
        module.write_settings("03_offsets", {"max_ofset": 3}, "mine")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../mine", ".mine", "a b", "a/b"])
def test_a_name_that_could_leave_the_folder_is_refused(name):
    with pytest.raises(FluxError, match="the file's name is"):
        module.write_settings("03_offsets", OFFSETS, name)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FluxError, match=r"absent\.yaml: No such file"):
        module.read_settings("03_offsets", "absent")


def test_every_control_has_the_name_of_a_parameter():
    known = {name for step in find_steps(NOTEBOOKS) for name in step.parameters}
    assert set(module.LABELS) <= known


def test_every_number_has_limits_that_its_default_keeps():
    steps = find_steps(NOTEBOOKS)
    for step in steps:
        for name, parameter in step.parameters.items():
            items = (
                parameter.default if isinstance(parameter.default, list) else [parameter.default]
            )
            if any(type(item) in (int, float) for item in items):
                assert name in module.LIMITS, f"{step.name}: {name}"
        defaults = {
            name: parameter.default
            for name, parameter in step.parameters.items()
            if name not in module.RESERVED
        }
        assert assign_parameters(steps, {step.name: defaults})[step.name] == defaults


def test_no_limit_or_choice_is_of_a_parameter_that_does_not_exist():
    known = {name for step in find_steps(NOTEBOOKS) for name in step.parameters}
    assert known >= {*module.LIMITS, *module.CHOICES, *module.LENGTHS, *module.DISTINCT}


ABSURD = {
    "crossover: 7.0": "crossover is 7.0, expected 0 to 1",
    "mutation: -1": "mutation is -1.0, expected 0 to 1",
    "significance: 5": "significance is 5.0, expected 0 to 1",
    "min_days: -5": "min_days is -5, expected 3 to 100000",
    "threshold: .nan": "threshold is nan, expected 0 to 1",
    "threshold: .inf": "threshold is inf, expected 0 to 1",
    "gap_length: -1": "gap_length is -1, expected 1 to 8760",
    "random_state: -1": "random_state is -1, expected 0 to",
    "train_every: 0": "train_every is 0, expected 1 to",
    "drivers: [V, V]": "drivers contains 'V' twice",
    "bits: [60, 60, 60]": "bits is 60, expected 1 to 12",
    "bits: [5, 4]": "bits has 2 items, expected 3",
    "bits: [5, 4, a]": "bits contains 'a', expected int",
    "offset_step: 200": "offset_step is 200, expected at most max_offset, 120",
    "fitness: best": "fitness is 'best', expected one of validation, train",
    "competitors: [SVM]": "competitors is 'SVM', expected one of ridge",
    f"gap_start: {[1] * 500}": "gap_start is .*\\.\\.\\. .list., expected a str",
}


@pytest.mark.parametrize("text", ABSURD)
def test_absurd_values_are_refused_with_what_is_allowed(tmp_path, text):
    with pytest.raises(FluxError, match=ABSURD[text]) as caught:
        assign_parameters(find_steps(NOTEBOOKS), read_text(tmp_path, text), source="x.yaml")
    assert len(str(caught.value)) < 400


BOMB = "a: &a [1, 1]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcd", "bcde"))  # noqa: B905


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("horizon: 1\nhorizon: 2\n", "'horizon' stands twice,.*line 2"),
        ("a: {b: 1, b: 2}\n", "'b' stands twice"),
        (BOMB, r"an alias \(\*\).*line 2"),
        ("a: " + "[" * 3000 + "]" * 3000, "x.yaml is not usable|x.yaml is not YAML"),
        ("horizon: " + "9" * 5000, "x.yaml is not YAML"),
    ],
)
def test_files_that_say_a_thing_twice_or_grow_without_bound_are_refused(tmp_path, text, message):
    with pytest.raises(FluxError, match=message) as caught:
        read_text(tmp_path, text)
    assert len(str(caught.value)) < 500
