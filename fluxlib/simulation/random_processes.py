"""Random processes on a fixed 5-minute grid, the same whichever period is asked for.

Time is divided into blocks of 27 days from 1995-01-01. Every random number belongs to a seed, a
named process and a block, so a longer simulation repeats a shorter one. Processes with memory
start `SPIN_UP` blocks early; their longest memory is some days, and after half a year what
remains of the start is below rounding error.
"""

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import scipy

EPOCH = pd.Timestamp("1995-01-01")
STEP_HOURS = 1 / 12
PER_HOUR = 12
BLOCK_DAYS = 27
SPIN_UP = 7
_PER_BLOCK = BLOCK_DAYS * 24 * PER_HOUR
_FIRST_BLOCK = 1000  # seeds must not be negative, block numbers may be


@dataclass(frozen=True)
class SimulationSpan:
    """The blocks from `first` to `last`, exclusive, since `EPOCH`, and their random numbers."""

    seed: int
    first: int
    last: int

    @classmethod
    def cover(cls, start: pd.Timestamp, end: pd.Timestamp, seed: int) -> "SimulationSpan":
        """Return the span from `SPIN_UP` blocks before `start` to the block with `end`."""
        block = pd.Timedelta(days=BLOCK_DAYS)
        return cls(seed, (start - EPOCH) // block - SPIN_UP, (end - EPOCH) // block + 1)

    @cached_property
    def days(self) -> np.ndarray:
        """Days since `EPOCH`, one value per 5 minutes."""
        return self.first * BLOCK_DAYS + np.arange(self.size) * (STEP_HOURS / 24)

    @property
    def size(self) -> int:
        """Number of 5-minute steps."""
        return (self.last - self.first) * _PER_BLOCK

    @property
    def index(self) -> pd.DatetimeIndex:
        """Timestamps of the 5-minute steps."""
        start = EPOCH + pd.Timedelta(days=self.first * BLOCK_DAYS)
        return pd.date_range(start, periods=self.size, freq="5min", name="time")

    def within(self, longer: "SimulationSpan") -> slice:
        """Return where this span lies in a longer one."""
        start = (self.first - longer.first) * _PER_BLOCK
        return slice(start, start + self.size)

    def generator(self, process: str, block: int) -> np.random.Generator:
        """Return the random generator of a process in a block (or any other whole number)."""
        name = zlib.crc32(process.encode())
        return np.random.default_rng([self.seed, name, _FIRST_BLOCK + block])

    def white_noise(self, process: str) -> np.ndarray:
        """Return independent standard normal numbers, one per 5 minutes."""
        blocks = range(self.first, self.last)
        return np.concatenate(
            [self.generator(process, block).standard_normal(_PER_BLOCK) for block in blocks]
        )

    def ornstein_uhlenbeck(self, process: str, hours: float) -> np.ndarray:
        """Return an Ornstein-Uhlenbeck process of unit variance and that correlation time."""
        keep = np.exp(-STEP_HOURS / hours)
        return scipy.signal.lfilter([np.sqrt(1 - keep**2)], [1, -keep], self.white_noise(process))

    def slow_curve(self, process: str) -> np.ndarray:
        """Return a slow random curve: a normal number per block, joined by straight lines."""
        blocks = np.arange(self.first, self.last + 1)
        knots = [self.generator(process, block).standard_normal() for block in blocks.tolist()]
        return np.interp(self.days, blocks * BLOCK_DAYS, knots)


def past_mean(values: np.ndarray, hours: float) -> np.ndarray:
    """Return the exponentially weighted past mean of `values` (5-minute steps)."""
    keep = np.exp(-STEP_HOURS / hours)
    return scipy.signal.lfilter([1 - keep], [1, -keep], values)


def linear_recurrence(decay: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Solve ``y[n] = decay[n] * y[n-1] + gain[n]``, with y zero before the first step.

    The series is folded into rows: all rows advance together from zero, then what each row
    inherits from the one before is added. That takes 2 sqrt(n) numpy calls instead of n steps.
    """
    size = len(decay)
    width = int(np.ceil(np.sqrt(size)))
    pad = (0, -size % width)
    decays = np.pad(decay, pad).reshape(-1, width).T.copy()
    result = np.pad(gain, pad).reshape(-1, width).T.copy()
    for step in range(1, width):
        result[step] += decays[step] * result[step - 1]
    inherited = np.cumprod(decays, axis=0)
    for row in range(1, result.shape[1]):
        result[:, row] += inherited[:, row] * result[-1, row - 1]
    return result.T.ravel()[:size]
