from .scoring import Scored as Scored
from .scoring import score_submission as score_submission
from .submission import read_submission as read_submission
from .tasks import TASKS as TASKS
from .tasks import Task as Task
from .tasks import Truth as Truth
from .tasks import find_task as find_task
from .tasks import make_truth as make_truth
