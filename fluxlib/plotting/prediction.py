"""Figures of notebook 05: forecasts, what they are worth, and what they owe to their inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from fluxlib.datasets.series import ALERT
from fluxlib.plotting.style import (
    GREY,
    LOG_FLUENCE_LABEL,
    MARKERS,
    OBSERVED,
    break_label,
    label_dates,
    legend_beside,
)


def plot_forecast(
    observed: pd.Series,
    predicted: Mapping[str, pd.Series],
    *,
    interval: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw daily log10 fluence and forecasts of it.

    Parameters
    ----------
    observed : Series
        log10 fluence by day.
    predicted : mapping of str to Series
        Forecasts by model, of the same quantity.
    interval : DataFrame, optional
        `lower` and `upper` of the first model, its 90 % interval.
    """
    ax = plt.gca() if ax is None else ax
    if interval is not None:
        band: dict[str, Any] = {"color": "C0", "alpha": 0.2, "linewidth": 0}
        band["label"] = "90 % interval"
        ax.fill_between(interval.index, interval["lower"], interval["upper"], **band)
    ax.plot(observed, color=OBSERVED, linewidth=1.5, label="observed")
    for i, (name, series) in enumerate(predicted.items()):
        ax.plot(series, color=f"C{i}", linewidth=1.5, label=name)
    ax.axhline(np.log10(ALERT), color=GREY, linestyle="--", linewidth=1, label="alert level")
    ax.set_ylabel(break_label(LOG_FLUENCE_LABEL))
    label_dates(ax)
    legend_beside(ax)
    return ax


def plot_input_study(study: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the prediction efficiency one day ahead by inputs and time step, the best one framed.

    Parameters
    ----------
    study : DataFrame
        See `fluxlib.prediction.importance.study_inputs`.
    """
    ax = plt.gca() if ax is None else ax
    part = study[study["horizon"] == 1]
    table = part.pivot_table("PE", "inputs", "time_step", sort=False)
    bar = {"label": "Prediction efficiency"}
    sns.heatmap(table, annot=True, fmt=".2f", cmap="cividis", ax=ax, cbar_kws=bar)
    row, column = np.unravel_index(np.nanargmax(table.to_numpy()), table.shape)
    corner = float(column), float(row)
    ax.add_patch(plt.Rectangle(corner, 1, 1, fill=False, edgecolor="C3", linewidth=3))
    ax.set(xlabel="Time step (days of inputs)", ylabel="")
    ax.tick_params(axis="y", rotation=0)
    return ax


def plot_importance(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the prediction efficiency that is lost when an input is shuffled, by day.

    Parameters
    ----------
    table : DataFrame
        By input and day before the forecast, 0 for the day of issue, or "all": see
        `fluxlib.prediction.importance.tabulate_importance`.
    """
    ax = plt.gca() if ax is None else ax
    # The newest fluence matters so much that all other cells would have one colour beside it.
    top = table.max(axis=1).nlargest(2).iloc[-1]
    bar = {"label": "Prediction efficiency lost", "extend": "max"}
    shown = table.round(2) + 0.0  # no minus before a zero
    sns.heatmap(table, annot=shown, fmt=".2f", cmap="mako_r", ax=ax, cbar_kws=bar, vmin=0, vmax=top)
    names = {0: "issue\nday", "all": "all\ndays"}
    ax.set_xticklabels([names.get(day, f"{day} before") for day in table.columns])
    ax.set(xlabel="Day that is shuffled", ylabel="")
    ax.tick_params(axis="y", rotation=0)
    return ax


def plot_skill(skill: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw each model's skill against persistence by horizon, with its interval.

    Parameters
    ----------
    skill : DataFrame
        `value`, `lower` and `upper` by model and horizon: see
        `fluxlib.evaluation.skill.compare_skill`.
    """
    ax = plt.gca() if ax is None else ax
    models = skill.index.unique("model")
    for i, model in enumerate(models):
        part = skill.loc[model]
        ax.errorbar(
            part.index + 0.12 * (i - (len(models) - 1) / 2),
            part["value"],
            yerr=[part["value"] - part["lower"], part["upper"] - part["value"]],
            fmt=MARKERS[i % len(MARKERS)],
            color=f"C{i}",
            markersize=8,
            capsize=3,
            label=model,
        )
    ax.axhline(0, color=GREY, linestyle="--", linewidth=1)
    ax.set_xticks(sorted(skill.index.unique("horizon")))
    ax.set(xlabel="Days ahead", ylabel="Skill against persistence\n(95 % interval)")
    legend_beside(ax)
    return ax


def plot_mean_scores(bounds: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the mean over years of each model's PE by horizon, with its interval.

    Parameters
    ----------
    bounds : DataFrame
        Of `fluxlib.evaluation.skill.bound_mean_pe`.
    """
    ax = plot_skill(bounds, ax=ax)
    ax.set_ylabel("PE of log10 fluence,\nmean over years (95 % interval)")
    return ax


def plot_reliability(bins: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how often alerts came against the probability that was forecast.

    Parameters
    ----------
    bins : DataFrame
        Of `fluxlib.evaluation.metrics.bin_reliability`.
    """
    ax = plt.gca() if ax is None else ax
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="perfect")
    spread = np.sqrt(bins["frequency"] * (1 - bins["frequency"]) / bins["n"])
    ax.errorbar(
        bins["probability"],
        bins["frequency"],
        yerr=1.96 * spread,
        fmt="o-",
        capsize=3,
        label="days",
    )
    for row in bins.itertuples():
        ax.annotate(f" {row.n}", (row.probability, row.frequency), va="top", fontsize=10)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.set(xlabel="Forecast probability of an alert", ylabel="Frequency of alerts")
    ax.legend(loc="upper left")
    return ax


def plot_losses(losses: Sequence[float], epochs: int, *, ax: Axes | None = None) -> Axes:
    """Draw the loss by epoch, up to the epoch reached of those planned, and mark the least."""
    ax = plt.gca() if ax is None else ax
    ax.plot(range(1, len(losses) + 1), losses, ".-", color="C0")
    least = int(np.argmin(losses))
    ax.plot([least + 1], [losses[least]], "o", color="C1", label=f"least, {losses[least]:.3f}")
    ax.set(xlim=(0.5, epochs + 0.5), xlabel="Epoch", ylabel="Training loss")
    legend_beside(ax)
    return ax
