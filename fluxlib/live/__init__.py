"""The forecast of today: a trained bundle, an issue a day, and a log that scores itself."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
