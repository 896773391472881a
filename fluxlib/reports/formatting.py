"""Numbers, durations and tables as people read them."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

_NUMBER = re.compile(
    r"\s*([-+]?[\d.,\s]*\d[\d.,]*(e[-+]?\d+)?\s*%?|nan|nat|none|-?inf|\.\.\.|)\s*", re.I
)
_CELL = re.compile(r"<(t[dh])\b[^>]*>(.*?)</\1>", re.S)
#: pandas puts the index's names on a header row of their own.
_NAMED_INDEX = re.compile(
    r"<tr[^>]*>(?:\s*<th></th>)+((?:\s*<th>[^<]+</th>)+)\s*</tr>\s*"
    r"<tr[^>]*>((?:\s*<th>[^<]+</th>)+)(?:\s*<th></th>)*\s*</tr>"
)
# How Abseil, which TensorFlow logs with, begins a line; its first line says that more follow.
_LIBRARY_LOG = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]\d{4} \d\d:\d\d:|To enable the follow).*",
    re.M,
)
_ROW = re.compile(r"<tr\b[^>]*>(.*?)</tr>", re.S)


def drop_library_log(text: str) -> str:
    """Return what a notebook wrote to stderr without the log lines of C++ libraries."""
    return _LIBRARY_LOG.sub("", text).strip()


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


def tabulate_records(records: list[Mapping[str, Any]]) -> dict:
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

    Cells of up to 20 characters are ``short`` as well, to be kept on one line.
    Without a mark a style sheet can only align all columns alike. Tables with merged cells are
    left as they are.
    """
    html = re.sub(r"<style scoped>.*?</style>", "", html, flags=re.S)
    html = html.replace(' border="1"', "").replace(' style="text-align: right;"', "")
    html = _NAMED_INDEX.sub(r"<tr>\2\1</tr>", html)
    html = html.replace("<th></th>", "<td></td>")  # a header of nothing is none
    if "colspan" in html or "rowspan" in html:
        return html
    return re.sub(r"<table\b.*?</table>", lambda match: _align_table(match[0]), html, flags=re.S)


def _align_table(table: str) -> str:
    rows = [_CELL.findall(row) for row in _ROW.findall(table)]
    width = max((len(row) for row in rows), default=0)
    is_text = [
        any(tag == "td" and not _NUMBER.fullmatch(text) for tag, text in _take(rows, column))
        for column in range(width)
    ]

    def mark(row: re.Match) -> str:
        columns = iter(range(width))
        return _CELL.sub(
            lambda cell: (
                cell[0].replace(f"<{cell[1]}", f'<{cell[1]} class="{_choose_class(cell[2])}"', 1)
                if is_text[next(columns)]
                else cell[0]
            ),
            row[0],
        )

    return _ROW.sub(mark, table)


def _choose_class(text: str) -> str:
    return "text short" if len(text) <= 20 else "text"  # dates and names stay on one line


def _take(rows: list, column: int) -> list:
    return [row[column] for row in rows if column < len(row)]
