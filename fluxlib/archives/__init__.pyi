from .fetch import fetch_from_arguments as fetch_from_arguments
from .fetch import list_items as list_items
from .fetch import write_description as write_description
from .request import Request as Request
from .request import make_request as make_request
from .request import read_recipe as read_recipe
