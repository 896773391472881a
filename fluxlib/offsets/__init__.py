"""Which drivers the flux follows, and how many hours later (notebook 03)."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
