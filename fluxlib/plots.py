"""The project's figures. Each function draws on one Axes and neither shows nor saves."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

FLUX_LABEL = ">2 MeV flux (e cm$^{-2}$ s$^{-1}$ sr$^{-1}$)"
LOG_FLUX = "log$_{10}$ " + FLUX_LABEL
FLUENCE_LABEL = ">2 MeV fluence (e cm$^{-2}$ day$^{-1}$ sr$^{-1}$)"
ALERT = 1e8  # e/(cm2 day sr), SWPC's high level of daily fluence
TRUTH = "black"
GREY = "0.55"


def use_style() -> None:
    """Set fonts that stay readable at half size and colours that the colour-blind can tell."""
    sns.set_theme(
        style="ticks",
        palette="colorblind",
        rc={
            "figure.figsize": (9, 4.5),
            "figure.dpi": 96,
            "figure.constrained_layout.use": True,
            "font.size": 13,
            "axes.labelsize": 13,
            "axes.titlesize": 14,
            "axes.titlelocation": "left",
            "axes.titlepad": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "legend.fontsize": 12,
            "xtick.labelsize": 12,
            "ytick.labelsize": 12,
        },
    )


def square_axes() -> Axes:
    """Return the Axes of a new square figure, for a plot with equal scales."""
    return plt.figure(figsize=(7, 6)).subplots()


def plot_coverage(
    missing: pd.DataFrame, *, threshold: float = 1 / 3, ax: Axes | None = None
) -> Axes:
    """Draw the missing fraction of each month, a row a series; dots mark large-scale months.

    Parameters
    ----------
    missing : DataFrame
        0..1 by month (PeriodIndex), a column a series; NaN out of service. See
        `gaps.missing_fraction`.
    threshold : float
        Fraction above which a month is large-scale.
    """
    ax = plt.gca() if ax is None else ax
    months = pd.period_range(missing.index.min(), missing.index.max(), freq="M")
    table = missing.reindex(months).T
    image = ax.pcolormesh(
        np.arange(len(months) + 1),
        np.arange(len(table) + 1),
        100 * np.ma.masked_invalid(table.to_numpy(float)),
        cmap="viridis_r",
        vmin=0,
        vmax=100,
        rasterized=True,
    )
    rows, columns = np.nonzero((table > threshold).to_numpy())
    ax.plot(columns + 0.5, rows + 0.5, ".", color="white", markersize=3)
    ax.set_yticks(np.arange(len(table)) + 0.5, table.index)
    ax.invert_yaxis()
    januaries = np.flatnonzero(months.month == 1)
    step = max(1, len(januaries) // 9)
    ax.set_xticks(januaries[::step], [str(year) for year in months.year[januaries[::step]]])
    ax.figure.colorbar(image, ax=ax, label="Missing (% of the month)")
    return ax


def plot_gap_lengths(gaps: Mapping[str, pd.DataFrame], *, ax: Axes | None = None) -> Axes:
    """Draw how many gaps are at least so long, a line a series that has any."""
    ax = plt.gca() if ax is None else ax
    for name, table in gaps.items():
        if table.empty:
            continue
        hours = np.sort(table["hours"])[::-1]
        ax.step(hours, np.arange(1, len(hours) + 1), where="post", label=name)
    ax.set(xscale="log", yscale="log", xlabel="Length (hours)", ylabel="Gaps at least so long")
    if ax.lines:
        ax.legend()
    return ax


def plot_daily(daily: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the daily >2 MeV fluence, a colour a source, and the alert level."""
    ax = plt.gca() if ax is None else ax
    for name, part in daily.groupby("series", sort=False):
        ax.plot(part.index, part["e2"], ".", markersize=2, label=name)
    ax.axhline(ALERT, color=GREY, linestyle="--", linewidth=1)
    ax.annotate("alert level", (0, ALERT), xycoords=("axes fraction", "data"), va="bottom")
    ax.set(yscale="log", ylabel=FLUENCE_LABEL.replace(" (", "\n("))
    if daily["series"].notna().any():
        ax.legend(markerscale=6, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_calibration(
    reference: pd.Series,
    other: pd.Series,
    lines: Mapping[str, "object"],
    *,
    unit: str = FLUENCE_LABEL,
    ax: Axes | None = None,
) -> Axes:
    """Draw pairs of two satellites, the 1:1 line and fitted calibrations.

    Parameters
    ----------
    reference, other : Series
        log10 fluence or flux; the names label the axes.
    lines : mapping of str to Calibration
        By the name in the legend.
    """
    ax = plt.gca() if ax is None else ax
    pairs = pd.concat([other, reference], axis=1, join="inner").dropna()
    ax.plot(pairs.iloc[:, 0], pairs.iloc[:, 1], ".", color=GREY, markersize=4, label="pairs")
    x = pd.Series(np.linspace(pairs.iloc[:, 0].min(), pairs.iloc[:, 0].max(), 200))
    ax.plot(x, x, color="black", linewidth=1, linestyle=":", label="1:1")
    for i, (name, calibration) in enumerate(lines.items()):
        ax.plot(x, calibration.apply(x), color=f"C{i}", linewidth=2, label=name)
        if calibration.breakpoint is not None:
            ax.axvline(calibration.breakpoint, color=f"C{i}", linewidth=1, linestyle="--")
    ax.set(xlabel=f"{other.name}, log$_{{10}}$ {unit}", ylabel=f"{reference.name}, the same")
    ax.legend()
    return ax


def plot_calibration_grid(pairs: list[tuple], *, figure: plt.Figure | None = None) -> plt.Figure:
    """Draw one `plot_calibration` for each (reference, other, lines)."""
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    if figure is None:
        figure = plt.figure(figsize=(4 * columns + 0.5, 3.8 * rows))
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax, (reference, other, lines) in zip(axes.flat, pairs, strict=False):
        plot_calibration(reference, other, lines, unit="fluence", ax=ax)
    for ax in axes.flat[len(pairs) :]:
        ax.set_axis_off()
    return figure


def plot_residuals(before: pd.Series, after: pd.Series, *, ax: Axes | None = None) -> Axes:
    """Draw the distribution of log10 differences before and after calibration."""
    ax = plt.gca() if ax is None else ax
    bins = np.linspace(*np.nanpercentile(pd.concat([before, after]), [0.5, 99.5]), 60)
    for label, values in {"before": before, "after": after}.items():
        sns.histplot(values, bins=bins, element="step", stat="count", label=label, ax=ax)
    ax.axvline(0, color="black", linewidth=1)
    ax.set(xlabel="Difference from the reference (decades)", ylabel="Days")
    ax.legend()
    return ax


def plot_offsets(
    correlations: pd.DataFrame, *, threshold: float = 0.3, ax: Axes | None = None
) -> Axes:
    """Draw Spearman's correlation, drivers by offset, with the contour of the threshold."""
    ax = plt.gca() if ax is None else ax
    hours = correlations.index.to_numpy(float)
    values = correlations.to_numpy().T
    rows = np.arange(values.shape[0])
    image = ax.pcolormesh(hours, rows, values, cmap="RdBu_r", vmin=-0.7, vmax=0.7, shading="auto")
    if values.shape[0] > 1 and len(hours) > 1:
        for row in rows:
            # A contour of each row by itself: neighbouring drivers have no order between them.
            strong = np.abs(values[row]) >= threshold
            edges = np.flatnonzero(np.diff(np.r_[False, strong, False].astype(int)))
            for first, end in edges.reshape(-1, 2):
                _outline(ax, hours, row, first, end)
    known = rows[np.isfinite(values).any(axis=1)]
    peak = np.nanargmax(np.abs(values[known]), axis=1)
    ax.plot(hours[peak], known, "k|", markersize=14, markeredgewidth=2)
    ax.set_yticks(rows, correlations.columns)
    ax.invert_yaxis()
    ax.set_xlabel("Offset: hours by which the driver precedes the flux")
    day = [hour for hour in np.arange(0, hours[-1] + 1, 24) if hour >= hours[0]]
    ax.set_xticks(day)
    ax.figure.colorbar(image, ax=ax, label="Spearman correlation")
    return ax


def _outline(ax: Axes, hours: np.ndarray, row: int, first: int, end: int) -> None:
    half = (hours[1] - hours[0]) / 2
    left, right = hours[first] - half, hours[end - 1] + half
    x = [left, right, right, left, left]
    ax.plot(x, [row - 0.5, row - 0.5, row + 0.5, row + 0.5, row - 0.5], "k-", linewidth=1)


def plot_convergence(history: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the search's RMSE by generation: the best, and the mean of the population."""
    ax = plt.gca() if ax is None else ax
    ax.plot(history.index, 1 / history["best"], label="best of the generation")
    ax.plot(history.index, 1 / history["mean"], color=GREY, label="mean of the population")
    ax.set(xlabel="Generation", ylabel="RMSE (decades)")
    ax.legend()
    return ax


def plot_density(observed: pd.Series, predicted: pd.Series, *, ax: Axes | None = None) -> Axes:
    """Draw predicted against observed log10 flux as density, with the 1:1 and +-1 decade lines."""
    ax = plt.gca() if ax is None else ax
    limits = np.percentile(np.r_[observed, predicted], [0, 100]) + np.array([-0.2, 0.2])
    image = ax.hexbin(
        observed, predicted, gridsize=60, norm=LogNorm(), cmap="viridis", extent=(*limits, *limits)
    )
    for shift, style in ((0, "-"), (-1, "--"), (1, "--")):
        ax.plot(limits, limits + shift, color="black", linestyle=style, linewidth=1)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel=f"Observed {LOG_FLUX}", ylabel=f"Predicted {LOG_FLUX}")
    ax.figure.colorbar(image, ax=ax, label="Samples")
    return ax


def plot_gap(
    observed: pd.Series,
    filled: Mapping[str, pd.Series],
    gap: pd.DatetimeIndex,
    *,
    interval: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a hidden stretch: the truth, and what each method put there.

    Parameters
    ----------
    observed : Series
        log10 flux around and in the gap.
    filled : mapping of str to Series
        log10 flux by method.
    gap : DatetimeIndex
        The hidden times.
    interval : DataFrame, optional
        `lower` and `upper`, log10 flux, of the first method.
    """
    ax = plt.gca() if ax is None else ax
    margin = max((gap[-1] - gap[0]) / 2, pd.Timedelta("12h"))
    view = slice(gap[0] - margin, gap[-1] + margin)
    ax.axvspan(gap[0], gap[-1], color="0.93", zorder=0)
    ax.plot(observed[view], color=TRUTH, linewidth=2, label="observed (hidden in the gap)")
    if interval is not None:
        within = interval.loc[gap[0] : gap[-1]]
        ax.fill_between(within.index, within["lower"], within["upper"], color="C0", alpha=0.2)
    styles = ["-", "--", "-.", ":"]
    for i, (name, series) in enumerate(filled.items()):
        ax.plot(
            series[gap[0] : gap[-1]],
            color=f"C{i}",
            linestyle=styles[i % 4],
            linewidth=2,
            label=name,
        )
    ax.set_ylabel(LOG_FLUX.replace(" (", "\n("))
    ax.tick_params(axis="x", rotation=20)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_gap_scores(rmse: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw RMSE by length of gap (index, hours), a line a method (columns)."""
    ax = plt.gca() if ax is None else ax
    markers = "os^Dv"
    for i, name in enumerate(rmse):
        ax.plot(rmse.index, rmse[name], marker=markers[i % 5], linewidth=2, label=name)
    ax.set_xscale("log")
    ax.set_xticks(rmse.index, [f"{hours:g}" for hours in rmse.index])
    # A spline through a long gap errs by whole decades; the others must stay apart.
    ax.set_yscale("log")
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5) if t < 1.5 * np.nanmax(rmse.to_numpy())]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel="Length of the gap (hours)", ylabel="RMSE (decades)")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_scores(table: pd.DataFrame, *, label: str, ax: Axes | None = None) -> Axes:
    """Draw a score by row (year, protocol ...), a marker a column (model), higher to the right.

    Parameters
    ----------
    table : DataFrame
        Rows become groups on the vertical axis, columns models.
    label : str
        The score and its unit.
    """
    ax = plt.gca() if ax is None else ax
    rows = np.arange(len(table))
    markers = "os^Dv*"
    for i, name in enumerate(table):
        ax.plot(
            table[name], rows, markers[i % 6], color=f"C{i}", markersize=10, label=name, alpha=0.9
        )
    ax.set_yticks(rows, [str(row) for row in table.index])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.grid(axis="y", color="0.9")
    ax.set_xlabel(label)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_forecast(
    observed: pd.Series,
    predicted: Mapping[str, pd.Series],
    *,
    interval: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw daily log10 fluence and forecasts of it, with the first one's interval."""
    ax = plt.gca() if ax is None else ax
    if interval is not None:
        ax.fill_between(
            interval.index, interval["lower"], interval["upper"], color="C0", alpha=0.2, linewidth=0
        )
    ax.plot(observed, color=TRUTH, linewidth=1.5, label="observed")
    for i, (name, series) in enumerate(predicted.items()):
        ax.plot(series, color=f"C{i}", linewidth=1.5, label=name)
    ax.axhline(np.log10(ALERT), color=GREY, linestyle="--", linewidth=1)
    ax.set_ylabel("log$_{10}$ " + FLUENCE_LABEL.replace(" (", "\n("))
    ax.tick_params(axis="x", rotation=20)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_residual_panels(tables: Mapping[str, pd.DataFrame]) -> plt.Figure:
    """Draw median and quartiles of residuals, a panel a quantity: see `checks`."""
    figure, axes = plt.subplots(1, len(tables), figsize=(11, 4), sharey=True)
    for ax, (label, table) in zip(np.atleast_1d(axes), tables.items(), strict=True):
        ax.fill_between(table.index, table["lower"], table["upper"], alpha=0.25, linewidth=0)
        ax.plot(table.index, table["median"], marker="o", markersize=4)
        ax.axhline(0, color="black", linewidth=1)
        ax.set_xlabel(label)
    figure.axes[0].set_ylabel("Left after calibration (decades)")
    return figure


def plot_offset_pair(
    correlations: Mapping[str, pd.DataFrame], *, threshold: float = 0.3
) -> plt.Figure:
    """Draw `plot_offsets` of several satellites side by side."""
    figure, axes = plt.subplots(1, len(correlations), figsize=(6 * len(correlations), 4.5))
    for ax, (name, table) in zip(np.atleast_1d(axes), correlations.items(), strict=True):
        plot_offsets(table, threshold=threshold, ax=ax)
        ax.set_title(name)
        ax.set_xlabel("Offset (hours before the flux)")
    return figure


def plot_offset_curves(intervals: pd.DataFrame) -> plt.Figure:
    """Draw each driver's correlation by offset with its 95 % band and its peak.

    Parameters
    ----------
    intervals : DataFrame
        Of `offsets.offset_intervals`.
    """
    drivers = list(dict.fromkeys(intervals.columns.get_level_values(0)))
    rows = -(-len(drivers) // 4)
    figure, axes = plt.subplots(
        rows, 4, figsize=(11, 2.3 * rows + 0.6), sharex=True, sharey=True, squeeze=False
    )
    for ax, name in zip(axes.flat, drivers, strict=False):
        curve = intervals[name]
        ax.fill_between(curve.index, curve["lower"], curve["upper"], alpha=0.25, linewidth=0)
        ax.plot(curve["value"], linewidth=2)
        ax.axhline(0, color="black", linewidth=1)
        if curve["value"].notna().any():
            peak = curve["value"].abs().idxmax()
            ax.plot(peak, curve.loc[peak, "value"], "o", color="C1")
            ax.set_title(f"{name}: {curve.loc[peak, 'value']:+.2f} at {peak:.0f} h", fontsize=12)
    for ax in axes.flat[len(drivers) :]:
        ax.set_axis_off()
    axes[0, 0].set_xticks(np.arange(0, intervals.index.max() + 1, 48))
    figure.supxlabel("Offset (hours before the flux)")
    figure.supylabel("Spearman correlation")
    return figure
