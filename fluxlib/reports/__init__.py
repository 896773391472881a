"""What a run leaves: results, pages, comparisons of runs, and copies in an object store."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
