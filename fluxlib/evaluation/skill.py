"""Scores with intervals, and whether one method is better than another, by blocks of time.

Neighbouring errors repeat each other, so all intervals here come from a block bootstrap:
replicates draw blocks of 27 days, or a twelfth of a shorter period.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from fluxlib.errors import FluxError, TooLittleDataError
from fluxlib.evaluation.bootstrap import block_intervals
from fluxlib.evaluation.metrics import count_alerts, scores, trace_roc, weighted_scores

# Of a forecast, the probability that the truth lies below, and the share of probabilities that is
# nearer to it than to the others.
QUANTILES = {
    "lower": (0.05, 0.15),
    "lower_50": (0.25, 0.225),
    "value": (0.5, 0.25),
    "upper_50": (0.75, 0.225),
    "upper": (0.95, 0.15),
}


def score_intervals(
    observed: pd.Series, predicted: pd.DataFrame, *, n_boot: int = 500, random_state: int = 0
) -> pd.DataFrame:
    """Score methods at the times that all of them have, and compare them with the first.

    Parameters
    ----------
    observed : Series
        log10 flux.
    predicted : DataFrame
        log10 flux, a column for each method; the others are compared with the first.
    n_boot : int
        Replicates, the same for all methods.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        A row for each method: `scores` at the common times; `worse`, by how much its mean squared
        error is above the first method's; and the 95 % interval of each, in columns such as
        `RMSE lower` and `RMSE upper`.
    """
    table = pd.concat([observed.rename("observed"), predicted], axis=1).loc[predicted.index]
    table = table.dropna().sort_index()
    truth = table.pop("observed").to_numpy()
    squares = (table.sub(truth, axis=0) ** 2).to_numpy()
    extra = squares - squares[:, :1]

    def evaluate(weights: np.ndarray) -> np.ndarray:
        worse = weights @ extra / weights.sum(axis=1, keepdims=True)
        parts = [weighted_scores(truth, table[name].to_numpy(), weights) for name in table]
        columns = [[*part.values(), worse[:, k]] for k, part in enumerate(parts)]
        return np.moveaxis(np.array(columns), -1, 0)  # replicate, method, score

    names = ["LC", "PE", "MAE", "RMSE", "worse"]
    found = block_intervals(evaluate, table.index, n_boot=n_boot, random_state=random_state)
    value, lower, upper = (pd.DataFrame(part, table.columns, names) for part in found)
    value.insert(4, "n", float(len(table)))
    bounds = lower.add_suffix(" lower").join(upper.add_suffix(" upper"))
    return value.join(bounds).rename_axis("method")


def score_groups(observed: pd.Series, predicted: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return each method's RMSE in each group of times, and the number of times.

    Parameters
    ----------
    observed : Series
        log10 flux.
    predicted : DataFrame
        log10 flux, a column for each method.
    groups : Series
        A label for each time: see `fluxlib.evaluation.phases`.
    """
    label = groups.reindex(predicted.index)
    truth = observed.reindex(predicted.index)
    rows = {}
    for name in pd.unique(label.dropna()):
        inside = label == name
        row = {
            method: scores(truth[inside], predicted[method][inside])["RMSE"] for method in predicted
        }
        rows[name] = row | {"n": int(truth[inside].notna().sum())}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*predicted, "n"])
    return table.rename_axis("group").astype({"n": int})


def compare_skill(
    forecasts: pd.DataFrame, reference: str = "persistence", *, n_boot: int = 1000
) -> pd.DataFrame:
    """Compute each model's skill, 1 - MSE / MSE of a reference, of log10 fluence.

    Parameters
    ----------
    forecasts : DataFrame
        As `fluxlib.prediction.cross_validation.leave_one_year_out` returns.
    reference : str
        The model to compare with, on the days that both forecast.
    n_boot : int
        Replicates.

    Returns
    -------
    DataFrame
        `value`, `lower`, `upper` (95 %), `n` days; a row for each model and horizon at which both
        have forecast a day.

    Raises
    ------
    FluxError
        If the table has no forecast of the reference; a TooLittleDataError if no model shares a
        day with it.
    """
    if reference not in set(forecasts["model"]):
        raise FluxError(
            f"reference is {reference!r}; the table has {', '.join(forecasts['model'].unique())}."
        )
    squares = (np.log10(forecasts["value"]) - np.log10(forecasts["observed"])) ** 2
    squares = forecasts.assign(square=squares).pivot_table(
        "square", ["horizon", "time"], "model", sort=False
    )
    found = _bound_ratios(squares, reference, n_boot)
    if found.empty:
        raise TooLittleDataError(f"no model has forecast a day that {reference} has forecast too.")
    return found


def _bound_ratios(losses: pd.DataFrame, reference: str, n_boot: int) -> pd.DataFrame:
    """Return the share of a reference's loss that each other model avoids, with its interval.

    Parameters
    ----------
    losses : DataFrame
        A column for each model, by horizon and time.
    """
    rows = {}
    for model in losses.columns.drop(reference):
        for horizon, part in losses.sort_index().groupby(level="horizon"):
            both = part.droplevel("horizon")[[model, reference]].dropna()
            if both.empty:
                continue
            ours, theirs = both.to_numpy().T
            bounds = block_intervals(
                lambda weights, o=ours, t=theirs: 1 - weights @ o / (weights @ t),  # type: ignore[misc]
                both.index,
                n_boot=n_boot,
            )
            rows[model, horizon] = _name_bounds(bounds, len(both))
    return _lay_out(rows)


def bound_mean_pe(forecasts: pd.DataFrame, *, n_boot: int = 1000) -> pd.DataFrame:
    """Compute the mean over years of the PE of log10 fluence, with its interval.

    Years may be of satellites that stand on different levels; pooled, their differences would count
    as variance that every forecast explains.

    Parameters
    ----------
    forecasts, n_boot
        As :func:`compare_skill` takes; with `year`.

    Returns
    -------
    DataFrame
        As :func:`compare_skill` returns.
    """
    rows = {}
    for key, part in forecasts.groupby(["model", "horizon"], sort=False):
        known = part.dropna(subset=["observed", "value"]).sort_index()
        observed, predicted = np.log10(known[["observed", "value"]]).to_numpy().T
        years = [(known["year"] == year).to_numpy() for year in known["year"].unique()]

        def average(weights, o=observed, p=predicted, years=years):
            own = [weighted_scores(o[one], p[one], weights[:, one])["PE"] for one in years]
            return np.nanmean(own, axis=0)

        rows[key] = _name_bounds(block_intervals(average, known.index, n_boot=n_boot), len(known))
    return _lay_out(rows)


def compare_rivals(
    forecasts: pd.DataFrame, model: str, rivals: Iterable[str], *, n_boot: int = 1000
) -> pd.DataFrame:
    """Compute the share of each rival's squared error that a model avoids, on the same days.

    Returns
    -------
    DataFrame
        `value`, `lower`, `upper` (95 %), `n` days; a row for each rival and horizon.
    """
    tables = {
        rival: compare_skill(
            forecasts[forecasts["model"].isin([model, rival])], rival, n_boot=n_boot
        ).loc[model]
        for rival in rivals
    }
    return pd.concat(tables, names=["rival", "horizon"])


def add_mean(forecasts: pd.DataFrame, models: Sequence[str], name: str) -> pd.DataFrame:
    """Return the forecasts with the mean of some models, in log10, as one more model."""
    part = forecasts[forecasts["model"].isin(models)].assign(
        value=lambda table: np.log10(table["value"])
    )
    keys = ["time", "issued", "horizon", "year"]
    groups = part.reset_index(names="time").groupby(keys, sort=False)
    mean = groups[["value", "observed"]].mean().reset_index().set_index("time")
    return pd.concat([forecasts, mean.assign(value=10 ** mean["value"], model=name)])


def score_distributions(
    forecasts: pd.DataFrame, reference: str = "persistence", *, n_boot: int = 1000
) -> pd.DataFrame:
    """Score what forecasts say of their own errors, of log10 fluence.

    The CRPS generalises the mean absolute error to a distribution (Gneiting & Raftery 2007, doi
    10.1198/016214506000001437); here it is the integral over the probability of twice the pinball
    loss, from the quantiles that the table has.

    Parameters
    ----------
    forecasts : DataFrame
        As :func:`compare_skill` takes, with the ends of both intervals: of models without them
        there is no row.
    reference : str
        The model, itself with intervals, whose CRPS the `skill` is measured against on the days
        that both forecast.
    n_boot : int
        Replicates.

    Returns
    -------
    DataFrame
        A row for each model and horizon: `CRPS` and the pinball losses at 5 and 95 %, decades;
        `within 90 %` and `within 50 %`, the shares of days in the intervals; `n` days; `skill`,
        the share of the reference's CRPS that is avoided, with its 95 % interval `lower`, `upper`.

    Raises
    ------
    FluxError
        If the reference has no intervals.
    """
    known = forecasts.dropna(subset=["observed", *QUANTILES])
    known = known.sort_values("horizon", kind="stable")
    if reference not in set(known["model"]):
        raise FluxError(f"reference is {reference!r}, which has no intervals in the table.")
    logs = np.log10(known[["observed", *QUANTILES]])
    losses = pd.DataFrame(
        {
            name: (p - (logs["observed"] < logs[name])) * (logs["observed"] - logs[name])
            for name, (p, _) in QUANTILES.items()
        }
    )
    crps = sum(2 * share * losses[name] for name, (_, share) in QUANTILES.items())
    keys = [known["model"], known["horizon"]]
    table = pd.DataFrame(
        {
            "CRPS": crps,
            "pinball 5 %": losses["lower"],
            "pinball 95 %": losses["upper"],
            "within 90 %": logs["observed"].between(logs["lower"], logs["upper"]),
            "within 50 %": logs["observed"].between(logs["lower_50"], logs["upper_50"]),
        }
    )
    means = table.groupby(keys, sort=False).mean()
    wide = known.assign(crps=crps).pivot_table("crps", ["horizon", "time"], "model", sort=False)
    skill = _bound_ratios(wide, reference, n_boot).rename(columns={"value": "skill"})
    means["n"] = table.groupby(keys, sort=False).size()
    return means.join(skill.reindex(columns=["skill", "lower", "upper"]))


def score_alerts(forecasts: pd.DataFrame, level: float) -> pd.DataFrame:
    """Score forecasts as alerts: the fluence reaches a level, or does not.

    Parameters
    ----------
    forecasts : DataFrame
        As :func:`compare_skill` takes, with `alert`, the probability, where a model gives it.
    level : float
        Fluence, e/(cm2 day sr).

    Returns
    -------
    DataFrame
        By model and horizon: `POD`, `FAR`, `HSS` of the forecast value, and where the probability
        is known `ROC area` and `Brier skill` against the mean frequency; `alerts`, the days that
        had one, and `n`.
    """
    rows = {}
    for key, part in forecasts.groupby(["model", "horizon"], sort=False):
        part = part.dropna(subset=["observed", "value"])
        came = (part["observed"] >= level).to_numpy(float)
        row = count_alerts(came, (part["value"] >= level).to_numpy(float))
        row = {name: row[name] for name in ("POD", "FAR", "HSS")}
        row |= {"ROC area": np.nan, "Brier skill": np.nan}
        if "alert" in part and part["alert"].notna().all() and 0 < came.mean() < 1:
            row["ROC area"] = trace_roc(came, part["alert"])[1]
            brier = ((part["alert"] - came) ** 2).mean()
            row["Brier skill"] = 1 - brier / (came.mean() * (1 - came.mean()))
        rows[key] = row | {"alerts": int(came.sum()), "n": len(part)}
    return _lay_out(rows)


def bound_pe(forecasts: pd.DataFrame, *, n_boot: int = 1000) -> pd.DataFrame:
    """Compute the PE of log10 fluence over all years, with its interval.

    The PE of a forecast without skill is negative, and its interval reaches zero or lies below.

    Parameters
    ----------
    forecasts, n_boot
        As :func:`compare_skill` takes.

    Returns
    -------
    DataFrame
        As :func:`compare_skill` returns.
    """
    rows = {}
    for key, part in forecasts.groupby(["model", "horizon"], sort=False):
        logs = np.log10(part[["observed", "value"]].dropna().sort_index())
        observed, predicted = logs.to_numpy().T
        bounds = block_intervals(
            lambda weights, o=observed, p=predicted: weighted_scores(o, p, weights)["PE"],  # type: ignore[misc]
            logs.index,
            n_boot=n_boot,
        )
        rows[key] = _name_bounds(bounds, len(logs))
    return _lay_out(rows)


def _name_bounds(bounds: tuple, n: int) -> dict[str, float]:
    return dict(zip(("value", "lower", "upper"), map(float, bounds), strict=True)) | {"n": n}


def _lay_out(rows: dict) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(rows, names=["model", "horizon"])
    return pd.DataFrame(list(rows.values()), index)
