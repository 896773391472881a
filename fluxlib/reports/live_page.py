"""The page of the forecast of today: one file that needs no network."""

from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt

from fluxlib.live.bundle import Bundle
from fluxlib.live.inputs import LiveInputs
from fluxlib.plotting.live import plot_forecast_fan
from fluxlib.plotting.style import use_style
from fluxlib.reports.pages import make_environment
from fluxlib.reports.record_page import embed_figure, tabulate_frame
from fluxlib.utils.files import write_text
from fluxlib.utils.time_grid import DAY, HOUR

SHOWN_DAYS = 27  # a solar rotation


def write_live_page(
    path: str | Path,
    bundle: Bundle,
    inputs: LiveInputs,
    table: pd.DataFrame | None,
    reason: str,
    scores: pd.DataFrame,
    issues: int,
) -> Path:
    """Write the page.

    Parameters
    ----------
    path : path
    bundle : Bundle
    inputs : LiveInputs
    table : DataFrame or None
        Of `fluxlib.live.issue_forecast`; None where there is no forecast, for a `reason`.
    reason : str
    scores : DataFrame
        Of `fluxlib.live.score_log`.
    issues : int
        How many days have been issued so far.
    """
    fluence = inputs.data.fluence["e2"]
    recent = fluence[fluence.index > inputs.issue_day - SHOWN_DAYS * DAY]
    names = sorted(set(inputs.data.fluence["series"][recent.index].dropna()))
    figure, lines = "", []
    if table is not None:
        use_style()
        canvas, ax = plt.subplots(figsize=(10, 4.6))
        plot_forecast_fan(recent, table, alert=bundle.forecaster.alert, ax=ax)
        worst = table["alert"].max()
        ax.set_title(f"Highest probability of an alert in {len(table)} days: {worst:.0%}")
        figure = embed_figure(canvas)
        lines = [
            {
                "day": f"{day:%a %d %b}",
                "forecast": f"{row['value']:.1e}",
                "alert": f"{row['alert']:.0%}",
                "90 %": f"{row['lower']:.1e} to {row['upper']:.1e}",
                "50 %": f"{row['lower_50']:.1e} to {row['upper_50']:.1e}",
                "persistence": f"{row['persistence']:.1e}",
                "27 days before": _write(row["recurrence"]),
                "REFM": _write(row["refm"]),
            }
            for day, row in table.iterrows()
        ]
    notes = list(dict.fromkeys(inputs.notes))
    if table is not None:
        own = [note for text in table["note"] for note in text.split("; ") if note]
        notes = list(dict.fromkeys([*own, *notes]))
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
            alert=f"{bundle.forecaster.alert:.0e}",
            satellites=", ".join(names) or "no satellite",
            figure=figure,
            lines=lines,
            reason=reason,
            notes=notes,
            ages=tabulate_frame(pd.DataFrame(ages)),
            scores=tabulate_frame(scores),
            issues=issues,
            pages=None,
        )
    )
    write_text(path, text)
    return Path(path)


def _write(value: float) -> str:
    return "unknown" if pd.isna(value) else f"{value:.1e}"
