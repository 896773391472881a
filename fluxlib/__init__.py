"""fluxlib: calibration, imputation and forecasting of >2 MeV electron flux at geostationary orbit.

The names that most work starts with are here; the others are in the chapters, such as
`fluxlib.imputation`. All are imported when first used, so that ``import fluxlib`` is quick.
"""

from fluxlib.utils.lazy import attach_stub

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
