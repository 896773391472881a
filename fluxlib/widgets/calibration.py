"""Controls of notebook 02: a pair, its line or lines, and a breakpoint set by hand."""

import itertools
from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fluxlib.calibration.latent_flux import search_breaks
from fluxlib.calibration.manual import (
    KINDS,
    Comparison,
    choose_line,
    compare_lines,
    find_pair,
    name_pair,
)
from fluxlib.calibration.model import Calibration
from fluxlib.plotting import calibration as plots_calibration
from fluxlib.widgets.answers import Answer
from fluxlib.widgets.panel import Panel, choose, choose_along

_STEP = 0.05  # decades between breakpoints


def explore_calibration(
    fluence: Mapping[str, pd.Series],
    pairs: Mapping[tuple[str, str], Calibration],
    *,
    pair: str = "auto",
    kind: str = "auto",
    breakpoint: float = 0.0,
    random_state: int = 0,
) -> Panel:
    """Show a pair of series with the calibration fitted, and one by hand.

    Parameters
    ----------
    fluence : mapping of str to Series
        log10 daily fluence.
    pairs : mapping of (onto, of) to Calibration
        See `overlaps.fit_overlaps`.
    pair, kind, breakpoint
        Where the controls begin: see `byhand.find_pair`, `choose_line`, `compare_lines`.
    random_state : int
        Seed of the bootstrap.
    """

    @cache
    def fit(onto: str, of: str, kind: str) -> Calibration:
        known = pairs[onto, of]
        return choose_line(fluence[onto], fluence[of], kind, known, random_state=random_state)

    def answer(pair: str, kind: str, breakpoint: float) -> Answer:
        onto, of = find_pair(pair, pairs)
        return show_calibration(
            compare_lines(fluence[onto], fluence[of], fit(onto, of, kind), breakpoint)
        )

    # The kinds that notebook 02 has not fitted, too: a control that is moved must not wait.
    for (onto, of), one in itertools.product(pairs, KINDS):
        fit(onto, of, one)

    def read_pair(pair: str) -> str:
        return name_pair(*find_pair(pair, pairs))

    named = {
        "pair": choose("pair", [name_pair(*one) for one in pairs], read_pair(pair)),
        "kind": choose("kind", KINDS, kind),
        "breakpoint": choose_along(
            "breakpoint", _list_breaks(fluence[find_pair(pair, pairs)[1]], breakpoint), breakpoint
        ),
    }

    def follow_pair(change):
        named["breakpoint"].options = _list_breaks(fluence[find_pair(change["new"], pairs)[1]])

    named["pair"].observe(follow_pair, "value")  # before the panel looks
    return Panel(answer, named, step="02_calibration", readings={"pair": read_pair})


def show_calibration(found: Comparison) -> Answer:
    """Return the picture of a pair with its lines, and how far days lie from them."""
    of, onto = found.other.name, found.reference.name
    lines = {f"{name}, RMSE {found.rmse[name]:.3f}": line for name, line in found.lines.items()}
    note = f"{of} onto {onto}, {len(found.other)} days. " + "; ".join(
        f"{name}: {_describe(line)}, RMSE {found.rmse[name]:.4f} decades"
        for name, line in found.lines.items()
    )
    figure = Figure(figsize=(7, 5.5))
    plots_calibration.plot_calibration(
        found.reference, found.other, lines, unit="fluence", ax=figure.subplots()
    )
    return Answer(
        f"{note}.", figure, alt=f"Days of both satellites against each other, with lines. {note}."
    )


def _describe(line: Calibration) -> str:
    values = line.coefficients["value"]
    if line.breakpoint is None:
        return f"slope {values['slope']:.3f}"
    return (
        f"slope {values['slope']:.3f} below {line.breakpoint:.2f}, "
        f"{values['slope_above']:.3f} above"
    )


def _list_breaks(other: pd.Series, given: float = 0.0) -> list[tuple[str, float]]:
    """Return the levels with days on either side, the given one, and 0 for the fitted one."""
    first, last = search_breaks(other.dropna()) / _STEP
    levels = [round(_STEP * k, 2) for k in np.arange(np.ceil(first), np.floor(last) + 1)]
    levels = sorted({*levels, given} - {0.0})
    return [("as fitted", 0.0), *((f"{level:.2f}", level) for level in levels)]
