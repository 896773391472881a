"""Figures, one module for each notebook."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
