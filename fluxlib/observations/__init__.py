"""What was measured: gaps, coverage, doubtful samples (notebook 01)."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
