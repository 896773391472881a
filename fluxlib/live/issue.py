"""What a call does: fetch, read, forecast, keep the forecast, and score all earlier ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib.archives.download import RetryPolicy
from fluxlib.errors import FluxError
from fluxlib.live.bundle import Bundle
from fluxlib.live.inputs import LiveInputs, fetch_newest, read_inputs
from fluxlib.live.log import (
    COLUMNS,
    ROLLING_COLUMNS,
    ForecastLog,
    score_log,
    score_rolling,
)
from fluxlib.prediction.baselines import Persistence, Recurrence
from fluxlib.prediction.hours import OLDEST_HOURS
from fluxlib.prediction.windows import DailyData

MODELS = {"persistence": Persistence, "recurrence": Recurrence}
OLDEST = pd.Timedelta("7D")  # a last known fluence that is older says nothing: no forecast


@dataclass
class Issue:
    """What a call found and forecast.

    Attributes
    ----------
    inputs : LiveInputs
    table : DataFrame or None
        Of `issue_forecast`; None where there is none, for a `reason`.
    reason : str
    rolling : DataFrame or None
        Of `issue_rolling`; None where there is none, for a `rolling_reason`.
    rolling_reason : str
    scores, rolling_scores : DataFrame
        Of all issues so far: see `score_log` and `score_rolling`.
    days : int
        How many days have been issued so far.
    """

    inputs: LiveInputs
    table: pd.DataFrame | None
    reason: str
    rolling: pd.DataFrame | None
    rolling_reason: str
    scores: pd.DataFrame
    rolling_scores: pd.DataFrame
    days: int


def issue_newest(
    bundle: Bundle,
    folder: str | Path,
    *,
    data: str | Path | None = None,
    bases: dict[str, str] | None = None,
    policy: RetryPolicy | None = None,
) -> Issue:
    """Forecast from the newest days, keep the forecast, and score the earlier ones.

    Two calls for one folder must not run at once.

    Parameters
    ----------
    bundle : Bundle
    folder : path
        For log, history, and the days that are fetched.
    data : path, optional
        A dataset with the newest days; by default they are fetched.
    bases, policy
        As `fetch_newest` takes.

    Raises
    ------
    FluxError
        If nothing can be read, and no earlier call could read anything.
    """
    folder = Path(folder)
    failed = []
    if data is None:
        data = folder / "data"
        failed = fetch_newest(data, bases=bases, policy=policy)
    inputs = read_inputs(data, folder / "history")
    inputs.notes += failed
    inputs.data = bundle.calibrate(inputs.data)
    log = ForecastLog(folder / "log")
    log.note_silence(inputs.issue_day)
    table, reason, rolling, rolling_reason = None, "", None, ""
    try:
        table = issue_forecast(bundle, inputs)
        log.append(table, bundle, inputs)
    except FluxError as error:
        reason = str(error)
        log.note(inputs.issue_day, reason)
    try:
        rolling = issue_rolling(bundle, inputs)
        log.append_rolling(rolling, bundle, inputs)
    except FluxError as error:
        rolling_reason = str(error)
    issued, hours = log.read(), log.read_rolling()
    damaged = [*issued.attrs["damaged"], *hours.attrs["damaged"]]
    inputs.notes += [f"{name} of the log is damaged." for name in damaged]
    return Issue(
        inputs,
        table,
        reason,
        rolling,
        rolling_reason,
        score_log(issued, inputs.data.fluence["e2"]),
        score_rolling(hours, inputs.flux),
        issued["issued"].nunique(),
    )


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
    if day - last > OLDEST:
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


def issue_rolling(bundle: Bundle, inputs: LiveInputs) -> pd.DataFrame:
    """Forecast the fluence of the 24 hours that end some hours after the newest sample.

    Returns
    -------
    DataFrame
        As `fluxlib.prediction.RollingForecaster.predict` returns, of the newest time; `series`, the
        satellite.

    Raises
    ------
    FluxError
        If the bundle's dataset had no hourly flux, or the flux is too old.
    """
    if bundle.rolling is None:
        raise FluxError("the forecaster's dataset had no hourly flux to learn hours ahead from.")
    if inputs.series.flux.empty:
        raise FluxError("there is no hourly flux.")
    drivers = _add_absent(DailyData(inputs.data.fluence, inputs.drivers), bundle.rolling.drivers)
    times = pd.DatetimeIndex([inputs.newest.floor("h")])
    table = bundle.rolling.predict(inputs.series, drivers.drivers, times)
    if table["value"].isna().any():
        raise FluxError(
            f"no 24 hours of flux are known in the {OLDEST_HOURS} h before {inputs.newest}: no "
            "forecast is made from older ones."
        )
    return table.assign(series=inputs.series.flux.name)[ROLLING_COLUMNS]
