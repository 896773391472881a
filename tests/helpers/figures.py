"""What tests of figures draw, and how they read it back."""

import numpy as np
import pandas as pd

from fluxlib.calibration.model import Calibration

HOURS = pd.date_range("2014-01-01", periods=240, freq="h", name="time")
LOG = pd.Series(3 + np.sin(np.arange(240) / 20), HOURS, name="goes15")


def find_line(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def make_calibration(**values):
    table = pd.DataFrame({"value": values, "lower": values, "upper": values})
    kind = "piecewise" if "breakpoint" in values else "linear"
    return Calibration(kind, table, 0.9, 50, 0, 0.1, 0.01, {})
