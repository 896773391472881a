"""What a panel shows: a sentence with the numbers, a figure, a table, or an error message.

Figures are made without pyplot, which would keep every one of them in memory. They are part of an
HTML text, which carries alternative text and the size of the picture before the picture is there:
so a new one replaces the old one without a flicker.
"""

import base64
import html
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.utils.formatting import align_columns
from fluxlib.widgets.jobs import PendingWork

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
