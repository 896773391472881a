"""A folder of native files with its dataset.toml becomes a Dataset on one grid."""

from fluxlib.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
