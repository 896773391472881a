import ipywidgets
import pytest
from matplotlib.figure import Figure

from fluxlib.errors import FluxError
from fluxlib.widgets import panel as widgets
from fluxlib.widgets.answers import Answer, Work
from fluxlib.workflow import settings


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FLUX_PARAMS", str(tmp_path))
    return tmp_path


class Toy:
    """Controls of notebook 03 whose answer counts how often it was asked for."""

    def __init__(self, work=None):
        self.calls, self.work = [], work
        named = {
            "satellite": widgets.choose("satellite", ["goes13", "goes15"], "goes13"),
            "drivers": widgets.choose_several("drivers", ["V", "N", "Kp"], ["V"]),
            "max_offset": widgets.slide("max_offset", 120, 24, 240, 12),
            "threshold": widgets.slide("threshold", 0.3, 0.0, 0.8, 0.05),
        }
        self.panel = widgets.Panel(self.answer, named, step="03_offsets")

    def answer(self, **values):
        self.calls.append(values)
        if not values["drivers"]:
            raise FluxError("drivers is empty.")
        return Answer(f"asked {len(self.calls)} times", Figure(), work=self.work)


def test_a_moved_control_gets_an_answer():
    toy = Toy()
    toy.panel.named["max_offset"].value = 48
    assert toy.calls[-1]["max_offset"] == 48
    assert "asked 2 times" in toy.panel.view.value


def test_an_error_is_told_and_the_next_answer_replaces_it():
    toy = Toy()
    toy.panel.named["drivers"].value = ()
    assert "These settings do not go together: drivers is empty." in toy.panel.view.value
    toy.panel.named["drivers"].value = ("N",)
    assert "flux-error" not in toy.panel.view.value


def test_values_are_plain_and_without_binary_dust():
    toy = Toy()
    toy.panel.named["threshold"].value = 0.1 + 0.2
    assert toy.panel.get_values() == {
        "satellite": "goes13",
        "drivers": ["V"],
        "max_offset": 120,
        "threshold": 0.3,
    }


def test_settings_saved_by_the_button_set_other_controls():
    first, second = Toy().panel, Toy()
    first.set_values({"satellite": "goes15", "drivers": ["V", "Kp"], "threshold": 0.45})
    first.saving.save.click()
    assert "./run_all.sh -f params/mine.yaml" in first.saving.said.value
    second.panel.saving.load.click()
    assert second.panel.get_values() == first.get_values()
    assert len(second.calls) == 2
    assert settings.list_settings() == ["mine"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"satellite": "goes99"}, "does not have; it has goes13, goes15"),
        ({"max_offset": 960}, "its slider goes from 24 to 240"),
        ({"max_offset": 48, "drivers": ["X"]}, "does not have; it has V, N, Kp"),
    ],
)
def test_values_that_controls_lack_change_nothing(values, message):
    toy = Toy()
    before = toy.panel.get_values()
    with pytest.raises(FluxError, match=message):
        toy.panel.set_values(values)
    assert toy.panel.get_values() == before


def test_a_file_that_cannot_be_used_is_told_beside_the_button():
    panel = Toy().panel
    panel.saving.name.value = "absent"
    panel.saving.load.click()
    assert "absent.yaml: No such file" in panel.saving.said.value
    panel.saving.name.value = "../x"
    panel.saving.save.click()
    assert "expected letters, digits" in panel.saving.said.value


def run_to_end(panel):
    panel.work.start.click()
    assert panel.work.job.wait(30)


def test_work_behind_the_button_shows_progress_and_then_the_answer():
    shown = []

    def run(tell):
        tell(1, 4, Answer("half way"))
        shown.append((toy.panel.view.value, toy.panel.work.progress.value))
        shown.append(toy.panel.named["satellite"].disabled)
        toy.work = None

    toy = Toy(Work("Train", run, "about 2 s"))
    row = toy.panel.work
    assert (row.start.description, row.start.disabled, row.layout.display) == ("Train", False, "")
    assert "about 2 s" in row.said.value
    run_to_end(toy.panel)
    assert "half way" in shown[0][0]
    assert shown[0][1] == 0.25
    assert shown[1] is True
    assert "asked 2 times" in toy.panel.view.value
    assert "Done." in row.said.value
    assert (row.start.disabled, row.stop.disabled) == (True, True)
    assert toy.panel.named["satellite"].disabled is False


def test_stopped_work_keeps_what_it_has_and_can_be_started_again():
    def run(tell):
        for done in range(1, 5):
            if done == 2:
                toy.panel.work.stop.click()
            tell(done, 4)

    toy = Toy(Work("Train", run))
    for _ in range(2):
        run_to_end(toy.panel)
        assert "Stopped; what was computed is kept." in toy.panel.work.said.value
        assert toy.panel.work.progress.value == 0.5
        assert toy.panel.work.start.disabled is False


def test_work_that_fails_says_so():
    toy = Toy(Work("Train", lambda tell: 1 / 0))
    run_to_end(toy.panel)
    assert "fault of the program: ZeroDivisionError" in toy.panel.work.said.value


def test_panels_without_work_show_no_button():
    assert Toy().panel.work.layout.display == "none"


def test_numbers_of_one_parameter_change_together_and_one_by_one():
    bits = widgets.Numbers("bits", (5, 4, 4), 1, 9)
    seen = []
    bits.observe(lambda change: seen.append(change["new"]), "value")
    bits.children[1].value = 3
    bits.value = (2, 2, 1)
    assert seen == [(5, 3, 4), (2, 2, 1)]
    assert [part.value for part in bits.children] == [2, 2, 1]
    bits.disabled = True
    assert all(part.disabled for part in bits.children)


def test_every_control_can_be_told_from_the_others_by_its_label():
    for control in Toy().panel.named.values():
        assert control.description in settings.LABELS.values()
        assert isinstance(control, ipywidgets.Widget)


def test_controls_hold_the_value_that_they_begin_with():
    assert widgets.slide("population", 2, 4, 60, 2).value == 2
    assert widgets.choose("horizon", [1, 2, 3], 5).value == 5
