"""What controls show: a figure, its numbers in a sentence, a table, or an error in plain words.

Figures are made without pyplot, which keeps what it makes. They are shown inside text: that carries
alternative text, has its size before the picture is there, and so changes without a flicker.
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
from fluxlib.reports.formatting import align_columns

_DPI = 96  # a pixel of a common screen
# matplotlib is not made for threads, and controls may be heard in another than jobs run in.
_drawing = threading.RLock()


@dataclass(frozen=True)
class Work:
    """What an answer lacks, because it takes too long to be computed at each move.

    Attributes
    ----------
    label : str
        Of the button that starts it.
    run : callable
        ``run(tell)``: see `fluxlib.widgets.jobs.Job`; partial results are Answers. When it ends,
        the
        controls' function is called again.
    note : str
        What will be computed, and how long that takes.
    """

    label: str
    run: Callable[[Callable[..., None]], None]
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """What controls show.

    Attributes
    ----------
    note : str
        The numbers, in a sentence.
    figure : Figure, optional
    alt : str
        What the figure shows, in words.
    table : DataFrame, optional
    work : Work, optional
        What is still to be computed.
    """

    note: str
    figure: Figure | None = None
    alt: str = ""
    table: pd.DataFrame | None = None
    work: Work | None = None


def render_answer(make: Callable[[], Answer]) -> tuple[str, Work | None]:
    """Return what `make` answers as HTML, an error as a sentence, and the work that is left."""
    try:
        with _drawing:
            answer = make()
            parts = [render_figure(answer.figure, answer.alt)] if answer.figure else []
    except Exception as error:  # nothing else would show it: a control's callback has no cell
        return render_error(error), None
    parts.insert(0, render_note(answer.note))
    if answer.table is not None:
        parts.append(render_table(answer.table))
    return "".join(parts), answer.work


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
    """Return a sentence, which screen readers say when it changes."""
    return f'<p class="flux-note" role="status">{html.escape(text)}</p>'


def render_table(table: pd.DataFrame) -> str:
    """Return a table with text to the left and numbers to the right."""
    return align_columns(table.to_html(classes="flux-table"))


def render_error(error: BaseException) -> str:
    """Return an error in plain words."""
    if isinstance(error, FluxError | NotApplicable):
        text = f"These settings do not go together: {error}"
    else:
        text = f"This is a fault of the program: {type(error).__name__}: {error}"
    return f'<p class="flux-error" role="alert">{html.escape(text)}</p>'
