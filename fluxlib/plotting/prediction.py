"""Figures of forecasts."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from fluxlib.datasets.fluence import ALERT
from fluxlib.plotting.style import FLUENCE_LABEL, GREY, TRUTH


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


def plot_input_study(study: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw PE one day ahead by set of inputs and time step, the best one framed.

    Parameters
    ----------
    study : DataFrame
        Of `studies.study_inputs`.
    """
    ax = plt.gca() if ax is None else ax
    part = study[study["horizon"] == 1]
    table = part.pivot_table("PE", "inputs", "time_step", sort=False)
    sns.heatmap(table, annot=True, fmt=".2f", cmap="cividis", ax=ax, cbar_kws={"label": "PE"})
    row, column = np.unravel_index(np.nanargmax(table.to_numpy()), table.shape)
    ax.add_patch(plt.Rectangle((column, row), 1, 1, fill=False, edgecolor="C3", linewidth=3))
    ax.set_xlabel("Time step (days of inputs)")
    ax.set_ylabel("")
    ax.tick_params(axis="y", rotation=0)
    return ax


def plot_importance(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the PE lost when an input is shuffled, inputs by day before.

    Parameters
    ----------
    table : DataFrame
        Of `importance.tabulate_importance`.
    """
    ax = plt.gca() if ax is None else ax
    # The newest fluence weighs so much that beside it all else would be one colour.
    top = table.max(axis=1).nlargest(2).iloc[-1]
    bar = {"label": "PE lost", "extend": "max"}
    shown = table.round(2) + 0.0  # no minus before a zero
    sns.heatmap(table, annot=shown, fmt=".2f", cmap="mako_r", ax=ax, cbar_kws=bar, vmin=0, vmax=top)
    names = {0: "issue\nday", "all": "all\ndays"}
    ax.set_xticklabels([names.get(day, f"{day} before") for day in table.columns])
    ax.set_xlabel("Day that is shuffled")
    ax.set_ylabel("")
    ax.tick_params(axis="y", rotation=0)
    return ax


def plot_skill(skill: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw each model's skill against persistence by horizon, with its intervals.

    Parameters
    ----------
    skill : DataFrame
        Of `skill.compare_skill`.
    """
    ax = plt.gca() if ax is None else ax
    models = skill.index.unique("model")
    for i, model in enumerate(models):
        part = skill.loc[model]
        ax.errorbar(
            part.index + 0.12 * (i - (len(models) - 1) / 2),
            part["value"],
            yerr=[part["value"] - part["lower"], part["upper"] - part["value"]],
            fmt="os^Dv*"[i % 6],
            color=f"C{i}",
            markersize=8,
            capsize=3,
            label=model,
        )
    ax.axhline(0, color=GREY, linestyle="--", linewidth=1)
    ax.set_xticks(sorted(skill.index.unique("horizon")))
    ax.set_xlabel("Days ahead")
    ax.set_ylabel("Skill against persistence")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_losses(losses: Sequence[float], epochs: int, *, ax: Axes | None = None) -> Axes:
    """Draw the loss of a training by epoch, up to the epoch reached, and mark the least."""
    ax = plt.gca() if ax is None else ax
    ax.plot(range(1, len(losses) + 1), losses, ".-", color="C0")
    least = int(np.argmin(losses))
    ax.plot([least + 1], [losses[least]], "o", color="C1", label=f"least, {losses[least]:.3f}")
    ax.set(xlim=(0.5, epochs + 0.5), xlabel="Epoch", ylabel="Loss")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
