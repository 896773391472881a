"""Calibrate, impute and forecast the >2 MeV electron flux at geostationary orbit.

The public names below are imported when first used, so that ``import fluxlib`` is quick and
nothing pays for TensorFlow before it trains a network.
"""

from importlib import import_module

_HOME = {
    "Calibration": "calibrate",
    "Dataset": "dataset",
    "FluxError": "errors",
    "FluxForecaster": "forecast",
    "ForestSurface": "forest",
    "GARFImputer": "garf",
    "GeneticSearch": "genetic",
    "Results": "results",
    "blocked_folds": "folds",
    "daily_fluence": "fluence",
    "fetch": "archive",
    "find_gaps": "gaps",
    "fit_calibration": "calibrate",
    "interpolate": "impute",
    "load": "dataset",
    "monthly_missing": "gaps",
    "offset_features": "features",
    "read_dpd": "swpc",
    "read_goes": "goes",
    "read_goesr": "goesr",
    "read_omni": "omni",
    "read_swpc_json": "feeds",
    "read_table": "table",
    "require": "results",
    "scores": "metrics",
    "simulate": "sample",
    "spearman_offsets": "offsets",
}
__all__ = sorted(_HOME)
__version__ = "0.1.0"


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'fluxlib' has no attribute {name!r}")
    return getattr(import_module(f"fluxlib.{_HOME[name]}"), name)


def __dir__():
    return __all__
