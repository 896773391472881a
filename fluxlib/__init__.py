"""Calibrate, impute and forecast the >2 MeV electron flux at geostationary orbit.

The public names below are imported when first used, so that ``import fluxlib`` is quick and
nothing pays for TensorFlow before it trains a network.
"""

from importlib import import_module

_HOME = {
    "Calibration": "calibration.fit",
    "Dataset": "datasets.dataset",
    "FluxError": "errors",
    "FluxForecaster": "prediction.forecaster",
    "ForestSurface": "imputation.error_surface",
    "GARFImputer": "imputation.garf",
    "GeneticSearch": "imputation.genetic",
    "Results": "reports.results",
    "blocked_folds": "evaluation.folds",
    "daily_fluence": "datasets.fluence",
    "fetch": "archives.fetch",
    "find_gaps": "observations.gaps",
    "fit_calibration": "calibration.fit",
    "interpolate": "imputation.imputer",
    "load": "datasets.dataset",
    "monthly_missing": "observations.gaps",
    "offset_features": "offsets.features",
    "read_dpd": "io.swpc",
    "read_goes": "io.goes",
    "read_goesr": "io.goes_r",
    "read_omni": "io.omni",
    "read_swpc_json": "io.swpc",
    "read_table": "io.table",
    "require": "reports.results",
    "scores": "evaluation.metrics",
    "simulate": "simulation.sample",
    "spearman_offsets": "offsets.spearman",
}
__all__ = sorted(_HOME)
__version__ = "0.1.0"


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'fluxlib' has no attribute {name!r}")
    return getattr(import_module(f"fluxlib.{_HOME[name]}"), name)


def __dir__():
    return __all__
