import pytest

from fluxlib.widgets import controls
from fluxlib.workflow.parameters import LABELS


def test_the_numbers_of_a_list_change_together_and_one_by_one():
    bits = controls.IntegerList("bits", (5, 4, 4), 1, 9)
    seen = []
    bits.observe(lambda change: seen.append(change["new"]), "value")
    bits.children[1].value = 3
    bits.value = (2, 2, 1)
    assert seen == [(5, 3, 4), (2, 2, 1)]
    assert [part.value for part in bits.children] == [2, 2, 1]
    bits.disabled = True
    assert all(part.disabled for part in bits.children)


@pytest.mark.parametrize(
    ("kind", "name", "arguments", "value"),
    [
        (controls.slider, "threshold", (0.3, 0.0, 0.8, 0.05), 0.3),
        (controls.option_slider, "gap_start", (["a", "b"], "b"), "b"),
        (controls.range_slider, "period", (["a", "b", "c"], ("b", "c")), ("b", "c")),
        (controls.dropdown, "pair", (["a", "b"], "b"), "b"),
        (controls.multiple_choice, "drivers", (["V", "N"], ["N"]), ("N",)),
        (controls.integer_field, "random_state", (7, 0, 9), 7),
        (controls.checkbox, "elitism", (True,), True),
    ],
)
def test_every_control_has_its_label_its_parameters_name_and_its_first_value(
    kind, name, arguments, value
):
    control = kind(name, *arguments)
    assert (control.description, control.tooltip) == (LABELS[name], name)
    assert control.value == value


def test_a_slider_is_of_whole_numbers_if_all_of_its_numbers_are():
    whole = controls.slider("epochs", 5, 1, 60, 1)
    assert isinstance(whole.value, int)
    assert isinstance(controls.slider("epochs", 5, 1, 60, 0.5).value, float)
    assert not whole.continuous_update


def test_a_first_value_outside_the_usual_range_is_kept():
    assert controls.slider("population", 2, 4, 60, 2).value == 2
    assert controls.slider("population", 80, 4, 60, 2).value == 80
    assert controls.dropdown("horizon", [1, 2, 3], 5).value == 5


def test_a_player_follows_its_slider_and_goes_to_a_new_end():
    player = controls.Player("Generation", 10)
    assert player.value == 10
    slider = player.children[0]
    slider.value = 4
    assert player.value == 4
    player.set_end(20)
    assert (player.value, slider.value, slider.max) == (20, 20, 20)
