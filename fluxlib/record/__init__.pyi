from .build import make_record as make_record
from .series import Flag as Flag
from .series import Record as Record
from .series import read_record as read_record
