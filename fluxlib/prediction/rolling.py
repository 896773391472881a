"""Forecast the >2 MeV fluence of the 24 hours that end some hours after the newest sample.

At +6 h, eighteen of the 24 hours are known. Boosted trees, one set for each lead, learn the change
from the newest known fluence of 24 hours, in log10. A second set learns how large the errors on
blocks of time held out are, and the quantiles of those errors in units of it give the intervals:
locally weighted conformal prediction (Lei et al. 2018, doi 10.1080/01621459.2017.1307116),
separately for times at which all is known, a driver is missing, or the newest flux is, and for a
satellite that was not learned from: its errors are those of trees that learned from the others.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from xgboost import XGBRegressor

from fluxlib.datasets.series import ALERT
from fluxlib.errors import FluxError, NotApplicable
from fluxlib.evaluation.folds import blocked_folds
from fluxlib.imputation.blend import load_trees
from fluxlib.imputation.intervals import draw_gap_numbers
from fluxlib.prediction.contract import BOUNDS
from fluxlib.prediction.hours import (
    CONDITIONS,
    LEADS,
    SPAN,
    HourlySeries,
    describe_hours,
    describe_lacks,
    find_conditions,
    tabulate_truth,
)
from fluxlib.utils.files import atomic_path
from fluxlib.utils.time_grid import DAY_HOURS, HOUR

FILE = "rolling.npz"
VERSION = 1
EVERY_HOURS = 5  # between issues that are learned from: neighbours are alike, and 5 meets all hours
LEAST_ERROR = 0.02  # decades
MIN_SAMPLES = 200  # held-out errors of a condition that has quantiles of its own
UNKNOWN = "a satellite that was not learned from"
PROBABILITIES = np.linspace(0, 1, 401)  # at which the errors' quantiles are kept
TREES = {"n_estimators": 200, "learning_rate": 0.05, "max_depth": 4, "min_child_weight": 20}
TREES |= {"subsample": 0.7, "colsample_bytree": 0.5, "max_bin": 64}
TREES |= {"n_jobs": 1}  # so few rows gain nothing from a second thread, which spins


class RollingForecaster(BaseEstimator):
    """Boosted trees for the fluence of the 24 hours that end 6, 12, 24, 48 and 72 hours ahead.

    Parameters
    ----------
    drivers : sequence of str
        As :func:`fluxlib.prediction.select_drivers` takes.
    alert : float
        Fluence of an alert, e/(cm2 day sr).
    random_state : int
        Seed of gaps and trees.

    Attributes
    ----------
    satellites_ : list of str
        Those that were learned from.
    error_quantiles_ : array, shape (leads, conditions, probabilities)
        Of the errors on blocks held out, observed less forecast, in units of the expected error.
    """

    def __init__(
        self,
        *,
        drivers: Sequence[str] = ("V", "N", "B", "Bz", "Bs"),
        alert: float = ALERT,
        random_state: int = 0,
    ):
        self.drivers = drivers
        self.alert = alert
        self.random_state = random_state

    def fit(self, series: Sequence[HourlySeries], drivers: pd.DataFrame) -> Self:
        """Learn from the hourly flux of satellites, each on its own scale, and from drivers.

        Times at which flux or drivers are hidden in drawn gaps are learned from as well.

        Raises
        ------
        NotApplicable
            If there is too little hourly flux to learn from and to hold out.
        """
        rng = np.random.default_rng(self.random_state)
        parts: list[tuple[pd.DataFrame, pd.DataFrame, pd.Series]] = []
        for one in series:
            times = one.flux.index[::EVERY_HOURS]
            truth = tabulate_truth(one.flux, times)
            hidden = replace(one, flux=_hide(one.flux, rng))
            for own, known in ((one, drivers), (hidden, drivers.apply(_hide, rng=rng))):
                inputs = describe_hours(own, known, times, self.drivers)
                news = inputs["base"].notna()
                if own is hidden:
                    news &= find_conditions(inputs) > 0
                names = pd.Series(one.flux.name, times)
                parts.append((inputs[news], truth[news], names[news]))
        if not parts:
            raise NotApplicable("there is no hourly flux to learn hours ahead from.")
        X, truth, names = (pd.concat(same) for same in zip(*parts, strict=True))
        order = np.argsort(X.index, kind="stable")
        X, truth, names = X.iloc[order], truth.iloc[order], names.iloc[order]
        if not truth.notna().sum().ge(10 * MIN_SAMPLES).all():
            raise NotApplicable("there is too little hourly flux to learn hours ahead from.")
        self.columns_, self.satellites_ = list(X), sorted(set(names))
        self.models_, quantiles = [], []
        for lead in LEADS:
            known = truth[lead].notna()
            own = self._select(X[known], lead)
            change = (truth[lead] - X["base"])[known].to_numpy()
            conditions, of = find_conditions(X[known]), names[known].to_numpy()
            models, own_quantiles = self._fit_lead(own, change, conditions, of)
            self.models_.append(models)
            quantiles.append(own_quantiles)
        self.error_quantiles_ = np.array(quantiles)
        return self

    def _fit_lead(self, X, change, condition, satellite) -> tuple[list[XGBRegressor], np.ndarray]:
        """Return trees of the change and of its error, and quantiles of errors held out."""
        folds = blocked_folds(X.index, purge=SPAN)
        error, strange, spread = np.full((3, len(X)), np.nan)

        def hold_out(train, test, y):
            return self._grow(X.iloc[train], y[train]).predict(X.iloc[test].to_numpy(np.float32))

        for train, test in folds:
            error[test] = change[test] - hold_out(train, test, change)
            for name in self.satellites_:
                others, own = train[satellite[train] != name], test[satellite[test] == name]
                if len(others) >= MIN_SAMPLES and len(own):
                    strange[own] = change[own] - hold_out(others, own, change)
        size = np.maximum(np.abs(error), LEAST_ERROR)
        for train, test in folds:
            spread[test] = np.maximum(hold_out(train, test, size), LEAST_ERROR)
        shares = [error[condition == number] / spread[condition == number] for number in range(3)]
        shares.append((strange / spread)[np.isfinite(strange)])
        every = error / spread
        quantiles = [
            np.quantile(own if len(own) >= MIN_SAMPLES else every, PROBABILITIES) for own in shares
        ]
        return [self._grow(X, change), self._grow(X, size)], np.array(quantiles)

    def _grow(self, X: pd.DataFrame, y: np.ndarray) -> XGBRegressor:
        return XGBRegressor(**TREES, random_state=self.random_state).fit(X.to_numpy(np.float32), y)

    def _select(self, X: pd.DataFrame, lead: int) -> pd.DataFrame:
        """Return the inputs of a lead, less those of the others."""
        return X[[name for name in self.columns_ if "+" not in name or name.endswith(f"+{lead}")]]

    def predict(
        self, series: HourlySeries, drivers: pd.DataFrame, times: pd.DatetimeIndex
    ) -> pd.DataFrame:
        """Forecast at times, from samples that ended by then.

        Parameters
        ----------
        series, drivers, times
            As :func:`describe_hours` takes.

        Returns
        -------
        DataFrame
            A row for each time and lead. Index `time`, when the 24 hours end; `issued`; `lead`,
            hours; `value`, with `lower` and `upper` (90 %), `lower_50` and `upper_50`, fluence in
            e/(cm2 day sr), NaN where the newest known one is older than `OLDEST_HOURS`; `alert`,
            the probability of the alert level; `persistence`, the newest known fluence of 24
            hours; `recurrence`, that of one solar rotation before; `note`, what was missing.
        """
        X = describe_hours(series, drivers, times, self.drivers)
        condition, lacks = find_conditions(X), describe_lacks(X, self.drivers)
        if series.flux.name not in self.satellites_:
            condition = np.full(len(X), CONDITIONS.index("unknown satellite"))
            lacks = ["; ".join(filter(None, (UNKNOWN, text))) for text in lacks]
        base, tables = X["base"].to_numpy(), []
        for lead, models, quantiles in zip(LEADS, self.models_, self.error_quantiles_, strict=True):
            values = self._select(X, lead).to_numpy(np.float32)
            change, size = (model.predict(values).astype(float) for model in models)
            value, size = base + change, np.maximum(size, LEAST_ERROR)
            own = quantiles[condition]

            def bound(probability, own=own, value=value, size=size):
                place = np.searchsorted(PROBABILITIES, probability)
                return 10 ** (value + own[:, place] * size)

            over = (np.log10(self.alert) - value) / size
            below = [np.interp(x, q, PROBABILITIES) for x, q in zip(over, own, strict=True)]
            columns = {
                "issued": X.index,
                "lead": lead,
                "value": 10**value,
                **{name: bound(probability) for name, probability in BOUNDS.items()},
                "alert": np.where(np.isfinite(value), 1 - np.array(below), np.nan),
                "persistence": 10**base,
                "recurrence": 10 ** (X[f"rotation +{lead}"].to_numpy() + base),
                "note": lacks,
            }
            tables.append(pd.DataFrame(columns, X.index + lead * HOUR))
        table = pd.concat(tables).rename_axis("time")
        return table.sort_values(["issued", "lead"], kind="stable")

    def save(self, folder: str | Path) -> Path:
        """Write the fitted forecaster to one `.npz` file of arrays, which holds no code."""
        arrays = {
            f"trees {lead} {part}": np.frombuffer(
                bytes(one.get_booster().save_raw("ubj")), np.uint8
            )
            for lead, models in zip(LEADS, self.models_, strict=True)
            for part, one in enumerate(models)
        }
        about: dict[str, Any] = {"version": VERSION, "columns": self.columns_}
        about["satellites"] = self.satellites_
        about["parameters"] = self.get_params() | {"drivers": list(self.drivers)}
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        arrays["quantiles"] = self.error_quantiles_
        path = Path(folder) / FILE
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return path

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a forecaster that :meth:`save` wrote.

        Raises
        ------
        FluxError
            If there is none, one of another version, or a damaged one.
        """
        path = Path(folder) / FILE
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files}
            about = json.loads(arrays["about"].tobytes())
            if about["version"] != VERSION:
                raise ValueError("another version")
            self = cls(**about["parameters"])
            self.columns_, self.satellites_ = about["columns"], about["satellites"]
            self.error_quantiles_ = arrays["quantiles"]
            self.models_ = [
                [load_trees(arrays[f"trees {lead} {part}"]) for part in (0, 1)] for lead in LEADS
            ]
        except Exception as error:  # whatever a damaged byte makes zip, JSON or XGBoost trip over
            raise FluxError(
                f"{path}: absent, damaged or of another version ({type(error).__name__}); train "
                "anew."
            ) from None
        return self


def _hide(values: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Return the series without the hours of drawn gaps."""
    return values.mask(draw_gap_numbers(len(values), DAY_HOURS, rng) > 0)
