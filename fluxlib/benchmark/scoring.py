"""Score a submission: errors with intervals, rivals on the same times, signs of a leak."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fluxlib.benchmark.tasks import Task, Truth
from fluxlib.datasets.dataset import Dataset
from fluxlib.datasets.series import ALERT, choose_pair
from fluxlib.errors import FluxError, NotApplicable, TooLittleDataError
from fluxlib.evaluation.bootstrap import block_intervals
from fluxlib.evaluation.metrics import count_alerts, weighted_scores
from fluxlib.evaluation.skill import compare_skill
from fluxlib.imputation.imputer import interpolate
from fluxlib.prediction.baselines import BoostedTrees, Persistence, Recurrence, RidgeFilter
from fluxlib.prediction.cross_validation import leave_one_year_out, observed_years
from fluxlib.prediction.windows import ROTATION_DAYS, DailyData
from fluxlib.utils.time_grid import HOUR

OURS = "submission"
COPY = 0.02  # decades: two satellites at one place differ by more
INTERVAL = 0.9
FEW = 30  # values: a year, or a horizon, with fewer has no score of its own
ROTATION = pd.Timedelta(days=ROTATION_DAYS)


@dataclass(frozen=True)
class Scored:
    """What a submission is worth.

    Attributes
    ----------
    scores : DataFrame
        By horizon: `n`, `share` of what was asked, `PE` (of forecasts the mean over years, as years
        may stand on different levels), `RMSE`, `LC`, each with a 95 % interval (`PE lower`, ...),
        `coverage` and `interval score` of the 90 % interval where there is one,
        and of forecasts `POD`, `FAR`, `HSS` at the alert level.
    rivals : DataFrame
        By rival and horizon: the share of its squared error that the submission avoids, with a
        95 % interval, on the times that both have.
    leaks : list of str
        Why it seems to have known what it could not; empty if nothing was found.
    left_out : list of str
        Horizons that have too few values to be scored, and how many.
    """

    scores: pd.DataFrame
    rivals: pd.DataFrame
    leaks: list[str]
    left_out: list[str]


def score_submission(
    task: Task, truth: Truth, submission: pd.DataFrame, dataset: Dataset | None = None
) -> Scored:
    """Score predictions for a task.

    Parameters
    ----------
    task, truth
        Of `make_truth`.
    submission : DataFrame
        Of `read_submission`.
    dataset : Dataset, optional
        From which rivals are made: of a forecast persistence and recurrence, of days also ridge and
        trees, which learn from all other years; in filling a straight line and the calibrated other
        satellite.

    Raises
    ------
    TooLittleDataError
        If no horizon has 30 values.
    """
    observed = truth.log_values
    counts = submission["horizon"].value_counts()
    submission = submission[submission["horizon"].map(counts) >= FEW]
    if submission.empty:
        raise TooLittleDataError(
            f"no horizon has {FEW} of the values that {task.name} asks for; most has "
            f"{counts.max()}."
        )
    rows = {
        int(horizon): _score(task, observed, part)
        for horizon, part in submission.groupby("horizon")
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("horizon")
    rivals = pd.DataFrame()
    if dataset is not None:
        makers = {"forecast": _daily_rivals, "rolling": _rolling_rivals, "filling": _fill_rivals}
        rivals = _compare(submission, observed, makers[task.kind](task, truth, dataset))
    few = counts[counts < FEW].sort_index()
    left_out = [
        f"{n} values {horizon} {task.unit} ahead, fewer than {FEW}" for horizon, n in few.items()
    ]
    return Scored(table, rivals, find_leaks(task, truth, submission), left_out)


def _score(task: Task, observed: pd.Series, part: pd.DataFrame) -> dict[str, float]:
    true, said = observed.reindex(part.index).to_numpy(), part["value"].to_numpy()
    row: dict[str, float] = {"n": len(part), "share": len(part) / len(observed)}
    names = ("PE", "RMSE", "LC")
    year = part.index.year if task.horizons else np.zeros(len(part))
    different, counts = np.unique(year, return_counts=True)
    years = [year == one for one in different[counts >= FEW]] or [np.full(len(part), True)]

    def measure(weights: np.ndarray) -> np.ndarray:
        whole = weighted_scores(true, said, weights)
        with np.errstate(invalid="ignore"):  # a short year may not be drawn at all: it has no PE
            own = [weighted_scores(true[one], said[one], weights[:, one])["PE"] for one in years]
            mean = np.nansum(own, axis=0) / np.isfinite(own).sum(axis=0)
        return np.column_stack([mean, whole["RMSE"], whole["LC"]])

    bounds = block_intervals(measure, part.index)
    for name, value, lower, upper in zip(names, *(one.tolist() for one in bounds), strict=True):
        row |= {name: value, f"{name} lower": lower, f"{name} upper": upper}
    if part[["lower", "upper"]].notna().all(axis=None):
        low, high = part["lower"].to_numpy(), part["upper"].to_numpy()
        row["coverage"] = float(((true >= low) & (true <= high)).mean())
        # Gneiting and Raftery 2007, doi 10.1198/016214506000001437, eq. 43.
        outside = np.maximum(low - true, 0) + np.maximum(true - high, 0)
        row["interval score"] = float((high - low + 2 / (1 - INTERVAL) * outside).mean())
    if task.horizons:
        level = np.log10(ALERT)
        found = count_alerts(true >= level, said >= level)
        row |= {name: found[name] for name in ("POD", "FAR", "HSS")}
    return row


def _daily_rivals(task: Task, truth: Truth, dataset: Dataset) -> pd.DataFrame:
    fluence = (10**truth.known).rename("e2").to_frame()
    data = DailyData(fluence.asfreq("D"), dataset.drivers)
    asked = sorted(set(truth.log_values.index.year))
    years = [year for year in asked if year in observed_years(fluence["e2"], least=1)]
    models = {"persistence": Persistence(), "recurrence": Recurrence()}
    if not dataset.drivers.empty and len(observed_years(fluence["e2"])) > 1:
        models |= {"ridge": RidgeFilter(), "trees": BoostedTrees()}
    try:
        table = leave_one_year_out(data, models, years)
    except FluxError:  # one year alone teaches nothing
        untrained = {name: models[name] for name in ("persistence", "recurrence")}
        table = leave_one_year_out(data, untrained, years)
    return table[["model", "horizon", "value"]].assign(value=np.log10(table["value"]))


def _rolling_rivals(task: Task, truth: Truth, dataset: Dataset) -> pd.DataFrame:
    """Return the last fluence known, and that of a rotation before, at the times asked for."""
    times = truth.log_values.index
    tables = []
    for horizon in task.horizons:
        for name, ago in (("persistence", task.lead(horizon)), ("recurrence", ROTATION)):
            values = truth.known.reindex(times - ago).to_numpy()
            tables.append(pd.DataFrame({"model": name, "horizon": horizon, "value": values}, times))
    return pd.concat(tables)


def _fill_rivals(task: Task, truth: Truth, dataset: Dataset) -> pd.DataFrame:
    from fluxlib.calibration.fit import fit_calibration

    times = truth.log_values.index
    parts = {"straight line": interpolate(truth.known).reindex(times)}
    pair = choose_pair(dataset)
    other = np.log10(dataset.flux[pair[1]]["e2"].resample("1h").mean())
    try:
        line = fit_calibration(truth.known, other.reindex(truth.known.index), n_boot=2)
        parts["other satellite, calibrated"] = line.apply(other.reindex(times))
    except FluxError:
        pass  # too few hours in common outside of what is hidden
    tables = [
        pd.DataFrame({"value": values, "model": name, "horizon": 0})
        for name, values in parts.items()
    ]
    return pd.concat(tables)


def _compare(submission: pd.DataFrame, observed: pd.Series, rivals: pd.DataFrame) -> pd.DataFrame:
    ours = submission[["horizon", "value"]].assign(model=OURS)
    tables = {}
    for name, table in rivals.groupby("model", sort=False):
        both = pd.concat([ours, table])
        both = both.assign(observed=observed.reindex(both.index)).dropna(
            subset=["observed", "value"]
        )
        linear = both.assign(value=10 ** both["value"], observed=10 ** both["observed"])
        try:
            tables[name] = compare_skill(linear.rename_axis("time"), str(name)).loc[OURS]
        except (FluxError, NotApplicable, KeyError):
            continue  # no time in common
    if not tables:
        return pd.DataFrame(columns=["value", "lower", "upper", "n"])
    return pd.concat(tables, names=["rival", "horizon"])


def find_leaks(task: Task, truth: Truth, submission: pd.DataFrame) -> list[str]:
    """Return signs that a submission knew what it could not.

    Three are looked for: a copy of the truth; forecasts that fit a later time better than their
    own, as a file that is shifted by a day has; and errors that do not grow with the horizon.
    """
    leaks, errors = [], {}
    late = f"{task.spacing / HOUR:g} hours"
    for horizon, part in submission.groupby("horizon"):
        where = f"{horizon} {task.unit} ahead: " if task.horizons else ""
        error = _rmse(part["value"], truth.log_values)
        errors[int(horizon)] = error
        if error < COPY:
            leaks.append(
                f"{where}RMSE is {error:.4f} decades, less than two satellites at one place differ "
                "by: a copy of what was observed?"
            )
        elif task.horizons:
            later = _rmse(part["value"], truth.known.set_axis(truth.known.index - task.spacing))
            if later < error:
                leaks.append(
                    f"{where}the values fit what came {late} later better (RMSE "
                    f"{later:.3f}) than their own time ({error:.3f}): a file shifted by "
                    f"{late} knows that much too much."
                )
    if len(errors) > 1:
        table = submission.pivot_table("value", submission.index, "horizon")
        first, last = min(errors), max(errors)
        both = table[[first, last]].dropna()
        error, later = (_rmse(both[horizon], truth.log_values) for horizon in (first, last))
        if len(both) >= FEW and later <= error:
            leaks.append(
                f"the error {last} {task.unit} ahead ({later:.3f}) is no greater than {first} "
                f"{task.unit} ahead ({error:.3f}) on the same times."
            )
    return leaks


def _rmse(values: pd.Series, observed: pd.Series) -> float:
    error = (values - observed.reindex(values.index)).dropna()
    return float(np.sqrt((error**2).mean())) if len(error) else np.inf
