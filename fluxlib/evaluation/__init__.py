"""Validation without leaks: folds, scores, intervals, and what the papers printed."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
