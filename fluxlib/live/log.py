"""Forecasts as they were issued, in parts that are never written again, and how good they were."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError
from fluxlib.evaluation.bootstrap import block_intervals
from fluxlib.live.bundle import Bundle
from fluxlib.live.inputs import LiveInputs
from fluxlib.prediction.baselines import Persistence, Recurrence
from fluxlib.prediction.windows import DailyData
from fluxlib.utils.files import atomic_path

MODELS = {"persistence": Persistence, "recurrence": Recurrence}
OLDEST = pd.Timedelta("7D")  # a last known fluence that is older says nothing: no forecast
ENOUGH = 30  # issues: fewer give no interval of a skill
COLUMNS = [
    "issued",
    "horizon",
    "value",
    "lower",
    "upper",
    "lower_50",
    "upper_50",
    "alert",
    *MODELS,
    "refm",
    "note",
]


def issue_forecast(bundle: Bundle, inputs: LiveInputs) -> pd.DataFrame:
    """Forecast the days after the issue day.

    Returns
    -------
    DataFrame
        Index `time`, the day; `issued`; `horizon`; `value`, with `lower` and `upper` (90 %),
        `lower_50` and `upper_50`, fluence in e/(cm2 day sr); `alert`, the probability of the
        alert level; `persistence`, `recurrence` and `refm`, what they say; `note`.

    Raises
    ------
    FluxError
        If the last known fluence is older than a week.
    """
    day, forecaster = inputs.issue_day, bundle.forecaster
    data = _add_absent(inputs.data, forecaster.drivers)
    last = data.fluence["e2"].last_valid_index()
    if last is None or day - last > OLDEST:
        raise FluxError(
            f"the last known fluence is of {last:%Y-%m-%d}, more than {OLDEST.days} days before "
            f"{day:%Y-%m-%d}: no forecast is made from it."
        )
    table = forecaster.predict(data, [day])
    for name, model in MODELS.items():
        try:
            table[name] = model(horizons=forecaster.horizons).predict(data, [day])["value"]
        except FluxError:  # less than a rotation of history
            table[name] = np.nan
    table["refm"] = inputs.refm.reindex(table.index)
    notes = "; ".join(inputs.notes)
    table["note"] = [("; ".join(filter(None, (own, notes)))) for own in table["note"]]
    return table[COLUMNS]


def _add_absent(data: DailyData, drivers: Sequence[str]) -> DailyData:
    """Return the data with the drivers that it lacks as missing, which widens the intervals."""
    absent = [name for name in drivers if name not in data.drivers and name != "Bs"]
    hours = data.drivers
    if hours.empty:
        hours = pd.DataFrame(index=data.fluence.index)
    return DailyData(data.fluence, hours.assign(**dict.fromkeys(absent, np.nan)))


@dataclass(frozen=True)
class ForecastLog:
    """A folder of Parquet parts, one an issue, of which none is ever written again."""

    folder: Path

    def append(self, table: pd.DataFrame, bundle: Bundle, inputs: LiveInputs) -> Path:
        """Keep an issue, unless the same one is there: its day, its inputs and its forecaster."""
        key = hashlib.sha256(f"{inputs.key} {bundle.about['key']}".encode()).hexdigest()[:12]
        path = self.folder / f"{inputs.issue_day:%Y-%m-%d}_{key}.parquet"
        if not path.exists():
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

    def read(self) -> pd.DataFrame:
        """Return all forecasts; of a day that was issued more than once, the first.

        Parts that are damaged are left out; `damaged` in the frame's `attrs` names them.
        """
        parts, damaged = [], []
        for path in sorted(self.folder.glob("[0-9]*.parquet")):
            if "_none-" in path.name:
                continue
            try:
                parts.append(pd.read_parquet(path))
            except Exception:
                damaged.append(path.name)
        if not parts:
            table = pd.DataFrame(columns=COLUMNS, index=pd.DatetimeIndex([], name="time"))
        else:
            table = pd.concat(parts).sort_values(["issued", "newest", "horizon"], kind="stable")
            table = table[~table.set_index("horizon", append=True).index.duplicated()]
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
        By `horizon` and `against` (persistence, recurrence, refm): `n` days that both forecast,
        `RMSE` of ours and of the other (decades), the share of the mean squared error that ours
        avoids, `skill`, with its 95 % interval `lower`, `upper` from blocks of time (thirty issues
        or more), and `coverage` of the 90 % interval.
    """
    table = log.assign(observed=fluence.reindex(log.index).to_numpy())
    table = table[table["observed"].notna() & table["value"].notna()]
    rows = []
    for horizon, part in table.groupby("horizon"):
        truth = np.log10(part["observed"])
        inside = part["observed"].between(part["lower"], part["upper"])
        for name in (*MODELS, "refm"):
            known = part[name].notna()
            if not known.any():
                continue
            ours = (np.log10(part["value"]) - truth)[known] ** 2
            other = (np.log10(part[name].astype(float)) - truth)[known] ** 2
            row = {
                "horizon": int(horizon),
                "against": name,
                "n": int(known.sum()),
                "RMSE": np.sqrt(ours.mean()),
                "RMSE of it": np.sqrt(other.mean()),
                "skill": 1 - ours.mean() / other.mean() if other.mean() > 0 else np.nan,
                "coverage": inside[known].mean(),
            }
            if row["n"] >= ENOUGH:
                row |= _bound_skill(ours, other)
            rows.append(row)
    columns = ["horizon", "against", "n", "RMSE", "RMSE of it", "skill", "lower", "upper"]
    return pd.DataFrame(rows, columns=[*columns, "coverage"])


def _bound_skill(ours: pd.Series, other: pd.Series) -> dict[str, float]:
    _, lower, upper = block_intervals(
        lambda weights: 1 - weights @ ours.to_numpy() / (weights @ other.to_numpy()), ours.index
    )
    return {"lower": float(lower), "upper": float(upper)}
