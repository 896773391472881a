"""Numbers, durations and tables as people read them."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bs4 import Tag

_NUMBER = re.compile(
    r"\s*([-+]?[\d.,\s]*\d[\d.,]*(e[-+]?\d+)?\s*%?|–|-?inf|\.\.\.|)\s*",  # noqa: RUF001
    re.I,
)


def format_seconds(seconds: float) -> str:
    """Return a duration in words: ``0.4 s``, ``12 s``, ``3 min 05 s``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def format_value(value: Any, decimals: int | None = None) -> str:
    """Return a value of a result as text: numbers with three or four digits, null as a dash.

    Parameters
    ----------
    value
        Anything that JSON can hold.
    decimals
        Digits after the point of every float, for columns that should line up.
    """
    if value is None:
        return "–"  # noqa: RUF001 - a dash is what a table wants
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value) if abs(value) < 10_000 else f"{value:,}"
    if isinstance(value, float):
        if decimals is not None:
            return f"{value:.{decimals}f}"
        if value != 0 and not 1e-3 <= abs(value) < 1e6:
            return f"{value:.3g}"
        return f"{value:,.{count_decimals([value])}f}"
    if isinstance(value, list):
        return ", ".join(format_value(item) for item in value)
    return str(value)


def count_decimals(values: Iterable[float]) -> int | None:
    """Return how many decimals show the largest value to three digits; None if it is extreme."""
    largest = max((abs(value) for value in values), default=0)
    if largest == 0:
        return 0
    if not 1e-3 <= largest < 1e6:
        return None
    return min(4, max(0, 2 - math.floor(math.log10(largest))) or 0)


def tabulate_records(records: Sequence[Mapping[str, Any]]) -> dict:
    """Return records as a table for a template.

    Returns
    -------
    dict
        ``columns``: name and whether it is numeric; ``rows``: lists of text. A column's floats
        have the same number of decimals.
    """
    names = list(dict.fromkeys(name for record in records for name in record))
    columns, texts = [], []
    for name in names:
        values = [record.get(name) for record in records]
        decimals = count_decimals(v for v in values if isinstance(v, float))
        texts.append([format_value(value, decimals) for value in values])
        is_number = all(v is None or isinstance(v, int | float) for v in values)
        columns.append({"name": name, "number": is_number})
    return {"columns": columns, "rows": [list(row) for row in zip(*texts, strict=True)]}


def align_columns(html: str) -> str:
    """Mark text columns of pandas' HTML tables with ``class="text"``, and make one header row.

    Cells of up to 20 characters are ``short`` as well, to be kept on one line. What is missing
    is a dash.
    Without a mark a style sheet can only align all columns alike. Tables with merged cells are
    not marked.
    """
    from bs4 import BeautifulSoup  # only where there are tables, in notebooks and reports

    soup = BeautifulSoup(html, "html.parser")
    for style in soup("style", scoped=True):
        style.decompose()
    for table in soup("table"):
        table.attrs.pop("border", None)
        for row in table("tr", style="text-align: right;"):
            del row["style"]
        for cell in table("td"):
            if cell.string in ("NaN", "NaT", "None", "<NA>"):
                cell.string = "–"  # noqa: RUF001
        has_spans = table.find(lambda cell: cell.has_attr("colspan") or cell.has_attr("rowspan"))
        if not table.select("thead [colspan], thead [rowspan]"):
            _merge_headers(table)
        for cell in table("th"):
            if not cell.contents:
                cell.name = "td"  # an empty header heads nothing
        if not has_spans:
            _mark_text(table)
    return str(soup)


def _merge_headers(table: "Tag") -> None:
    """Make one row of two: pandas puts the index's names on a header row of their own."""
    rows = [row("th") for row in table.select("thead > tr")]
    if len(rows) == 2 and all(
        not one.contents or not two.contents for one, two in zip(*rows, strict=False)
    ):
        for one, two in zip(*rows, strict=True):
            if two.contents:
                one.replace_with(two.extract())
        table.select("thead > tr")[1].decompose()


def _mark_text(table: "Tag") -> None:
    rows = [row(["td", "th"]) for row in table("tr")]
    text_columns = {
        column
        for row in rows
        for column, cell in enumerate(row)
        if cell.name == "td" and not _NUMBER.fullmatch(cell.get_text())
    }
    for row in rows:
        for column, cell in enumerate(row):
            if column in text_columns:
                # Dates and names stay on one line.
                cell["class"] = "text short" if len(cell.get_text()) <= 20 else "text"
