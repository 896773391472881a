"""Frozen tasks that anybody's forecasts or filled series can be scored on."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
