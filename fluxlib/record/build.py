"""Make the reference record of a dataset."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

import fluxlib
from fluxlib.calibration.fleet import FleetCalibration, measure_joins, score_pairs
from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.series import log_fluence
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.record.filled import (
    Filling,
    fill_hours,
    fit_filling,
    make_pair,
    refine_hours,
    sum_days,
)
from fluxlib.record.measured import (
    ENOUGH_OF_DAY,
    Spread,
    choose_sources,
    join_sources,
    link_fleet,
    measure_spread,
    put_on_scale,
    scale_flux,
)
from fluxlib.record.series import COLUMNS, Flag, Record
from fluxlib.utils.time_grid import DAY, HOUR, find_cadence

FLEET = "fleet"


def make_record(
    dataset: Dataset,
    *,
    fine: Dataset | None = None,
    max_gap: str | pd.Timedelta | None = None,
    progress: Callable[[str], None] | None = None,
) -> Record:
    """Put all satellites on one scale, join them, and fill what is missing.

    For each position and for the fleet, each day comes from the first satellite in the order of
    the manifest's `daily` that has most of it. Its values are put on the reference's scale along
    the best path of calibrations (`fluxlib.calibration.calibrate_fleet`). Doubtful samples are
    taken as missing. Gaps are filled by the default imputer from the other position and the
    drivers, with 90 % intervals. A measured value's interval comes from how far satellites at one
    position differ, and from the calibrations on its path.

    The scale at each position is the reference's, so that a constant difference between positions
    is taken away with that between detectors: the two cannot be told apart.

    Parameters
    ----------
    dataset : Dataset
        Hourly.
    fine : Dataset, optional
        The same at a finer grid, for what is measured on one.
    max_gap : str or Timedelta, optional
        Longer gaps are left.
    progress : callable, optional
        Called with a line of text as work goes on.

    Raises
    ------
    FluxError
        If the dataset is not hourly, `max_gap` is no length of time, or no series has >2 MeV flux.
    """
    if dataset.cadence != HOUR:
        raise FluxError(f"the dataset's cadence is {dataset.cadence}; expected 1 h.")
    longest = _parse_gap(max_gap)
    tell = progress or (lambda line: None)
    manifest = dataset.manifest
    daily = log_fluence(dataset)
    names = [*dict.fromkeys([*manifest.daily, *daily])]
    order = [name for name in names if name in daily and daily[name].notna().any()]
    if not order:
        raise FluxError(f"dataset {dataset.name!r} has no series with >2 MeV flux.")
    tell("calibrating the fleet")
    fleet = link_fleet(dataset)
    position = {name: manifest.position(name) for name in order}
    places = {
        place: [name for name in order if position[name] == place] for place in ("east", "west")
    }
    places = {place: members for place, members in places.items() if members} or {FLEET: order}

    values, flags = scale_flux(dataset, fleet)
    spread = measure_spread(values, manifest, fleet, samples_a_day=24)
    scaled = {name: put_on_scale(fleet, name, daily[name], daily=True) for name in order}
    spread_of_days = measure_spread(scaled, manifest, fleet, samples_a_day=1)
    joined = {
        place: join_sources(values, flags, choose_sources(values, on_grid))
        for place, members in places.items()
        if (on_grid := [n for n in members if n in values and values[n].notna().any()])
    }
    joined = {place: _add_interval(table, spread) for place, table in joined.items()}
    fillings, reasons = _fit_fillings(dataset, joined, tell)
    hours = {
        place: fill_hours(fillings.get(place), table, longest) for place, table in joined.items()
    }
    days = {
        place: _make_days(
            {name: scaled[name] for name in members},
            spread_of_days,
            fleet,
            hours.get(place),
            fillings.get(place),
        )
        for place, members in places.items()
    }
    if FLEET not in places:
        days[FLEET] = _make_fleet_days(_make_days(scaled, spread_of_days, fleet), days)
        if hours:
            hours[FLEET] = _follow_days(hours, days[FLEET], position, order)
    tables = {}
    for cadence, found in (("hourly", hours), ("daily", days)):
        for place, table in found.items():
            tables[place, cadence] = _finish(table, fleet)
    if fine is not None:
        tell("the finer grid")
        finer = _make_fine(fine, fleet, places, hours)
        if finer and FLEET not in places:
            finer[FLEET] = _follow_days(finer, days[FLEET], position, order)
        for place, table in finer.items():
            tables[place, "5min"] = _finish(table, fleet)
    tables = {key: tables[key] for key in sorted(tables)}
    about = _describe(dataset, fleet, daily, scaled, days[FLEET]["source"], fillings, reasons)
    about["compared with"] = {n: one.compared_with for n, one in (spread | spread_of_days).items()}
    about["max_gap"] = None if longest is None else str(longest)
    return Record(tables, about)


def _parse_gap(max_gap) -> pd.Timedelta | None:
    if max_gap is None:
        return None
    try:
        longest = pd.Timedelta(max_gap)
    except ValueError:
        longest = pd.NaT
    if not longest > pd.Timedelta(0):
        raise FluxError(f"max_gap is {max_gap!r}; expected a length of time, such as '3D'.")
    return longest


def _add_interval(table: pd.DataFrame, spread: Mapping[str, Spread]) -> pd.DataFrame:
    """Add `lower` and `upper` of measured values; NaN where the source has no partner."""
    table = table.assign(lower=np.nan, upper=np.nan)
    for name, rows in table.groupby("source").groups.items():
        if name in spread:
            ends = spread[str(name)].add_to(table.loc[rows, "value"])
            table.loc[rows, ["lower", "upper"]] = ends
    return table


def _fit_fillings(
    dataset: Dataset, joined: Mapping[str, pd.DataFrame], tell: Callable[[str], None]
) -> tuple[dict[str, Filling], dict[str, str]]:
    """Fit an imputer for each place that can have one; tell why not of the others."""
    fillings: dict[str, Filling] = {}
    reasons: dict[str, str] = {}
    if not joined:
        return fillings, reasons
    pair = make_pair(dataset, dict(joined))
    for place in joined:
        others = [name for name in joined if name != place]
        if not others:
            reasons[place] = "there is no satellite at another position to fill it from"
            continue
        try:
            tell(f"fitting the imputer of {place}")
            fillings[place] = fit_filling(pair, place, others[0])
        except NotApplicable as reason:
            reasons[place] = str(reason)
    return fillings, reasons


def _make_days(
    scaled: Mapping[str, pd.Series],
    spread: Mapping[str, Spread],
    fleet: FleetCalibration | None,
    hours: pd.DataFrame | None = None,
    filling: Filling | None = None,
) -> pd.DataFrame:
    """Return days of series: measured ones calibrated as days, others from the filled hours."""
    days = _pick_days(scaled)
    if hours is not None:
        index = days.index.union(hours.index.normalize().unique())
        days = days.reindex(pd.date_range(index[0], index[-1], freq="D", name="time"))
    days = _add_interval(days, spread).assign(imputed=False, flags=0)
    if hours is not None:
        flags = hours["flags"].resample("1D").agg(lambda day: int(np.bitwise_or.reduce(day)))
        days["flags"] = flags.reindex(days.index).fillna(0).astype(int)
        filled = sum_days(filling, hours).reindex(days.index)
        # A day that was measured counts as it was, unless many of its own hours are doubtful.
        source = hours["source"].resample("1D").first().reindex(days.index)
        doubtful = (filled["share"] > 1 - ENOUGH_OF_DAY) & (source == days["source"])
        asked = (days["value"].isna() | doubtful) & filled["value"].notna()
        rows, ends = days.index[asked], ["value", "lower", "upper"]
        days.loc[rows, ends] = filled.loc[rows, ends]
        days.loc[rows, "imputed"] = filled.loc[rows, "share"] > 0
        days.loc[rows, "source"] = source[rows]
    if fleet is None:
        days["flags"] |= int(Flag.UNCALIBRATED)
    else:
        linked = days["source"].isin(list(fleet.paths)) | days["source"].isna()
        days.loc[~linked, "flags"] |= int(Flag.UNCALIBRATED)
    return days


def _pick_days(scaled: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return each day's `value` and `source`: the first series that has the day."""
    joined = pd.concat(
        [
            pd.DataFrame({"value": series.dropna(), "source": name})
            for name, series in scaled.items()
        ]
    )
    joined = joined[~joined.index.duplicated()].sort_index()
    days = pd.date_range(joined.index[0], joined.index[-1], freq="D", name="time")
    return joined.reindex(days)


def _make_fleet_days(measured: pd.DataFrame, days: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the fleet's days: of the first series in order, else what a place is filled with."""
    index = measured.index
    for table in days.values():
        index = index.union(table.index)
    joined = measured.reindex(pd.date_range(index[0], index[-1], freq="D", name="time"))
    for table in days.values():
        same = table.reindex(joined.index)
        of_place = (joined["source"] == same["source"]) & same["source"].notna()
        # The place knows the flags of the day's hours, and whether they were doubtful.
        lacking = joined["value"].isna() & same["value"].notna()
        beyond = joined["flags"].isna()  # no series has a day so early or so late
        rows = joined.index[of_place | lacking | beyond]
        joined.loc[rows] = same.loc[rows]
    return _settle(joined)


def _settle(joined: pd.DataFrame) -> pd.DataFrame:
    """Return a table joined of parts, with flags and `imputed` where no part had a row."""
    flags, imputed = joined["flags"].fillna(0).astype(int), joined["imputed"].eq(True)
    return joined.assign(flags=flags, imputed=imputed)


def _follow_days(
    hours: Mapping[str, pd.DataFrame],
    days: pd.DataFrame,
    position: Mapping[str, str | None],
    order: Sequence[str],
) -> pd.DataFrame:
    """Return the fleet's finer series: each day of the place that its daily series is of."""
    first = min(table.index[0] for table in hours.values())
    last = max(table.index[-1] for table in hours.values())
    step = find_cadence(next(iter(hours.values())).index, "record")
    index = pd.date_range(first, last, freq=step, name="time")
    favourite = next((position[name] for name in order if position[name] in hours), None)
    place = days["source"].map(position).ffill().fillna(favourite)
    of_sample = place.reindex(index.normalize()).ffill().fillna(favourite).set_axis(index)
    joined = pd.concat(
        [table.reindex(index)[(of_sample == name).to_numpy()] for name, table in hours.items()]
    ).sort_index()
    joined = joined.reindex(index)
    return joined.assign(
        flags=joined["flags"].fillna(0).astype(int), imputed=joined["imputed"].eq(True)
    )


def _make_fine(
    fine: Dataset,
    fleet: FleetCalibration | None,
    places: Mapping[str, Sequence[str]],
    hours: Mapping[str, pd.DataFrame],
) -> dict[str, pd.DataFrame]:
    """Return the record on a grid finer than an hour, on the days that have such samples."""
    values, flags = scale_flux(fine, fleet)
    spread = measure_spread(values, fine.manifest, fleet, samples_a_day=DAY / fine.cadence)
    tables = {}
    for place, members in places.items():
        on_grid = [name for name in members if name in values and values[name].notna().any()]
        if on_grid and place in hours:
            source = choose_sources({name: values[name] for name in on_grid}, on_grid)
            table = _add_interval(join_sources(values, flags, source), spread)
            tables[place] = refine_hours(hours[place], table)
    return tables


def _finish(table: pd.DataFrame, fleet: FleetCalibration | None) -> pd.DataFrame:
    """Return a table of the record: linear, with the columns of `COLUMNS`."""
    paths = {} if fleet is None else {name: " > ".join(path) for name, path in fleet.paths.items()}
    linear = 10 ** table[["value", "lower", "upper"]].astype(float)
    source = table["source"].astype(object).where(table["source"].notna(), None)
    table = linear.assign(
        source=source.astype("category"),
        calibrated_by=source.map(paths).astype("category"),
        flags=table["flags"].astype("int16"),
        imputed=table["imputed"].astype(bool),
    )
    return table[COLUMNS].rename_axis("time")


def _describe(
    dataset: Dataset,
    fleet: FleetCalibration | None,
    daily: Mapping[str, pd.Series],
    scaled: Mapping[str, pd.Series],
    source: pd.Series,
    fillings: Mapping[str, Filling],
    reasons: Mapping[str, str],
) -> dict[str, Any]:
    """Return what the record rests on, as JSON can hold it."""
    account = dataset.account
    about: dict[str, Any] = {
        "title": f"{dataset.manifest.title}: >2 MeV electrons at geostationary orbit, one scale",
        "source": "simulated" if dataset.manifest.synthetic else "observations",
        "history": f"made by fluxlib {fluxlib.__version__}",
        "dataset": dataset.name,
        "synthetic": dataset.manifest.synthetic,
        "reference": None if fleet is None else fleet.reference,
        "filling": {
            place: {
                "from": one.imputer.other,
                "by distance": one.by_distance.reset_index().to_dict(orient="records"),
                "day factor": one.day_factor.tolist(),
            }
            for place, one in fillings.items()
        },
        "not filled": dict(reasons),
        "products": _list_products(account),
        "files": _hash_files(dataset),
    }
    if fleet is not None:
        scores = score_pairs(daily, fleet)
        about["paths"] = fleet.table.reset_index().to_dict(orient="records")
        about["pairs"] = scores.to_dict(orient="records")
        joins = measure_joins(daily, source).rename(columns={"step": "step before"})
        joins["step after"] = measure_joins(scaled, source)["step"]
        joins = joins.drop(columns="level").reset_index()
        joins["time"] = [f"{time:%Y-%m-%d}" for time in joins["time"]]
        about["handovers"] = joins.astype(object).where(joins.notna(), None).to_dict("records")
    return about


def _hash_files(dataset: Dataset) -> dict[str, str]:
    """Return the SHA-256 of each file that the dataset was read from; none if it was made."""
    names = dataset.account["file"].unique() if len(dataset.account) else []
    paths = {str(name): dataset.manifest.folder / str(name) for name in names}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in sorted(paths.items())
        if path.is_file()
    }


def _list_products(account: pd.DataFrame) -> dict[str, list[str]]:
    if account.empty:
        return {}
    flux = account[account["source"] == "flux"] if "source" in account else account
    groups = flux.fillna({"product": ""}).groupby("series")["product"].unique()
    return {str(name): sorted(filter(None, found)) for name, found in groups.items()}
