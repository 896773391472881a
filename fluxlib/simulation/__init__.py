"""A simulated Sun, solar wind and GOES fleet, and the sample made of them."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
