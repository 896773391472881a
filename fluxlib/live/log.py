"""Forecasts as they were issued, in parts that are never written again, and how good they were."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fluxlib.evaluation.bootstrap import block_intervals
from fluxlib.live.bundle import Bundle
from fluxlib.live.inputs import LiveInputs
from fluxlib.prediction.contract import BOUNDS
from fluxlib.prediction.hours import sum_hours
from fluxlib.utils.files import atomic_path

RIVALS = ("persistence", "recurrence")
ENOUGH = 30  # days: fewer give no interval of a skill
SILENCE = "no call saw this day as the last whole one: none was made, or nothing new had arrived."
COLUMNS = ["issued", "horizon", "value", *BOUNDS, "alert", *RIVALS, "refm", "note"]
ROLLING_COLUMNS = ["issued", "lead", "value", *BOUNDS, "alert", *RIVALS, "note", "series"]


@dataclass(frozen=True)
class ForecastLog:
    """A folder of Parquet parts, one an issue, of which none is ever written again."""

    folder: Path

    def append(self, table: pd.DataFrame, bundle: Bundle, inputs: LiveInputs) -> Path:
        """Keep an issue, unless the same one is there: its day, its inputs and its forecaster."""
        return self._append(f"{inputs.issue_day:%Y-%m-%d}", table, bundle, inputs)

    def append_rolling(self, table: pd.DataFrame, bundle: Bundle, inputs: LiveInputs) -> Path:
        """Keep an issue of `issue_rolling`, unless the same one is there."""
        return self._append(f"rolling-{inputs.newest:%Y-%m-%dT%H}", table, bundle, inputs)

    def _append(self, name: str, table: pd.DataFrame, bundle: Bundle, inputs: LiveInputs) -> Path:
        key = hashlib.sha256(f"{inputs.key} {bundle.about['key']}".encode()).hexdigest()[:12]
        # The number tells which issue of a day, or of an hour, was the first.
        there = sorted(self.folder.glob(f"{name}_[0-9]*-*.parquet"))
        for path in there:
            if path.stem.endswith(f"-{key}"):
                return path
        path = self.folder / f"{name}_{len(there):04d}-{key}.parquet"
        ages = ", ".join(f"{name} {age}" for name, age in inputs.ages.items())
        more = {"newest": inputs.newest, "ages": ages, "inputs": inputs.key}
        with atomic_path(path) as temporary:
            table.assign(**more, model=bundle.about["key"]).to_parquet(temporary)
        return path

    def note(self, day: pd.Timestamp, reason: str) -> Path:
        """Keep the reason why a day has no forecast, once."""
        key = hashlib.sha256(reason.encode()).hexdigest()[:12]
        path = self.folder / f"{day:%Y-%m-%d}_none-{key}.parquet"
        if not path.exists():
            table = pd.DataFrame({"issued": [day], "note": [reason]}, [day])
            with atomic_path(path) as temporary:
                table.rename_axis("time").to_parquet(temporary)
        return path

    def note_silence(self, day: pd.Timestamp) -> None:
        """Keep that no call saw the days between the last one in the log and a day."""
        known = {path.name[:10] for path in self.folder.glob("[0-9]*.parquet")}
        if known:
            for silent in pd.date_range(max(known), day, freq="D", inclusive="neither"):
                self.note(silent, SILENCE)

    def read(self) -> pd.DataFrame:
        """Return all forecasts; of a day that was issued more than once, the first.

        Parts that are damaged are left out; `damaged` in the frame's `attrs` names them.
        """
        return self._read("[0-9]*.parquet", COLUMNS, "horizon")

    def read_rolling(self) -> pd.DataFrame:
        """Return all forecasts of `issue_rolling`, as `read` does."""
        return self._read("rolling-*.parquet", ROLLING_COLUMNS, "lead")

    def _read(self, pattern: str, columns: list[str], ahead: str) -> pd.DataFrame:
        parts, damaged, issued = [], [], set()
        for path in sorted(self.folder.glob(pattern)):
            name, _, number = path.name.rpartition("_")
            if number.startswith("none-") or name in issued:
                continue
            try:
                parts.append(pq.ParquetFile(path).read())
                issued.add(name)
            except Exception:
                damaged.append(path.name)
        if not parts:
            table = pd.DataFrame(columns=columns, index=pd.DatetimeIndex([], name="time"))
        else:
            # Joined before they are made a frame, as a year of hourly calls has thousands.
            table = pa.concat_tables(parts, promote_options="permissive").to_pandas()
            table = table.sort_values(["issued", ahead], kind="stable")
        table.attrs["damaged"] = damaged
        return table

    def read_reasons(self) -> pd.Series:
        """Return why days have no forecast, by day."""
        parts = [pd.read_parquet(path) for path in sorted(self.folder.glob("*_none-*.parquet"))]
        return pd.concat(parts)["note"] if parts else pd.Series(dtype=object)


def score_log(log: pd.DataFrame, fluence: pd.Series) -> pd.DataFrame:
    """Score issued forecasts by the fluence that was observed since.

    Parameters
    ----------
    log : DataFrame
        Of `ForecastLog.read`.
    fluence : Series
        Daily, e/(cm2 day sr).

    Returns
    -------
    DataFrame
        By `horizon` and `against` (persistence, recurrence, refm): `n` forecasts of both, `RMSE` of
        ours and of the other (decades), the share of the mean squared error that ours avoids,
        `skill`, with its 95 % interval `lower`, `upper` from blocks of time (thirty days or more),
        and `coverage` of the 90 % interval.
    """
    observed = fluence.reindex(log.index).to_numpy()
    return _score(log.assign(observed=observed), "horizon", (*RIVALS, "refm"))


def score_rolling(log: pd.DataFrame, flux: pd.DataFrame) -> pd.DataFrame:
    """Score issued forecasts of 24 hours by the flux that was observed since.

    Parameters
    ----------
    log : DataFrame
        Of `ForecastLog.read_rolling`.
    flux : DataFrame
        Hourly, e/(cm2 s sr), a column for each satellite.

    Returns
    -------
    DataFrame
        As `score_log` returns, by `lead`, hours, and `against` (persistence, recurrence).
    """
    observed = pd.Series(np.nan, range(len(log)))
    for name in set(log["series"]) & set(flux):
        rows = (log["series"] == name).to_numpy()
        observed[rows] = sum_hours(flux[name]).reindex(log.index[rows]).to_numpy()
    return _score(log.assign(observed=observed.to_numpy()), "lead", RIVALS)


def _score(table: pd.DataFrame, ahead: str, rivals: Sequence[str]) -> pd.DataFrame:
    table = table[table["observed"].notna() & table["value"].notna()]
    rows = []
    for number, part in table.groupby(ahead):
        truth = np.log10(part["observed"])
        inside = part["observed"].between(part["lower"], part["upper"])
        for name in rivals:
            known = part[name].notna()
            if not known.any():
                continue
            ours = (np.log10(part["value"]) - truth)[known] ** 2
            other = (np.log10(part[name].astype(float)) - truth)[known] ** 2
            row = {
                ahead: int(number),
                "against": name,
                "n": int(known.sum()),
                "RMSE": np.sqrt(ours.mean()),
                "RMSE of it": np.sqrt(other.mean()),
                "skill": 1 - ours.mean() / other.mean() if other.mean() > 0 else np.nan,
                "coverage": inside[known].mean(),
            }
            if ours.index.normalize().nunique() >= ENOUGH:
                row |= _bound_skill(ours, other)
            rows.append(row)
    columns = [ahead, "against", "n", "RMSE", "RMSE of it", "skill", "lower", "upper"]
    return pd.DataFrame(rows, columns=[*columns, "coverage"])


def _bound_skill(ours: pd.Series, other: pd.Series) -> dict[str, float]:
    _, lower, upper = block_intervals(
        lambda weights: 1 - weights @ ours.to_numpy() / (weights @ other.to_numpy()), ours.index
    )
    return {"lower": float(lower), "upper": float(upper)}
