"""The rows that controls share: a button for what takes long, and one that saves settings."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import ipywidgets as controls

from fluxlib import settings
from fluxlib.answers import Answer, Work, render_answer, render_error, render_note
from fluxlib.errors import FluxError
from fluxlib.jobs import Job

if TYPE_CHECKING:
    from fluxlib.widgets import Panel


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
