"""What a forecaster has lately got wrong, it is likely to get wrong again.

Satellites' backgrounds differ, and the belt has quiet and busy years; either shows in the errors of
some weeks. Their decaying mean is what weather services take from their forecasts (Cui et al. 2012,
doi 10.1175/WAF-D-11-00011.1).
"""

import numpy as np
import pandas as pd
from scipy.signal import lfilter

HALF_LIFE = 45  # days in which an error's weight halves; chosen on other years than 2008-2010
PRIOR = 10  # days without an error that are there beforehand: few errors tell little
LOOKBACK = 4 * HALF_LIFE  # days of errors that a forecast looks at; older ones weigh a sixteenth


def average_errors(days: pd.DatetimeIndex, errors: np.ndarray) -> np.ndarray:
    """Average the errors that are known at the end of each issue day.

    Parameters
    ----------
    days : DatetimeIndex
        Issue days, n of them, rising.
    errors : array
        (n, horizons): forecast minus truth, NaN where not known. The error of a forecast one,
        two, ... days ahead is known so many days after its issue day.

    Returns
    -------
    array
        (n, horizons), drawn towards zero where few are known.
    """
    frame = pd.DataFrame(errors, days).asfreq("D")
    decay = 0.5 ** (1 / HALF_LIFE)
    sums, counts = (
        lfilter([1], [1, -decay], part.to_numpy(float), axis=0)
        for part in (frame.fillna(0), frame.notna())
    )
    mean = pd.DataFrame(sums / (counts + PRIOR), frame.index)
    known = pd.concat([mean[column].shift(column + 1) for column in mean], axis=1)
    return known.reindex(days).fillna(0).to_numpy()
