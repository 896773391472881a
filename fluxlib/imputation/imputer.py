"""Fill gaps in a flux series: from another satellite by a model, or by interpolation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from fluxlib.errors import FluxError, TooLittleDataError
from fluxlib.evaluation.folds import cross_blocks
from fluxlib.imputation.blend import Blend, load_trees
from fluxlib.imputation.inputs import satellite_features, trend_quantities
from fluxlib.imputation.intervals import (
    KNOWN,
    PARTLY_KNOWN,
    SILENT,
    EdgeCorrection,
    describe_edges,
)
from fluxlib.observations.gaps import find_gaps
from fluxlib.satellites import LOW_CHANNELS
from fluxlib.utils.files import atomic_path
from fluxlib.utils.time_grid import HOUR

if TYPE_CHECKING:
    from fluxlib.datasets.dataset import Dataset

CHANNELS = (*LOW_CHANNELS, "e2")
LEAST_PEAK = 12  # flux of months is sometimes above, its logarithm never
# How disturbed the field is, and the local time: predictions err most in storms.
CONDITIONS = ("SYM_H 6 h", "Dst 6 h", "Kp 6 h", "UT sine", "UT cosine")
VERSION = 2
METHODS = {"linear": "time", "cubic": "cubicspline"}  # as pandas calls them
MIN_SAMPLES = 100


def without_search(model: BaseEstimator) -> BaseEstimator:
    """Return what a fitted search found best, or the model itself if it does not search."""
    return getattr(model, "best_estimator_", model)


def interpolate(series: pd.Series, kind: str = "linear") -> pd.Series:
    """Fill the gaps of a series from the samples on either side.

    Parameters
    ----------
    series : Series
        log10 flux on a time index, NaN in its gaps. Gaps at either end are not filled.
    kind : {"linear", "cubic"}
        A straight line, or a cubic spline through all samples.

    Returns
    -------
    Series
        The series, filled.

    Raises
    ------
    FluxError
        If the kind is unknown, times are not ascending, or fewer than two samples are known.
    """
    if kind not in METHODS:
        raise FluxError(f"kind is {kind!r}; expected 'linear' or 'cubic'.")
    index = series.index
    ascending = index.is_monotonic_increasing and index.is_unique
    if not (isinstance(index, pd.DatetimeIndex) and ascending):
        raise FluxError("the series is not sorted by time, or has a time twice.")
    if series.count() < 2:
        raise TooLittleDataError(
            f"the series has {series.count()} known samples; expected two or more."
        )
    return series.astype(float).interpolate(METHODS[kind], limit_area="inside")


class SatelliteImputer(BaseEstimator):
    """Fill a satellite's flux by a model, corrected by the samples on either side of a gap.

    Parameters
    ----------
    features : DataFrame
        Inputs on a regular grid of time: see `fluxlib.imputation.satellite_features`.
    model : estimator
        Predicts log10 flux from them and accepts NaN among them. If it searches for parameters,
        its best fitted model is its `best_estimator_`, as with scikit-learn's searches.
    every : int
        The model learns from one known sample in so many, as neighbouring samples are alike.
    correction : EdgeCorrection, optional
        How the samples on either side of a gap are used.
    bagged : bool
        Predict by the mean of the models that each leave out some blocks of time, which are needed
        for the edges in any case, in place of one more that learns from all.
    other : str, optional
        The other satellite's series, so that inputs can be made of another dataset, and its
        silence is told from low flux.
    inputs : {"full", "paper"}
        As `satellite_features` takes.

    Attributes
    ----------
    models_ : list of estimator
        Fitted; their mean predicts times that `fit` did not know.
    model_ : estimator
        The first of them.
    predicted_ : Series
        log10 flux on the grid of the features; at times that `fit` knew, from models that had
        not seen that time nor those near it.
    correction_ : EdgeCorrection
        Fitted.

    See Also
    --------
    fluxlib.GARFImputer.for_satellite : makes one for a dataset.
    """

    def __init__(
        self,
        features: pd.DataFrame,
        model: BaseEstimator,
        *,
        every: int = 1,
        correction: EdgeCorrection | None = None,
        bagged: bool = False,
        other: str | None = None,
        inputs: str = "full",
    ):
        self.features = features
        self.model = model
        self.every = every
        self.correction = correction
        self.bagged = bagged
        self.other = other
        self.inputs = inputs

    def fit(
        self, flux: pd.Series, *, progress: Callable[[int, int], None] | None = None
    ) -> "SatelliteImputer":
        """Learn from the samples that are known.

        Parameters
        ----------
        flux : Series
            Flux, e/(cm2 s sr), NaN in its gaps.
        progress : callable, optional
            Called with the number of models fitted, and of all.

        Raises
        ------
        FluxError
            If `every` is below 1, fewer than 100 samples are known, the flux looks like log10
            flux, or blocks of time leave none to learn from.
        """
        _check_linear(flux)
        return self.fit_log(np.log10(flux), progress=progress)

    def fit_log(
        self, log_flux: pd.Series, *, progress: Callable[[int, int], None] | None = None
    ) -> "SatelliteImputer":
        """Do what `fit` does, given log10 flux."""
        if self.every < 1:
            raise FluxError(f"every is {self.every!r}; expected one sample in 1, 2, 3 or more.")
        on_grid = log_flux.reindex(self.features.index)
        known = on_grid.dropna()
        if len(known) < MIN_SAMPLES:
            raise FluxError(
                f"{len(known)} known samples of {log_flux.name or 'the flux'} lie within the "
                f"inputs' time; expected {MIN_SAMPLES} or more."
            )
        rows = self.features.loc[known.index]
        folds = cross_blocks(rows)
        report = progress or (lambda done, count: None)
        done, count = 0, len(folds) + (not self.bagged)
        self.models_, best = [], self.model
        if not self.bagged:
            self.models_ = [clone(self.model).fit(rows[:: self.every], known[:: self.every])]
            best = without_search(self.models_[0])
            report(done := done + 1, count)
        guesses, silent = known.copy() * np.nan, known.copy() * np.nan
        quiet = self._silence(rows)
        for train, test in folds:
            chosen = train[:: self.every]
            refitted = clone(best).fit(rows.iloc[chosen], known.iloc[chosen])
            guesses.iloc[test] = refitted.predict(rows.iloc[test])
            if quiet is not None:
                silent.iloc[test] = refitted.predict(quiet.iloc[test])
            if self.bagged:
                self.models_.append(refitted)
            report(done := done + 1, count)
        self.model_ = self.models_[0]
        self.known_guesses_ = guesses
        self.predicted_ = self._predict(self.features)
        correction = EdgeCorrection() if self.correction is None else clone(self.correction)
        self.correction_ = correction.fit(
            on_grid,
            self.predicted_,
            known=self._tell_known(self.features),
            silent=None if quiet is None else silent.reindex(on_grid.index),
            conditions=_find_conditions(self.features),
        )
        return self

    def impute(
        self,
        flux: pd.Series,
        *,
        dataset: "Dataset | None" = None,
        max_gap: str | pd.Timedelta | None = None,
    ) -> pd.DataFrame:
        """Fill the gaps of a series.

        Parameters
        ----------
        flux : Series
            Flux, e/(cm2 s sr), NaN in its gaps.
        dataset : Dataset, optional
            Where the inputs are, if not in the dataset that the imputer was made for: newer days,
            say. Inputs that it lacks are taken as missing.
        max_gap : str or Timedelta, optional
            Longer gaps are left as they are.

        Returns
        -------
        DataFrame
            `value`, `lower`, `upper` (flux; all three the measured value where there is one) and
            `imputed`. NaN in gaps outside the inputs' time.

        Raises
        ------
        FluxError
            If the flux looks like log10 flux, no time of it has inputs, or the dataset has no
            series of the other satellite.
        """
        _check_linear(flux)
        filled = 10 ** self.impute_log(np.log10(flux), dataset=dataset)
        if max_gap is not None:
            gaps = find_gaps(flux)
            long = gaps[gaps["hours"] > pd.Timedelta(max_gap) / HOUR]
            for start, end in zip(long["start"], long["end"], strict=True):
                filled = filled[(filled.index < start) | (filled.index >= end)]
        table = pd.DataFrame(dict.fromkeys(("value", "lower", "upper"), flux.astype(float)))
        table.loc[filled.index, list(table)] = filled[list(table)]
        return table.assign(imputed=flux.isna() & table["value"].notna())

    def impute_log(self, log_flux: pd.Series, *, dataset: "Dataset | None" = None) -> pd.DataFrame:
        """Return `value`, `lower` and `upper`, log10 flux, at the missing samples alone."""
        check_is_fitted(self, "correction_")
        features, predicted = self.features, self.predicted_
        if dataset is not None:
            features = self._make_features(dataset)
            predicted = self._predict(features)
        on_grid = log_flux.reindex(features.index)
        if not features.index.isin(log_flux.index).any():
            raise FluxError(
                f"no time of the flux ({_tell_span(log_flux)}) has inputs "
                f"({_tell_span(features)}); give the dataset that has them: "
                "impute(flux, dataset=...)."
            )
        missing = on_grid.isna() & features.index.isin(log_flux.index)
        return self.correction_.predict(
            on_grid,
            predicted,
            missing.to_numpy(),
            known=self._tell_known(features),
            conditions=_find_conditions(features),
        )

    def explain(self, log_flux: pd.Series, *, dataset: "Dataset | None" = None) -> pd.DataFrame:
        """Return on what each filled value rests.

        Returns
        -------
        DataFrame
            At the missing samples: `other`, whether the other satellite is known, partly known or
            silent; `hours to edge`, from the nearest known sample; and `model`, the log10 flux
            before the edges corrected it.
        """
        features = self.features if dataset is None else self._make_features(dataset)
        predicted = self.predicted_ if dataset is None else self._predict(features)
        on_grid = log_flux.reindex(features.index)
        missing = (on_grid.isna() & features.index.isin(log_flux.index)).to_numpy()
        edges = describe_edges(on_grid, predicted, missing)
        state = self._tell_known(features)[missing]
        names = np.array(["known", "partly known", "silent"])
        return pd.DataFrame(
            {
                "other": names[state.to_numpy()],
                "hours to edge": edges["nearest"],
                "model": edges["predicted"],
            },
            index=edges.index,
        )

    def save(self, path: str | Path) -> Path:
        """Write the fitted imputer to one `.npz` file of arrays, which holds no code.

        Raises
        ------
        FluxError
            If its model is not a `Blend`, the only one whose parts are arrays.
        """
        check_is_fitted(self, "correction_")
        if not all(isinstance(model, Blend) for model in self.models_):
            raise FluxError(
                f"an imputer with the model {type(self.models_[0]).__name__} cannot be saved; "
                "expected the default one, a Blend."
            )
        correction = self.correction_
        arrays = {
            f"model {number} {name}": values
            for number, model in enumerate(self.models_)
            for name, values in model.to_arrays().items()
        }
        arrays |= {
            f"edge {number}": np.frombuffer(bytes(one.get_booster().save_raw("ubj")), np.uint8)
            for number, one in enumerate(correction.models_)
        }
        arrays |= {
            "shrinkage": correction.shrinkage_,
            "margin": correction.conformal_margin_,
            "guesses": self.known_guesses_.to_numpy(),
            "times": self.known_guesses_.index.to_numpy("datetime64[ns]").astype("int64"),
        }
        about = {"version": VERSION, "models": len(self.models_), "other": self.other}
        about |= {"inputs": self.inputs, "every": self.every}
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        path = Path(path)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return path

    @classmethod
    def load(cls, path: str | Path, dataset: "Dataset") -> "SatelliteImputer":
        """Read an imputer that `save` wrote, for the inputs of a dataset.

        Raises
        ------
        FluxError
            If the file cannot be read, is of another version, or is damaged.
        """
        path = Path(path)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files}
            about = json.loads(arrays["about"].tobytes())
            if about["version"] != VERSION:
                raise FluxError(
                    f"{path}: version is {about['version']!r}; this fluxlib reads {VERSION}. Fit "
                    "and save again."
                )
            models = [_select(arrays, f"model {number} ") for number in range(about["models"])]
            self = cls(
                satellite_features(dataset, about["other"], inputs=about["inputs"]),
                Blend(),
                every=about["every"],
                bagged=True,
                other=about["other"],
                inputs=about["inputs"],
            )
            self.models_ = [Blend.from_arrays(one) for one in models]
            self.model_ = self.models_[0]
            times = pd.DatetimeIndex(arrays["times"].astype("datetime64[ns]"))
            self.known_guesses_ = pd.Series(arrays["guesses"], times)
            correction = EdgeCorrection()
            correction.shrinkage_, correction.conformal_margin_ = (
                arrays["shrinkage"],
                arrays["margin"],
            )
            correction.models_ = [load_trees(arrays[f"edge {number}"]) for number in (0, 1)]
        except FluxError:
            raise
        except OSError as error:
            raise FluxError(f"{path}: cannot be read: {error.strerror or error}.") from None
        except Exception as error:  # whatever a damaged byte makes zip, JSON or XGBoost trip over
            raise FluxError(
                f"{path}: not an imputer that save wrote, or damaged ({type(error).__name__}); fit "
                "and save again."
            ) from None
        self.correction_ = correction
        self.features = self._make_features(dataset)
        self.predicted_ = self._predict(self.features)
        return self

    def _make_features(self, dataset: "Dataset") -> pd.DataFrame:
        """Return the inputs of a dataset, those that it lacks as missing."""
        if self.other is None:
            raise FluxError("this imputer was made of inputs, not for a dataset; it fills its own.")
        features = satellite_features(dataset, self.other, inputs=self.inputs)
        names = getattr(self.model_, "names_", self.features.columns)
        return features.reindex(columns=names)

    def _predict(self, features: pd.DataFrame) -> pd.Series:
        """Return the models' mean; at times that `fit` knew, what had not seen them."""
        mean = np.mean([model.predict(features) for model in self.models_], axis=0)
        predicted = pd.Series(mean, features.index)
        predicted.update(self.known_guesses_)
        return predicted

    def tell_known(self) -> pd.Series:
        """Return what is known of the other satellite at each time of the inputs.

        Returns
        -------
        Series of int
            0 if both its channels are known, 1 if one is, 2 if it is silent.
        """
        return self._tell_known(self.features)

    def _channels(self, features: pd.DataFrame) -> list:
        """Return the columns of the other satellite's channels at the same time."""
        if self.other is None:
            return []
        names = [f"{self.other} {channel}" for channel in CHANNELS]
        return [name for name in features if name[0] in names and name[1] == 0]

    def _tell_known(self, features: pd.DataFrame) -> pd.Series:
        """Return what is known of the other satellite at each time."""
        columns = self._channels(features)
        state = pd.Series(KNOWN, features.index)
        if columns:
            present = features[columns].notna()
            state[~present.all(axis=1)] = PARTLY_KNOWN
            state[~present.any(axis=1)] = SILENT
        return state

    def _silence(self, features: pd.DataFrame) -> pd.DataFrame | None:
        """Return the inputs as if the other satellite sent nothing, or None where it is unknown."""
        if self.other is None:
            return None
        own = [name for name in features if str(name[0]).split(" ")[0] == self.other]
        quiet = features.copy()
        quiet[own] = np.nan
        return quiet


def _find_conditions(features: pd.DataFrame) -> pd.DataFrame | None:
    """Return the inputs on which the size of errors depends, those that there are."""
    chosen = [name for name in features if name[0] in CONDITIONS and not name[1] > 0]
    names = [str(quantity) for quantity, _ in chosen]
    return features[chosen].set_axis(names, axis=1) if chosen else None


def make_imputer(
    features: pd.DataFrame,
    *,
    other: str,
    every: int = 1,
    inputs: str = "full",
    random_state: int = 0,
) -> SatelliteImputer:
    """Return the full model, the default of `GARFImputer.for_satellite`, for some inputs.

    Parameters
    ----------
    features : DataFrame
        Of `satellite_features`.
    other : str
        The other satellite's series.
    every, inputs, random_state
        See `SatelliteImputer` and `Blend`.
    """
    channels = [f"{other} {name}" for name in CHANNELS]
    trend = trend_quantities(features, other)
    blend = Blend(trend=trend, channels=channels, random_state=random_state)
    return SatelliteImputer(features, blend, every=every, bagged=True, other=other, inputs=inputs)


def _check_linear(flux: pd.Series) -> None:
    """Raise if flux looks like its logarithm: that spans no more than some decades."""
    known = flux[np.isfinite(flux)]
    if len(known) >= MIN_SAMPLES and (known.max() < LEAST_PEAK or known.min() <= 0):
        raise FluxError(
            f"the flux lies between {known.min():.3g} and {known.max():.3g}; expected flux above "
            "0, e/(cm2 s sr), and not its logarithm: give 10 ** values, or use fit_log."
        )


def _tell_span(table: pd.Series | pd.DataFrame) -> str:
    return f"{table.index[0]} to {table.index[-1]}" if len(table) else "none"


def _select(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
