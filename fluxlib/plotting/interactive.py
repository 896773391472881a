"""Figures to zoom, to hover over and to click in: in JupyterLab and in the pages, by Plotly.

Plotly serves both and needs no network: JupyterLab gets its script from the package, and the pages
from one file beside them.
"""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import seaborn as sns

MOST_POINTS = 60_000  # of all lines together, 0.4 MB: a browser pans through them without delay
MOST_MARKS = 2_000  # flagged samples of one series
_COLORS = sns.color_palette("colorblind").as_hex()
_FLUX = "Flux<br>(e cm<sup>-2</sup> s<sup>-1</sup> sr<sup>-1</sup>)"
_FLUENCE = "Fluence<br>(e cm<sup>-2</sup> day<sup>-1</sup> sr<sup>-1</sup>)"
_MARGIN = {"l": 85, "r": 20, "t": 30, "b": 50}


def reduce_series(series: pd.Series, most: int) -> pd.Series:
    """Keep the smallest and the largest value of each of at most ``most / 2`` equal spans of time.

    Extremes and whole gaps survive, unlike in a series of every n-th value.

    Parameters
    ----------
    series : Series
        On a regular grid; it is returned unchanged if it has at most `most` samples.
    most : int
        Samples to return, at least 2.

    Returns
    -------
    Series
        On a regular grid, two samples a span, in their order in time; NaN where a span has no
        value.
    """
    if len(series) <= most:
        return series
    size = 2 * -(-len(series) // (2 * (most // 2)))  # even, so that half a span is whole steps
    values = np.full(-(-len(series) // size) * size, np.nan)
    values[: len(series)] = series.to_numpy(float)
    spans = values.reshape(-1, size)
    low = np.where(np.isnan(spans), np.inf, spans)
    high = np.where(np.isnan(spans), -np.inf, spans)
    both = np.column_stack([low.min(axis=1), high.max(axis=1)])
    falls = high.argmax(axis=1) < low.argmin(axis=1)
    both[falls] = both[falls, ::-1]
    both[np.isnan(spans).all(axis=1)] = np.nan
    step = series.index[1] - series.index[0]
    index = pd.date_range(series.index[0], periods=both.size, freq=step * size / 2)
    return pd.Series(both.ravel(), index, name=series.name)


def draw_series(
    columns: Mapping[str, pd.Series],
    *,
    daily: Collection[str] = (),
    doubtful: Mapping[str, pd.Series] | None = None,
    handovers: Mapping[pd.Timestamp, str] | None = None,
) -> go.Figure:
    """Draw >2 MeV series in detail above an overview of all time, where a span can be chosen.

    Parameters
    ----------
    columns : mapping of str to Series
        Flux, e/(cm2 s sr), or daily fluence, e/(cm2 day sr), each on a regular grid; gaps stay
        open.
    daily : collection of str
        Which of them are fluence: they get an axis of their own.
    doubtful : mapping of str to Series of bool, optional
        Whether each sample is doubtful, on the grid of the series; a cross marks it.
    handovers : mapping of Timestamp to str, optional
        Names of the series that a daily record takes from each time on; a triangle marks it.
    """
    figure = go.Figure()
    for i, (name, series) in enumerate(columns.items()):
        color, axis = _COLORS[i % len(_COLORS)], "y2" if name in daily else "y"
        known = series.where(series > 0)
        shown = reduce_series(known, MOST_POINTS // len(columns))
        figure.add_scatter(
            x0=shown.index[0],
            dx=(shown.index[1] - shown.index[0]) / pd.Timedelta("1ms"),
            y=shown.to_numpy(np.float32),
            name=name,
            mode="lines",
            line={"color": color, "width": 1},
            yaxis=axis,
        )
        if doubtful and name in doubtful:
            marked = known[doubtful[name]].dropna()
            marked = marked.iloc[:: max(1, -(-len(marked) // MOST_MARKS))]
            figure.add_scatter(
                x=marked.index,
                y=marked.to_numpy(np.float32),
                name=f"{name}, doubtful",
                mode="markers",
                marker={"symbol": "x-thin", "size": 7, "line": {"color": color, "width": 1}},
                yaxis=axis,
            )
    if handovers:
        figure.add_scatter(
            x=list(handovers),
            y=[1] * len(handovers),
            text=[f"from here: {name}" for name in handovers.values()],
            name="daily series from another source",
            mode="markers",
            marker={"symbol": "triangle-down", "size": 11, "color": "grey"},
            hovertemplate="%{x|%Y-%m-%d}, %{text}<extra></extra>",
            yaxis="y3",
        )
    has_both = 0 < len(set(daily) & set(columns)) < len(columns)
    upper, lower = ([0.5, 0.94], [0, 0.44]) if has_both else ([0, 0.94], [0, 0.94])
    log = {"type": "log", "exponentformat": "power", "nticks": 6}
    figure.update_layout(
        template="simple_white",
        height=560,
        margin=_MARGIN,
        font={"size": 14},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        showlegend=True,
        xaxis={
            "anchor": "y2" if daily else "y",
            "rangeslider": {"visible": True, "thickness": 0.12},
            "title": "Time (UTC)",
        },
        yaxis={**log, "domain": upper, "title": _FLUX},
        yaxis2={**log, "domain": lower, "title": _FLUENCE},
        yaxis3={"domain": [0.94, 1], "visible": False, "fixedrange": True},
    )
    return figure


def draw_offsets(correlations: pd.DataFrame) -> go.FigureWidget:
    """Draw the heatmap of correlations by driver and offset, with a frame that marks one cell.

    Parameters
    ----------
    correlations : DataFrame
        Spearman's, by offset (rows, hours) and driver.

    Returns
    -------
    FigureWidget
        `mark_offset` moves the frame; ``data[0].on_click`` tells of clicks.
    """
    heatmap = go.Heatmap(
        x=correlations.index,
        y=correlations.columns,
        z=correlations.to_numpy().T,
        colorscale="RdBu_r",
        zmin=-0.7,
        zmax=0.7,
        colorbar={"title": {"text": "Spearman<br>correlation"}},
        hovertemplate="%{y}, %{x} h before: %{z:+.2f}<extra></extra>",
    )
    frame = go.Scatter(
        mode="markers",
        marker={"symbol": "square-open", "size": 18, "color": "black", "line": {"width": 3}},
        hoverinfo="skip",
        showlegend=False,
    )
    figure = go.FigureWidget([heatmap, frame])
    figure.update_xaxes(title="Offset (hours by which the driver precedes the flux)", dtick=24)
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(
        template="simple_white",
        height=130 + 24 * len(correlations.columns),
        margin=_MARGIN,
        font={"size": 14},
    )
    return figure


def mark_offset(
    figure: go.FigureWidget, correlations: pd.DataFrame, *, driver: str, offset: float
) -> None:
    """Put `draw_offsets`' figure on other correlations, with the frame at a driver and an offset.

    Parameters
    ----------
    correlations : DataFrame
        As `draw_offsets` takes.
    driver, offset
        The framed cell; offset in hours.
    """
    with figure.batch_update():
        z = correlations.to_numpy().T
        if not np.array_equal(figure.data[0].z, z, equal_nan=True):  # a move sends the frame alone
            figure.data[0].z = z
        figure.data[1].update(x=[offset], y=[driver])
