"""The shell of every notebook's controls: they call a function, and show what it answers.

What is computed and drawn is in the package's other modules. `widgets_offsets` and its kin, one
module a notebook, choose the controls.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets as controls
import numpy as np
from traitlets import Int, TraitError, Tuple

from fluxlib.errors import FluxError
from fluxlib.widgets.answers import Answer, Work, render_answer, render_error, render_note
from fluxlib.widgets.jobs import Job
from fluxlib.workflow import settings
from fluxlib.workflow.settings import LABELS

_ROOMY = {"width": "auto", "flex": "0 0 auto"}  # never narrower than its words


class WorkRow(controls.HBox):
    """A button for what takes long, its progress, and a button that stops it.

    Attributes
    ----------
    job : Job or None
        The latest.
    """

    def __init__(self, panel: "Panel"):
        self._panel, self._offered, self.job = panel, None, None
        self.start = controls.Button(button_style="primary", layout=_ROOMY)
        self.stop = controls.Button(description="Stop", disabled=True, icon="stop", layout=_ROOMY)
        self.progress = controls.FloatProgress(min=0, max=1, layout={"flex": "0 0 12em"})
        self.said = controls.HTML().add_class("flux-work")
        self.start.on_click(lambda _: self.begin())
        self.stop.on_click(lambda _: self.job.stop())
        parts = [self.start, self.stop, self.progress, self.said]
        super().__init__(parts, layout={"display": "none", "align_items": "center"})

    def offer(self, work: Work | None) -> None:
        """Say what could be computed. Once shown the row stays: the page must not jump."""
        self._offered = work
        self.start.disabled = work is None
        if work is not None:
            self.layout.display = ""
            self.start.description = work.label
        self.said.value = render_note(work.note if work else "")

    def begin(self) -> None:
        """Start what was offered."""
        self._panel.enable(False)
        self.start.disabled, self.stop.disabled = True, False
        self.progress.value = 0
        self.job = Job(self._offered.run, on_step=self._show_step, on_end=self._end)
        self.job.start()

    def _show_step(self, done: float, total: float, left: str, partial: Answer | None) -> None:
        self.progress.value = done / total
        self.said.value = render_note(f"{done:g} of {total:g}; {left}")
        if partial is not None:
            self._panel.view.value, _ = render_answer(lambda: partial)

    def _end(self, error: BaseException | None) -> None:
        self.stop.disabled = True
        self._panel.enable(True)
        self._panel.refresh()
        if isinstance(error, KeyboardInterrupt):
            self.said.value = render_note("Stopped; what was computed is kept.")
        elif error is not None:
            self.said.value = render_error(error)
        else:
            self.progress.value = 1
            self.said.value = render_note("Done.")


class SavingRow(controls.HBox):
    """A parameter file's name, and buttons to save the controls to it and to set them by it."""

    def __init__(self, panel: "Panel"):
        self._panel = panel
        self.name = controls.Combobox(
            value="mine",
            options=settings.list_settings(),
            description="Settings file",
            style={"description_width": "7em"},
        )
        self.save = controls.Button(description="Save these settings", layout=_ROOMY, icon="save")
        self.load = controls.Button(description="Use the file's", layout=_ROOMY)
        self.said = controls.HTML().add_class("flux-saved")
        self.save.on_click(lambda _: self._say(self._write))
        self.load.on_click(lambda _: self._say(self._read))
        parts = [self.name, self.save, self.load, self.said]
        super().__init__(parts, layout={"flex_flow": "row wrap", "align_items": "center"})

    def _write(self) -> str:
        values = self._panel.get_values()
        path = settings.write_settings(self._panel.step, values, self.name.value)
        self.name.options = settings.list_settings()
        return f"Saved. The same in a batch run: ./run_all.sh -f params/{path.name}"

    def _read(self) -> str:
        values = settings.read_settings(self._panel.step, self.name.value)
        self._panel.set_values(values)
        return f"Set: {', '.join(n for n in self._panel.named if n in values) or 'nothing'}."

    def _say(self, act: Callable[[], str]) -> None:
        try:
            self.said.value = render_note(act())
        except FluxError as error:
            self.said.value = render_error(error)


STYLE = {"description_width": "11em"}
LAYOUT = {"width": "31em"}  # two stand side by side

_STYLE_SHEET = """
.flux-panel .widget-slider .widget-readout { min-width: 5em; max-width: none; overflow: visible }
.flux-panel .flux-note, .flux-panel .flux-error { line-height: 1.4; margin: .3em 0 }
.flux-panel .flux-error { border-left: .3em solid #c33; padding-left: .6em }
.flux-table { border-collapse: collapse; font-variant-numeric: tabular-nums; line-height: 1.4 }
.flux-table th, .flux-table td { padding: .1em .8em; text-align: right; font-weight: normal }
.flux-table thead th { border-bottom: 1px solid; font-weight: bold }
.flux-table .text, .flux-table tbody th { text-align: left }
"""


class Panel(controls.VBox):
    """Controls, named after parameters, above what a function answers to their values.

    Parameters
    ----------
    answer : callable
        Returns an Answer, given the values by name. A FluxError becomes a sentence.
    named : mapping of str to Widget
        Controls by parameter; any widget with a `value`.
    step : str
        The notebook, "03_offsets", whose parameters they are.
    views : mapping of str to Widget, optional
        Controls of what is shown that are no parameters; `answer` gets their values too.
    readings : mapping of str to callable, optional
        What a parameter's value means to its control, where they differ: "auto" is a satellite.

    Attributes
    ----------
    view : HTML
        The answer.
    work : WorkRow
    saving : SavingRow
    """

    def __init__(
        self,
        answer: Callable[..., Answer],
        named: Mapping[str, controls.Widget],
        *,
        step: str,
        views: Mapping[str, controls.Widget] | None = None,
        readings: Mapping[str, Callable[[Any], Any]] | None = None,
    ):
        self._answer, self.named, self.step = answer, dict(named), step
        self.views, self._readings = dict(views or {}), readings or {}
        self._is_held = False
        self.view = controls.HTML().add_class("flux-view")
        self.work = WorkRow(self)
        self.saving = SavingRow(self)
        every = [*self.named.values(), *self.views.values()]
        for control in every:
            control.observe(lambda _: self.refresh(), "value")
        laid = controls.Box(every, layout={"display": "flex", "flex_flow": "row wrap"})
        style = controls.HTML(f"<style>{_STYLE_SHEET}</style>", layout={"display": "none"})
        super().__init__([style, laid, self.work, self.view, self.saving])
        self.add_class("flux-panel")
        self.refresh()

    def get_values(self) -> dict[str, Any]:
        """Return the controls' values by parameter, as a parameter file has them."""
        return {name: _to_plain(control.value) for name, control in self.named.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Set the controls that are named, and show the answer once.

        Raises
        ------
        FluxError
            If a control cannot take its value; then all are as before.
        """
        before = self.get_values()
        given = {
            name: self._readings.get(name, _to_plain)(values[name])
            for name in self.named
            if name in values
        }
        with self._hold():
            try:
                for name, value in given.items():
                    self._set_value(name, value)
            except FluxError:
                for name, value in before.items():
                    self._set_value(name, value)
                raise
        self.refresh()

    def refresh(self) -> None:
        """Show the answer to the controls' values."""
        if not self._is_held:
            values = self.get_values() | {name: one.value for name, one in self.views.items()}
            self.view.value, work = render_answer(lambda: self._answer(**values))
            self.work.offer(work)

    def enable(self, is_enabled: bool) -> None:
        """Let controls be moved, or not while something is computed for their values."""
        for control in self.named.values():
            control.disabled = not is_enabled

    @contextmanager
    def _hold(self):
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False

    def _set_value(self, name: str, value: Any) -> None:
        control = self.named[name]
        try:
            control.value = tuple(value) if isinstance(value, list) else value
        except (TraitError, ValueError, TypeError):
            raise FluxError(
                f"{name} is {value!r}, which its control does not have{_list_options(control)}."
            ) from None
        if _to_plain(control.value) != _to_plain(value):  # a slider's end, quietly
            raise FluxError(
                f"{name} is {value!r}; its slider goes from {control.min:g} to {control.max:g}."
            )


class Numbers(controls.HBox):
    """Several whole numbers that make one parameter: a list.

    Attributes
    ----------
    value : tuple of int
    """

    value = Tuple()

    def __init__(self, name: str, value: Iterable[int], low: int, high: int):
        self._parts = [
            controls.BoundedIntText(
                value=one,
                min=low,
                max=high,
                description=LABELS[name] if i == 0 else "",
                tooltip=name,
                style=STYLE if i == 0 else {"description_width": "0"},
                layout={"width": "14.5em" if i == 0 else "4.5em"},
            )
            for i, one in enumerate(value)
        ]
        self._is_spreading = False
        super().__init__(self._parts)
        self.value = tuple(value)
        for part in self._parts:
            part.observe(self._gather, "value")
        self.observe(self._spread, "value")

    @property
    def disabled(self) -> bool:
        """Whether it cannot be changed."""
        return self._parts[0].disabled

    @disabled.setter
    def disabled(self, is_disabled: bool) -> None:
        for part in self._parts:
            part.disabled = is_disabled

    def _gather(self, _: Any) -> None:
        if not self._is_spreading:
            self.value = tuple(part.value for part in self._parts)

    def _spread(self, change: Any) -> None:
        self._is_spreading = True
        for part, one in zip(self._parts, change["new"], strict=True):
            part.value = one
        self._is_spreading = False


class Player(controls.HBox):
    """A slider that moves by itself when played.

    Attributes
    ----------
    value : int
    """

    value = Int()

    def __init__(self, label: str, end: int):
        self._play = controls.Play(interval=300, show_repeat=False)
        self._slider = controls.IntSlider(
            description=label, continuous_update=False, style=STYLE, layout=LAYOUT
        )
        controls.jslink((self._play, "value"), (self._slider, "value"))
        super().__init__([self._slider, self._play])
        self.set_end(end)
        self._slider.observe(self._follow, "value")

    def set_end(self, end: int) -> None:
        """Let it go from 0 to `end`, and be there."""
        self._play.max = self._slider.max = end
        self._slider.value = self.value = end

    def _follow(self, change: Any) -> None:
        self.value = change["new"]


def slide(name: str, value: float, low: float, high: float, step: float) -> controls.Widget:
    """Return a slider for a parameter, of whole numbers if all are; it answers when let go."""
    is_whole = all(isinstance(one, int) for one in (value, low, high, step))
    kind = controls.IntSlider if is_whole else controls.FloatSlider
    return kind(
        value=value,
        min=min(low, value),
        max=max(high, value),
        step=step,
        continuous_update=False,
        **_dress(name),
    )


def choose(name: str, options: Iterable, value: Any) -> controls.Dropdown:
    """Return a list to choose one from; a value that is not among the options comes first."""
    options = list(options)
    if value not in options:
        options.insert(0, value)
    return controls.Dropdown(options=options, value=value, **_dress(name))


def count(name: str, value: int, low: int, high: int) -> controls.BoundedIntText:
    """Return a field for a whole number."""
    return controls.BoundedIntText(
        value=value,
        min=low,
        max=high,
        **_dress(name),
    )


def check(name: str, value: bool) -> controls.Checkbox:
    """Return a box to check."""
    return controls.Checkbox(value=value, **_dress(name))


def choose_several(name: str, options: Iterable[str], value: Iterable[str]) -> controls.Widget:
    """Return a list to choose several from, with Ctrl or Shift held."""
    options = list(options)
    return controls.SelectMultiple(
        options=options,
        value=tuple(value),
        rows=min(6, len(options)),
        **_dress(name),
    )


def choose_range(
    name: str, options: Iterable[str], value: tuple[str, str]
) -> controls.SelectionRangeSlider:
    """Return a slider with two ends over ordered options."""
    return controls.SelectionRangeSlider(
        options=list(options),
        value=value,
        continuous_update=False,
        **_dress(name),
    )


def choose_along(name: str, options: Iterable, value: Any) -> controls.SelectionSlider:
    """Return a slider over ordered options; it answers when let go."""
    return controls.SelectionSlider(
        options=list(options), value=value, continuous_update=False, **_dress(name)
    )


def _dress(name: str) -> dict[str, Any]:
    """Return what the controls of all parameters have in common."""
    return {"description": LABELS[name], "tooltip": name, "style": STYLE, "layout": LAYOUT}


def _list_options(control: controls.Widget) -> str:
    options = getattr(control, "options", ())
    return f"; it has {', '.join(map(str, options))}" if 0 < len(options) <= 20 else ""


def _to_plain(value: Any) -> Any:
    """Return what YAML and a notebook's parameters hold; 0.1 + 0.2 is 0.3."""
    if isinstance(value, list | tuple):
        return [_to_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return round(value, 10) if isinstance(value, float) else value
