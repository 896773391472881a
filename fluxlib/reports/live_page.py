"""The page of the forecast of today: one file that needs no network."""

from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt

from fluxlib.live.bundle import Bundle
from fluxlib.live.issue import Issue
from fluxlib.plotting.live import plot_forecast_fan
from fluxlib.plotting.style import use_style
from fluxlib.prediction.hours import sum_hours
from fluxlib.reports.pages import make_environment
from fluxlib.reports.record_page import embed_figure, tabulate_frame
from fluxlib.utils.files import write_text
from fluxlib.utils.time_grid import DAY, HOUR

SHOWN_DAYS = 27  # a solar rotation
SHOWN_HOURS = 96


def write_live_page(path: str | Path, bundle: Bundle, issue: Issue) -> Path:
    """Write the page of what `fluxlib.live.issue_newest` returned.

    Parameters
    ----------
    path : path
    bundle : Bundle
    issue : Issue
    """
    use_style()
    inputs, table, rolling = issue.inputs, issue.table, issue.rolling
    fluence = inputs.data.fluence["e2"]
    recent = fluence[fluence.index > inputs.issue_day - SHOWN_DAYS * DAY]
    names = sorted(set(inputs.data.fluence["series"][recent.index].dropna()))
    alert = bundle.forecaster.alert
    days, hours = {}, {}
    notes = list(inputs.notes)
    if rolling is not None:
        sums = sum_hours(inputs.series.flux)
        sums = sums[sums.index > inputs.newest - SHOWN_HOURS * HOUR]
        lines = [
            {"24 h to (UTC)": f"+{row['lead']} h: {end:%a %d, %H:00}"} | _write_row(row)
            for end, row in rolling.iterrows()
        ]
        hours = _draw(sums, rolling, alert) | {"lines": lines}
        notes = [*_split_notes(rolling), *notes]
    if table is not None:
        lines = [
            {"day": f"{day:%a %d %b}"} | _write_row(row) | {"REFM": _write(row["refm"])}
            for day, row in table.iterrows()
        ]
        days = _draw(recent, table, alert) | {"lines": lines}
        notes = [*_split_notes(table), *notes]
    ages = [
        {"input": name, "newest sample (UTC)": f"{inputs.newest - age:%Y-%m-%d %H:%M}"}
        | {"hours behind the newest": round(age / HOUR, 1)}
        for name, age in inputs.ages.items()
    ]
    text = (
        make_environment()
        .get_template("live.html.j2")
        .render(
            bundle=bundle.about,
            issue_day=inputs.issue_day,
            newest=inputs.newest,
            alert=f"{alert:.0e}",
            satellites=", ".join(names) or "no satellite",
            satellite=inputs.series.flux.name,
            days=days,
            hours=hours,
            reason=issue.reason,
            rolling_reason=issue.rolling_reason,
            notes=list(dict.fromkeys(notes)),
            ages=tabulate_frame(pd.DataFrame(ages)),
            scores=tabulate_frame(issue.scores),
            rolling_scores=tabulate_frame(issue.rolling_scores),
            issues=issue.days,
            pages=None,
        )
    )
    write_text(path, text)
    return Path(path)


def _draw(observed: pd.Series, table: pd.DataFrame, alert: float) -> dict:
    """Return the figure for a wide screen and for a narrow one, on which text stays legible."""
    figures = {}
    for name, size in (("wide", (10, 4.6)), ("narrow", (4.8, 5.4))):
        canvas, ax = plt.subplots(figsize=size)
        plot_forecast_fan(observed, table, alert=alert, ax=ax)
        ax.set_title(f"Highest probability of an alert: {table['alert'].max():.0%}")
        if name == "narrow":
            ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=2)
        figures[name] = embed_figure(canvas)
    return figures


def _write_row(row: pd.Series) -> dict[str, str]:
    """Return what both forecasts have, in words."""
    return {
        "forecast": f"{row['value']:.1e}",
        "alert": f"{row['alert']:.0%}",
        "90 %": f"{row['lower']:.1e} to {row['upper']:.1e}",
        "50 %": f"{row['lower_50']:.1e} to {row['upper_50']:.1e}",
        "persistence": f"{row['persistence']:.1e}",
        "27 days before": _write(row["recurrence"]),
    }


def _split_notes(table: pd.DataFrame) -> list[str]:
    return [note for text in table["note"] for note in text.split("; ") if note]


def _write(value: float) -> str:
    return "unknown" if pd.isna(value) else f"{value:.1e}"
