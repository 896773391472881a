import re

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.widgets.controls import Player, dropdown, multiple_choice, slider
from fluxlib.widgets.jobs import PendingWork
from fluxlib.widgets.panel import ControlPanel, View, render_view
from fluxlib.workflow.parameters import list_settings


def make_figure():
    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([0, 1])
    return figure


def fail(error):
    raise error


def test_a_figure_has_its_size_and_alternative_text():
    text, work = render_view(lambda: View("r < 1", make_figure(), alt='A "line" < 1'))
    assert work is None
    assert 'width="384" height="192"' in text
    assert 'alt="A &quot;line&quot; &lt; 1"' in text
    assert "r &lt; 1</p>" in text
    assert re.search(r'src="data:image/png;base64,iVBOR[\w+/=]+">', text)


def test_pyplot_keeps_no_figure():
    render_view(lambda: View("", make_figure()))
    assert plt.get_fignums() == []


def test_a_table_comes_below():
    table = pd.DataFrame({"driver": ["V"], "rho": [0.5]})
    text, _ = render_view(lambda: View("one", table=table))
    assert text.index("one") < text.index('<td class="text short">V</td>')


def test_pending_work_is_returned_beside_the_html():
    work = PendingWork("Train", print)
    assert render_view(lambda: View("", work=work))[1] is work


def test_errors_become_messages_about_the_settings_or_the_program():
    text, work = render_view(lambda: fail(FluxError("a is 1; expected < 0.")))
    assert "Please check the settings: a is 1; expected &lt; 0.</p>" in text
    assert work is None
    assert (
        "check the settings: no overlap"
        in render_view(lambda: fail(NotApplicable("no overlap")))[0]
    )
    text, _ = render_view(lambda: fail(KeyError("e2")))
    assert 'class="flux-error"' in text
    assert "The program failed: KeyError: &#x27;e2&#x27;" in text


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FLUX_PARAMS", str(tmp_path))
    return tmp_path


class Toy:
    """Controls of notebook 03 whose view counts how often it was made."""

    def __init__(self, work=None):
        self.calls, self.work = [], work
        controls = {
            "satellite": dropdown("satellite", ["goes13", "goes15"], "goes13"),
            "drivers": multiple_choice("drivers", ["V", "N", "Kp"], ["V"]),
            "max_offset": slider("max_offset", 120, 24, 240, 12),
            "threshold": slider("threshold", 0.3, 0.0, 0.8, 0.05),
        }
        self.panel = ControlPanel(self.make_view, controls, notebook="03_offsets")

    def make_view(self, **values):
        self.calls.append(values)
        if not values["drivers"]:
            raise FluxError("drivers is empty.")
        return View(f"made {len(self.calls)} times", Figure(), work=self.work)


def test_a_moved_control_renews_the_view():
    toy = Toy()
    toy.panel.controls["max_offset"].value = 48
    assert toy.calls[-1]["max_offset"] == 48
    assert "made 2 times" in toy.panel.output.value


def test_an_error_is_shown_until_the_next_view():
    toy = Toy()
    toy.panel.controls["drivers"].value = ()
    assert "Please check the settings: drivers is empty." in toy.panel.output.value
    toy.panel.controls["drivers"].value = ("N",)
    assert "flux-error" not in toy.panel.output.value


def test_values_are_plain_and_rounded():
    toy = Toy()
    toy.panel.controls["threshold"].value = 0.1 + 0.2
    assert toy.panel.get_values() == {
        "satellite": "goes13",
        "drivers": ["V"],
        "max_offset": 120,
        "threshold": 0.3,
    }


def test_settings_saved_by_the_button_set_other_controls():
    first, second = Toy().panel, Toy()
    first.set_values({"satellite": "goes15", "drivers": ["V", "Kp"], "threshold": 0.45})
    first.settings_row.save_button.click()
    assert "./run_all.sh -f params/mine.yaml" in first.settings_row.message.value
    second.panel.settings_row.load_button.click()
    assert second.panel.get_values() == first.get_values()
    assert len(second.calls) == 2
    message = second.panel.settings_row.message.value
    assert "Loaded: satellite, drivers, max_offset, threshold." in message
    assert list_settings() == ["mine"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"satellite": "goes99"}, "expected one of goes13, goes15"),
        ({"max_offset": 960}, "expected 24 to 240, the range of its slider"),
        ({"satellite": "goes15", "drivers": ["X"]}, "expected one of V, N, Kp"),
    ],
)
def test_values_that_a_control_does_not_offer_change_nothing(values, message):
    toy = Toy()
    before = toy.panel.get_values()
    with pytest.raises(FluxError, match=message):
        toy.panel.set_values(values)
    assert toy.panel.get_values() == before


def test_a_file_that_cannot_be_used_gives_a_message_beside_the_button():
    panel = Toy().panel
    panel.settings_row.file_name.value = "absent"
    panel.settings_row.load_button.click()
    assert "absent.yaml: No such file" in panel.settings_row.message.value
    panel.settings_row.file_name.value = "../x"
    panel.settings_row.save_button.click()
    assert "expected letters, digits" in panel.settings_row.message.value


def run_to_end(panel):
    panel.run_row.start_button.click()
    assert panel.run_row.job.wait(30)


def test_work_started_by_the_button_shows_its_progress_and_then_the_view():
    shown = []

    def run(*, progress, should_stop):
        progress(1, 4, View("half way"))
        shown.append((toy.panel.output.value, toy.panel.run_row.bar.value))
        shown.append(toy.panel.controls["satellite"].disabled)
        toy.work = None

    toy = Toy(PendingWork("Train", run, "about 2 s"))
    row = toy.panel.run_row
    assert (row.start_button.description, row.start_button.disabled, row.layout.display) == (
        "Train",
        False,
        "",
    )
    assert "about 2 s" in row.message.value
    run_to_end(toy.panel)
    assert "half way" in shown[0][0]
    assert shown[0][1] == 0.25
    assert shown[1] is True
    assert "made 2 times" in toy.panel.output.value
    assert "Done." in row.message.value
    assert (row.start_button.disabled, row.stop_button.disabled) == (True, True)
    assert toy.panel.controls["satellite"].disabled is False


def test_stopped_work_keeps_what_it_has_and_can_be_started_again():
    def run(*, progress, should_stop):
        for done in range(1, 5):
            if done == 2:
                toy.panel.run_row.stop_button.click()
            progress(done, 4)
            if should_stop():
                return

    toy = Toy(PendingWork("Train", run))
    for _ in range(2):
        run_to_end(toy.panel)
        assert "Stopped; the results so far are kept." in toy.panel.run_row.message.value
        assert toy.panel.run_row.bar.value == 0.5
        assert toy.panel.run_row.start_button.disabled is False


def test_work_that_fails_says_so():
    toy = Toy(PendingWork("Train", lambda **_: 1 / 0))
    run_to_end(toy.panel)
    assert "The program failed: ZeroDivisionError" in toy.panel.run_row.message.value


def test_controls_of_what_is_shown_reach_the_view_and_are_no_settings():
    player = Player("Generation", 10)
    seen = []

    def make_view(**values):
        seen.append(values)
        return View("shown")

    panel = ControlPanel(
        make_view, {}, notebook="04_imputation", display_controls={"generation": player}
    )
    player.children[0].value = 4
    assert seen == [{"generation": 10}, {"generation": 4}]
    assert panel.get_values() == {}


def test_panels_without_work_show_no_button():
    assert Toy().panel.run_row.layout.display == "none"
