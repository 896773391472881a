"""The page of a record: what it rests on, how well it is filled, and where not to trust it."""

import base64
import hashlib
import io
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from fluxlib.io.text import Quality
from fluxlib.plotting.record import plot_record_days, plot_record_sources
from fluxlib.plotting.style import use_style
from fluxlib.record.series import Flag, Record
from fluxlib.reports.pages import make_environment
from fluxlib.utils.files import write_text
from fluxlib.utils.formatting import tabulate_records
from fluxlib.utils.time_grid import find_runs

PAGE = "index.html"
STEP = 0.05  # decades: handovers with more are pointed out
MUCH_FILLED = 0.2  # of a year's days: such years are pointed out
LONG_GAP = 10  # days
FEW = 0.001  # of the samples: that many beyond a calibration's range are not worth a line
MEANINGS = {
    "spike": "differs by more than a decade from its neighbours; filled",
    "stuck": "twelve or more equal samples in a row; filled",
    "protons": "protons above 10 MeV contaminate the detector; filled",
    "archive": "the archive's own quality flag; filled",
    "yaw_flip": "the satellite is turned round; kept",
    "few_samples": "an average of fewer than half the samples; kept",
    "uncalibrated": "no chain of satellites leads to the reference; kept on its own scale",
    "extrapolated": "outside the fluences in which its calibration was fitted; kept",
}


def write_record_page(record: Record, folder: str | Path) -> Path:
    """Write the page beside the files of a record that was written to `folder`."""
    folder = Path(folder)
    days = record["fleet", "daily"]
    use_style()
    places = {place: record[place, "daily"] for place in record.places}
    html = make_environment().get_template("record.html.j2")
    text = html.render(
        about=record.about,
        summary=summarise(record),
        warnings=list_warnings(record),
        series=_draw_days(days, synthetic=record.about["synthetic"]),
        sources=_draw_sources(places),
        handovers=tabulate_frame(_group_handovers(record.about.get("handovers", []))),
        paths=tabulate_frame(pd.DataFrame(record.about.get("paths", []))),
        pairs=tabulate_frame(pd.DataFrame(record.about.get("pairs", []))),
        filling={
            place: tabulate_frame(pd.DataFrame(one["by distance"]))
            for place, one in record.about["filling"].items()
        },
        years={place: tabulate_frame(_count_years(table)) for place, table in places.items()},
        flags=[(int(flag), flag.name.lower(), MEANINGS[flag.name.lower()]) for flag in Flag],
        files=_list_files(folder),
        pages=None,
    )
    path = folder / PAGE
    write_text(path, text)
    return path


def summarise(record: Record) -> str:
    """Return what the record is in two sentences, made from its numbers."""
    days = record["fleet", "daily"]
    filled, missing = days["imputed"].sum(), days["value"].isna().sum()
    names = days["source"].dropna().unique()
    text = (
        f"{len(days):,} days from {days.index[0]:%Y-%m-%d} to {days.index[-1]:%Y-%m-%d}, measured "
        f"by {len(names)} series, of which {filled:,} days ({filled / len(days):.1%}) are filled, "
        f"wholly or in part, and {missing:,} are missing."
    )
    reference = record.about.get("reference")
    if reference:
        return f"{text} All that can be linked is on the scale of {reference}."
    return f"{text} No two series overlap: each is on its own scale."


def list_warnings(record: Record) -> list[str]:
    """Return where not to trust the record, each line made from its numbers."""
    about, lines = record.about, []
    if about["synthetic"]:
        lines.append("The data are simulated.")
    days = record["fleet", "daily"]
    own = days["source"][(days["flags"] & int(Flag.UNCALIBRATED)) > 0].dropna().unique()
    if len(own):
        lines.append(
            f"{', '.join(sorted(own))}: on the detector's own scale, as no overlap links it to the "
            "reference."
        )
    for pair in about.get("pairs", []):
        if not pair["better"]:
            lines.append(
                f"{pair['other']} and {pair['reference']} differ by {pair['RMSE after']:.3f} "
                f"decades after calibration and by {pair['RMSE before']:.3f} before."
            )
    steps = _group_handovers(about.get("handovers", []))
    for row in steps.to_dict("records"):
        name = f"{row['before']} to {row['after']}"
        if pd.isna(row["step after"]):
            lines.append(f"Handover {name}: no common days nearby, so its step is not known.")
        elif abs(row["step after"]) > STEP:
            lines.append(f"Handover {name}: a step of {row['step after']:+.3f} decades is left.")
    bounds = [n for n, text in about["compared with"].items() if "another position" in text]
    if bounds:
        lines.append(
            f"{', '.join(bounds)}: no other satellite at its position, so that intervals of "
            "measured values are an upper bound."
        )
    alone = sorted(set(days["source"].dropna()) - set(about["compared with"]))
    if alone:
        lines.append(f"{', '.join(alone)}: nothing to compare with, so measured values have none.")
    for place, reason in about["not filled"].items():
        lines.append(f"Gaps of {place} are not filled: {reason.rstrip('.')}.")
    for place in record.places:
        table = record[place, "daily"]
        share = table["imputed"].groupby(table.index.year).mean()
        much = [f"{year} ({value:.0%})" for year, value in share.items() if value > MUCH_FILLED]
        if much:
            lines.append(f"{place}: years of which many days are filled: {', '.join(much)}.")
        runs = find_runs((table["imputed"] | table["value"].isna()).to_numpy())
        long = sorted(((end - start, start) for start, end in runs), reverse=True)
        long = [(n, start) for n, start in long if n >= LONG_GAP]
        if long:
            text = ", ".join(f"{table.index[start]:%Y-%m-%d} ({n} days)" for n, start in long[:5])
            lines.append(
                f"{place}: gaps of {LONG_GAP} days or more: {len(long)}, the longest from {text}."
            )
        hours = record.tables.get((place, "hourly"), table)
        beyond = ((hours["flags"] & int(Flag.EXTRAPOLATED)) > 0).mean()
        if beyond > FEW:
            lines.append(
                f"{place}: {beyond:.1%} of the samples are outside the range in which their "
                "calibration was fitted."
            )
    return lines


def _group_handovers(handovers: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a row for each change from one series to another: how often, and the median step."""
    columns = ["before", "after", "changes", "common days", "step before", "step after"]
    if not handovers:
        return pd.DataFrame(columns=columns)
    table = pd.DataFrame(handovers)
    table[["step before", "step after"]] = table[["step before", "step after"]].astype(float)
    groups = table.groupby(["before", "after"], sort=False)
    found = groups[["step before", "step after"]].median()
    found.insert(0, "common days", groups["n"].median().astype(int))
    found.insert(0, "changes", groups.size())
    return found.reset_index()[columns]


def _count_years(table: pd.DataFrame) -> pd.DataFrame:
    """Return by year: days, and the percentages measured, filled, missing and flagged."""
    groups = table.index.year
    doubtful = (table["flags"] & int(sum(Quality))) > 0
    parts = {
        "measured (%)": table["value"].notna() & ~table["imputed"],
        "filled (%)": table["imputed"],
        "missing (%)": table["value"].isna(),
        "a doubtful sample (%)": doubtful,
    }
    shares = {name: 100 * part.groupby(groups).mean() for name, part in parts.items()}
    years = pd.DataFrame({"days": table["value"].groupby(groups).size(), **shares})
    return years.rename_axis("year").reset_index().astype({"year": str})


def tabulate_frame(table: pd.DataFrame) -> dict | None:
    """Return a frame as a table for a template, None if it is empty."""
    if table.empty:
        return None
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return tabulate_records(records)


def _draw_days(days: pd.DataFrame, *, synthetic: bool) -> str:
    figure, ax = plt.subplots(figsize=(11, 4))
    plot_record_days(days, ax=ax)
    kind = "simulated" if synthetic else "observed"
    filled = days["imputed"].mean()
    ax.set_title(f"Daily fluence of the fleet ({kind}): {filled:.1%} of days are filled")
    return embed_figure(figure)


def _draw_sources(places: dict[str, pd.DataFrame]) -> str:
    figure, ax = plt.subplots(figsize=(11, 1.2 + 0.7 * len(places)))
    plot_record_sources(places, ax=ax)
    ax.set_title("Which satellite each day comes from")
    return embed_figure(figure)


def embed_figure(figure: Figure) -> str:
    """Return a figure as an address that holds it, so that the page is one file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _list_files(folder: Path) -> list[dict[str, Any]]:
    paths = [path for path in sorted(folder.iterdir()) if path.name != PAGE]
    return [
        {
            "name": path.name,
            "MB": path.stat().st_size / 1e6,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in paths
    ]
