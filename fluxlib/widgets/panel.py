"""The panel of controls that each notebook shows: controls above, and below what they result in.

A panel knows nothing of flux: it calls a function with the values of its controls and shows the
`View` that this returns. `fluxlib.widgets.observations` and the other modules of this chapter, one
for each notebook, choose the controls; what is computed and drawn is in the other chapters.
"""

import base64
import html
import io
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from traitlets import TraitError

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.utils.formatting import align_columns
from fluxlib.widgets.jobs import Job, PendingWork
from fluxlib.workflow.parameters import list_settings, read_settings, write_settings

_DPI = 96  # one pixel of a common screen
# matplotlib is not thread-safe, and jobs draw in a thread of their own.
_drawing = threading.RLock()


@dataclass(frozen=True)
class View:
    """What a panel shows for the values of its controls.

    Attributes
    ----------
    note : str
        The numbers, in a sentence.
    figure : Figure, optional
    alt : str
        What the figure shows, in words.
    table : DataFrame, optional
    work : PendingWork, optional
        What is still to be computed.
    """

    note: str
    figure: Figure | None = None
    alt: str = ""
    table: pd.DataFrame | None = None
    work: PendingWork | None = None


def render_view(make_view: Callable[[], View]) -> tuple[str, PendingWork | None]:
    """Return a view as HTML and its pending work; an error becomes a message."""
    try:
        with _drawing:
            view = make_view()
            parts = [render_figure(view.figure, view.alt)] if view.figure else []
    except Exception as error:  # a control's callback belongs to no cell that could show it
        return render_error(error), None
    parts.insert(0, render_note(view.note))
    if view.table is not None:
        parts.append(align_columns(view.table.to_html(classes="flux-table")))
    return "".join(parts), view.work


def render_figure(figure: Figure, alt: str) -> str:
    """Return the figure as an ``<img>`` that holds its pixels."""
    figure.set_dpi(_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # savefig would lay out and draw twice
    pixels = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).save(pixels, "PNG", compress_level=1)
    width, height = canvas.get_width_height()
    data = base64.b64encode(pixels.getvalue()).decode()
    return (
        f'<img class="flux-figure" width="{width}" height="{height}" decoding="sync" '
        f'style="max-width:100%;height:auto" alt="{html.escape(alt)}" '
        f'src="data:image/png;base64,{data}">'
    )


def render_note(text: str) -> str:
    """Return a sentence that screen readers announce when it changes."""
    return f'<p class="flux-note" role="status">{html.escape(text)}</p>'


def render_error(error: BaseException) -> str:
    """Return an error as a message: one about the settings, or about a bug in the program."""
    if isinstance(error, FluxError | NotApplicable):
        text = f"Please check the settings: {error}"
    else:
        text = f"The program failed: {type(error).__name__}: {error}"
    return f'<p class="flux-error" role="alert">{html.escape(text)}</p>'


_FULL_WIDTH = {"width": "auto", "flex": "0 0 auto"}  # never narrower than its label
_STYLE_SHEET = """
.flux-panel .widget-slider .widget-readout { min-width: 5em; max-width: none; overflow: visible }
.flux-panel .flux-note, .flux-panel .flux-error { line-height: 1.4; margin: .3em 0 }
.flux-panel .flux-error { border-left: .3em solid #c33; padding-left: .6em }
.flux-table { border-collapse: collapse; font-variant-numeric: tabular-nums; line-height: 1.4 }
.flux-table th, .flux-table td { padding: .1em .8em; text-align: right; font-weight: normal }
.flux-table thead th { border-bottom: 1px solid; font-weight: bold }
.flux-table .text, .flux-table tbody th { text-align: left }
"""


class ControlPanel(ipywidgets.VBox):
    """Controls of a notebook's parameters, above a view of what their values result in.

    Parameters
    ----------
    make_view : callable
        Returns a `View`, given the controls' values by name. A FluxError becomes a message.
    controls : mapping of str to Widget
        Controls by parameter: any widget with a `value`.
    notebook : str
        The notebook whose parameters they are, such as "03_offsets".
    display_controls : mapping of str to Widget, optional
        Controls of what is shown that are not parameters; `make_view` gets their values, too.
    picker : Widget, optional
        Shown between the controls and the view: a figure to click in, which calls `display`.
    parsers : mapping of str to callable, optional
        For parameters whose value in a file is not the control's, such as "auto": returns the
        control's value.

    Attributes
    ----------
    output : HTML
        The view.
    run_row : RunRow
    settings_row : SettingsRow
    """

    def __init__(
        self,
        make_view: Callable[..., View],
        controls: Mapping[str, ipywidgets.Widget],
        *,
        notebook: str,
        display_controls: Mapping[str, ipywidgets.Widget] | None = None,
        picker: ipywidgets.DOMWidget | None = None,
        parsers: Mapping[str, Callable[[Any], Any]] | None = None,
    ):
        self._make_view, self.controls, self.notebook = make_view, dict(controls), notebook
        self.display_controls, self._parsers = dict(display_controls or {}), parsers or {}
        self._is_setting = False
        self.output = ipywidgets.HTML().add_class("flux-view")
        self.run_row = RunRow(self)
        self.settings_row = SettingsRow(self)
        widgets = [*self.controls.values(), *self.display_controls.values()]
        for widget in widgets:
            widget.observe(lambda _: self.refresh(), "value")
        rows = ipywidgets.Box(widgets, layout={"display": "flex", "flex_flow": "row wrap"})
        style = ipywidgets.HTML(f"<style>{_STYLE_SHEET}</style>", layout={"display": "none"})
        pickers = [] if picker is None else [picker]
        super().__init__([style, rows, *pickers, self.run_row, self.output, self.settings_row])
        self.add_class("flux-panel")
        self.refresh()

    def get_values(self) -> dict[str, Any]:
        """Return the controls' values by parameter, as a parameter file has them."""
        return {name: _to_plain(control.value) for name, control in self.controls.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Set the controls of these parameters and refresh the view once; ignore other names.

        Raises
        ------
        FluxError
            If a control cannot take its value; then all controls keep the values they had.
        """
        before = self.get_values()
        self._is_setting = True
        try:
            for name in [name for name in self.controls if name in values]:
                self._set_value(name, self._parsers.get(name, _to_plain)(values[name]))
        except FluxError:
            for name, value in before.items():
                self._set_value(name, value)
            raise
        finally:
            self._is_setting = False
        self.refresh()

    def display(self, **values: Any) -> None:
        """Set controls of what is shown, by name, and refresh the view once."""
        self._is_setting = True
        try:
            for name, value in values.items():
                self.display_controls[name].value = value
        finally:
            self._is_setting = False
        self.refresh()

    def refresh(self) -> None:
        """Show the view of the controls' present values."""
        if not self._is_setting:
            values = self.get_values()
            values |= {name: control.value for name, control in self.display_controls.items()}
            self.output.value, work = render_view(lambda: self._make_view(**values))
            self.run_row.offer(work)

    def enable(self, is_enabled: bool) -> None:
        """Enable the controls, or disable them while something is computed for their values."""
        for control in self.controls.values():
            control.disabled = not is_enabled

    def _set_value(self, name: str, value: Any) -> None:
        control = self.controls[name]
        try:
            control.value = tuple(value) if isinstance(value, list) else value
        except (TraitError, ValueError, TypeError):
            options = getattr(control, "options", ())
            expected = (
                f"one of {', '.join(map(str, options))}"
                if 0 < len(options) <= 20
                else "a value that its control offers"
            )
            raise FluxError(f"{name} is {value!r}; expected {expected}.") from None
        if _to_plain(control.value) != _to_plain(value):  # sliders clip without an error
            raise FluxError(
                f"{name} is {value!r}; expected {control.min:g} to {control.max:g}, the range of "
                "its slider."
            )


class RunRow(ipywidgets.HBox):
    """A button that starts a long computation, its progress, and a button that stops it.

    Attributes
    ----------
    job : Job or None
        The latest one.
    """

    def __init__(self, panel: ControlPanel):
        self._panel = panel
        self._work: PendingWork | None = None
        self.job: Job | None = None
        self.start_button = ipywidgets.Button(button_style="primary", layout=_FULL_WIDTH)
        self.stop_button = ipywidgets.Button(
            description="Stop", disabled=True, icon="stop", layout=_FULL_WIDTH
        )
        self.bar = ipywidgets.FloatProgress(min=0, max=1, layout={"flex": "0 0 12em"})
        self.message = ipywidgets.HTML().add_class("flux-progress")
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        super().__init__(
            [self.start_button, self.stop_button, self.bar, self.message],
            layout={"display": "none", "align_items": "center"},
        )

    def offer(self, work: PendingWork | None) -> None:
        """Offer a computation, or none; a row once shown stays, so that nothing jumps."""
        self._work = work
        self.start_button.disabled = work is None
        if work is not None:
            self.layout.display = ""
            self.start_button.description = work.label
        self.message.value = render_note(work.note if work else "")

    def stop(self) -> None:
        """Ask the work to end with what it has."""
        if self.job is not None:
            self.job.stop()

    def start(self) -> None:
        """Start the computation that is offered."""
        self._panel.enable(False)
        self.start_button.disabled, self.stop_button.disabled = True, False
        self.bar.value = 0
        self.job = Job(self._work.run, on_progress=self._show_progress, on_end=self._show_end)
        self.job.start()

    def _show_progress(self, done: float, total: float, remaining: str, partial: View | None):
        self.bar.value = done / total
        self.message.value = render_note(f"{done:g} of {total:g}; {remaining}")
        if partial is not None:
            self._panel.output.value, _ = render_view(lambda: partial)

    def _show_end(self, error: BaseException | None, was_stopped: bool) -> None:
        self.stop_button.disabled = True
        self._panel.enable(True)
        self._panel.refresh()
        if error is not None:
            self.message.value = render_error(error)
        elif was_stopped:
            self.message.value = render_note("Stopped; the results so far are kept.")
        else:
            self.bar.value = 1
            self.message.value = render_note("Done.")


class SettingsRow(ipywidgets.HBox):
    """The name of a parameter file, with buttons to save the controls' values to it and load it."""

    def __init__(self, panel: ControlPanel):
        self._panel = panel
        self.file_name = ipywidgets.Combobox(
            value="mine",
            options=list_settings(),
            description="Settings file",
            style={"description_width": "7em"},
        )
        self.save_button = ipywidgets.Button(
            description="Save these settings", icon="save", layout=_FULL_WIDTH
        )
        self.load_button = ipywidgets.Button(description="Load this file", layout=_FULL_WIDTH)
        self.message = ipywidgets.HTML().add_class("flux-settings")
        self.save_button.on_click(lambda _: self._report(self._save))
        self.load_button.on_click(lambda _: self._report(self._load))
        super().__init__(
            [self.file_name, self.save_button, self.load_button, self.message],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )

    def _save(self) -> str:
        values = self._panel.get_values()
        path = write_settings(self._panel.notebook, values, self.file_name.value)
        self.file_name.options = list_settings()
        return f"Saved. To run all notebooks with them: ./run_all.sh -f params/{path.name}"

    def _load(self) -> str:
        values = read_settings(self._panel.notebook, self.file_name.value)
        self._panel.set_values(values)
        names = [name for name in self._panel.controls if name in values]
        return f"Loaded: {', '.join(names)}." if names else "The file sets none of these controls."

    def _report(self, action: Callable[[], str]) -> None:
        try:
            self.message.value = render_note(action())
        except FluxError as error:
            self.message.value = render_error(error)


def _to_plain(value: Any) -> Any:
    """Return the value as YAML and a notebook's parameters have it, with 0.3 for 0.1 + 0.2."""
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return round(value, 10) if isinstance(value, float) else value
