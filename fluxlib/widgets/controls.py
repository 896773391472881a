"""Controls by kind, each labelled and named after the parameter that it sets.

A slider reports its value when it is released, not while it is dragged.
"""

from collections.abc import Iterable
from typing import Any

import ipywidgets
from traitlets import Int, Tuple

from fluxlib.workflow.parameters import LABELS

_STYLE = {"description_width": "11em"}
_LAYOUT = {"width": "31em"}  # two fit side by side


def slider(
    name: str, value: float, low: float, high: float, step: float
) -> ipywidgets.IntSlider | ipywidgets.FloatSlider:
    """Return a slider, of whole numbers if all arguments are; its range includes the value."""
    is_whole = all(isinstance(number, int) for number in (value, low, high, step))
    kind = ipywidgets.IntSlider if is_whole else ipywidgets.FloatSlider
    return kind(
        value=value,
        min=min(low, value),
        max=max(high, value),
        step=step,
        continuous_update=False,
        **_common_options(name),
    )


def option_slider(name: str, options: Iterable, value: Any) -> ipywidgets.SelectionSlider:
    """Return a slider over ordered options."""
    return ipywidgets.SelectionSlider(
        options=list(options), value=value, continuous_update=False, **_common_options(name)
    )


def range_slider(
    name: str, options: Iterable[str], value: tuple[str, str]
) -> ipywidgets.SelectionRangeSlider:
    """Return a slider with two handles over ordered options."""
    return ipywidgets.SelectionRangeSlider(
        options=list(options), value=value, continuous_update=False, **_common_options(name)
    )


def dropdown(name: str, options: Iterable, value: Any) -> ipywidgets.Dropdown:
    """Return a list to choose one option from; a value that is not among them is put first."""
    options = list(options)
    values = [one[1] if isinstance(one, tuple) else one for one in options]
    if value not in values:
        options.insert(0, value)
    return ipywidgets.Dropdown(options=options, value=value, **_common_options(name))


def multiple_choice(
    name: str, options: Iterable[str], value: Iterable[str]
) -> ipywidgets.SelectMultiple:
    """Return a list to choose several options from, by Ctrl or Shift and a click."""
    options = list(options)
    return ipywidgets.SelectMultiple(
        options=options, value=tuple(value), rows=min(6, len(options)), **_common_options(name)
    )


def integer_field(name: str, value: int, low: int, high: int) -> ipywidgets.BoundedIntText:
    """Return a field for a whole number."""
    return ipywidgets.BoundedIntText(value=value, min=low, max=high, **_common_options(name))


def checkbox(name: str, value: bool) -> ipywidgets.Checkbox:
    """Return a checkbox."""
    return ipywidgets.Checkbox(value=value, **_common_options(name))


class IntegerList(ipywidgets.HBox):
    """Fields for the whole numbers of one parameter that is a list.

    Attributes
    ----------
    value : tuple of int
    """

    value = Tuple()

    def __init__(self, name: str, value: Iterable[int], low: int, high: int):
        first = {"description": LABELS[name], "style": _STYLE, "layout": {"width": "14.5em"}}
        others = {"style": {"description_width": "0"}, "layout": {"width": "4.5em"}}
        self._fields = [
            ipywidgets.BoundedIntText(
                value=number, min=low, max=high, tooltip=name, **(others if i else first)
            )
            for i, number in enumerate(value)
        ]
        self._is_setting = False
        super().__init__(self._fields)
        self.value = tuple(value)
        for field in self._fields:
            field.observe(self._read_fields, "value")
        self.observe(self._set_fields, "value")

    @property
    def disabled(self) -> bool:
        """Whether it cannot be changed."""
        return self._fields[0].disabled

    @disabled.setter
    def disabled(self, is_disabled: bool) -> None:
        for field in self._fields:
            field.disabled = is_disabled

    def _read_fields(self, _: Any) -> None:
        if not self._is_setting:
            self.value = tuple(field.value for field in self._fields)

    def _set_fields(self, change: Any) -> None:
        self._is_setting = True
        for field, number in zip(self._fields, change["new"], strict=True):
            field.value = number
        self._is_setting = False


class Player(ipywidgets.HBox):
    """A slider from 0 on with a button that plays it.

    Attributes
    ----------
    value : int
    """

    value = Int()

    def __init__(self, label: str, end: int):
        self._play = ipywidgets.Play(interval=300, show_repeat=False)
        self._slider = ipywidgets.IntSlider(
            description=label, continuous_update=False, style=_STYLE, layout=_LAYOUT
        )
        ipywidgets.jslink((self._play, "value"), (self._slider, "value"))
        super().__init__([self._slider, self._play])
        self.set_end(end)
        self._slider.observe(self._follow_slider, "value")

    def set_end(self, end: int) -> None:
        """Set the last position, and go there."""
        self._play.max = self._slider.max = end
        self._slider.value = self.value = end

    def _follow_slider(self, change: Any) -> None:
        self.value = change["new"]


def _common_options(name: str) -> dict[str, Any]:
    return {"description": LABELS[name], "tooltip": name, "style": _STYLE, "layout": _LAYOUT}
