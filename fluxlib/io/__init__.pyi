from .goes import read_goes as read_goes
from .goes_r import read_goesr as read_goesr
from .omni import format_omni as format_omni
from .omni import read_omni as read_omni
from .swpc import UnfitRow as UnfitRow
from .swpc import read_dpd as read_dpd
from .swpc import read_swpc_json as read_swpc_json
from .table import read_table as read_table
