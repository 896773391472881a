"""Controls of notebook 02: a pair of series, its calibration, and a breakpoint set by hand."""

import itertools
from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fluxlib.calibration.diagnostics import (
    LINE_KINDS,
    Comparison,
    calibration_of_kind,
    compare_lines,
)
from fluxlib.calibration.latent_flux import breakpoint_range
from fluxlib.calibration.model import Calibration
from fluxlib.calibration.pairs import find_pair, name_pair
from fluxlib.datasets.series import Pair
from fluxlib.plotting.calibration import plot_calibration
from fluxlib.widgets.controls import dropdown, option_slider
from fluxlib.widgets.panel import ControlPanel, View

_BREAKPOINT_STEP = 0.05  # decades


def explore_calibration(
    fluence: Mapping[str, pd.Series],
    pairs: Mapping[Pair, Calibration],
    *,
    pair: str = "auto",
    kind: str = "auto",
    breakpoint: float = 0.0,
    random_state: int = 0,
) -> ControlPanel:
    """Return controls that show a pair with its fitted calibration and one set by hand.

    Parameters
    ----------
    fluence : mapping of str to Series
        log10 daily fluence by series.
    pairs : mapping of (reference, other) to Calibration
        See `fluxlib.calibration.pairs.fit_pairs`.
    pair, kind, breakpoint
        First values of the controls: see `find_pair`, `calibration_of_kind` and `compare_lines` in
        `fluxlib.calibration`.
    random_state : int
        Seed of the bootstrap.
    """

    @cache
    def fit(reference: str, other: str, kind: str) -> Calibration:
        known = pairs[Pair(reference, other)]
        return calibration_of_kind(
            fluence[reference], fluence[other], kind, known, random_state=random_state
        )

    def make_view(pair: str, kind: str, breakpoint: float) -> View:
        reference, other = find_pair(pair, pairs)
        line = fit(reference, other, kind)
        return _calibration_view(
            compare_lines(fluence[reference], fluence[other], line, breakpoint or None)
        )

    # Also the kinds that notebook 02 has not fitted, so that no control has to wait for a fit.
    for (reference, other), one in itertools.product(pairs, LINE_KINDS):
        fit(reference, other, one)

    def parse_pair(name: str) -> str:
        return name_pair(*find_pair(name, pairs))

    def list_levels(pair: str, given: float = 0.0) -> list[tuple[str, float]]:
        return _list_breakpoints(fluence[find_pair(pair, pairs)[1]], given)

    controls = {
        "pair": dropdown("pair", [name_pair(*names) for names in pairs], parse_pair(pair)),
        "kind": dropdown("kind", LINE_KINDS, kind),
        "breakpoint": option_slider("breakpoint", list_levels(pair, breakpoint), breakpoint),
    }

    def follow_pair(change):
        controls["breakpoint"].options = list_levels(change["new"])

    controls["pair"].observe(follow_pair, "value")  # before the panel reads the breakpoint
    return ControlPanel(
        make_view, controls, notebook="02_calibration", parsers={"pair": parse_pair}
    )


def _calibration_view(comparison: Comparison) -> View:
    """Return the figure of a pair with its calibrations, and the scatter about each of them."""
    rmse = comparison.rmse
    note = (
        f"{comparison.other.name} onto {comparison.reference.name}, {len(comparison.other)} days. "
        + "; ".join(
            f"{name}: {_describe(line)}, RMSE {rmse[name]:.4f} decades"
            for name, line in comparison.lines.items()
        )
        + "."
    )
    labelled = {f"{name}, RMSE {rmse[name]:.3f}": line for name, line in comparison.lines.items()}
    figure = Figure(figsize=(7, 5.5))
    plot_calibration(comparison.reference, comparison.other, labelled, ax=figure.subplots())
    alt = f"Days of both satellites against each other, with calibration lines. {note}"
    return View(note, figure, alt=alt)


def _list_breakpoints(other: pd.Series, given: float = 0.0) -> list[tuple[str, float]]:
    """Return labelled levels with days on either side, the given one, and 0 for the fitted one."""
    first, last = breakpoint_range(other.dropna()) / _BREAKPOINT_STEP
    steps = np.arange(np.ceil(first), np.floor(last) + 1)
    levels = {round(_BREAKPOINT_STEP * step, 2) for step in steps} | {given}
    return [("as fitted", 0.0), *((f"{level:.2f}", level) for level in sorted(levels - {0.0}))]


def _describe(line: Calibration) -> str:
    values = line.coefficients["value"]
    if line.breakpoint is None:
        return f"slope {values['slope']:.3f}"
    return (
        f"slope {values['slope']:.3f} below {line.breakpoint:.2f}, "
        f"{values['slope_above']:.3f} above"
    )
