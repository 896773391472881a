"""The reference record: the satellites' flux on one scale, without holes."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
