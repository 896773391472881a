"""Fixed-width columns of numbers, as Fortran prints them, to arrays.

A compiled loop over the characters, as pandas and pyarrow spend their time on where fields end,
which in such a file is the same in every line.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import SEEK_END
from threading import Lock
from typing import BinaryIO

import numpy as np
from numba import njit

ROWS = 2048  # of a block: few enough that its text stays in a processor's cache
THREADS = 2
DIGITS = 15  # a double holds any whole number of so many
NEWLINE, BLANK, MINUS, POINT, ZERO = b"\n -.0"


class _Columns:
    """Where the wanted fields stand in a line: each from `start` to `end`, its point at `point`."""

    def __init__(self, line: np.ndarray, wanted: Sequence[int]):
        ends = np.flatnonzero((line[:-1] > BLANK) & (line[1:] <= BLANK)) + 1
        starts = np.concatenate([[0], ends[:-1]])[list(wanted)]
        ends = ends[list(wanted)]
        points = np.flatnonzero(line == POINT)
        last = np.append(points, -1)[np.searchsorted(points, ends) - 1]
        last = np.where(last < starts, ends, last)  # a whole number's would follow it
        self.width = line.size
        self.places = np.column_stack([starts, last, ends])
        self.scales = 10.0 ** np.maximum(ends - last - 1, 0)
        self.fits = (ends - starts).max(initial=0) <= DIGITS


def parse_fixed(stream: BinaryIO, wanted: Sequence[int]) -> np.ndarray | None:
    """Parse fields of equally long lines of right-aligned numbers.

    Parameters
    ----------
    stream : binary file
        Its first line shows where each field ends, and where its decimal point stands.
    wanted : sequence of int
        The fields to return, counted from 0.

    Returns
    -------
    ndarray of shape (wanted, lines), or None
        float64; None if the lines are not quite of this form, or a field is wider than fifteen
        characters.
    """
    first = np.frombuffer(stream.readline(), np.uint8)
    size = stream.seek(0, SEEK_END)
    stream.seek(0)
    if not first.size or first[-1] != NEWLINE or size % first.size:
        return None
    columns = _Columns(first, wanted)
    if not columns.fits:
        return None
    result = np.empty((len(wanted), size // first.size))
    n_parts = min(THREADS, os.cpu_count() or 1)
    parts = np.array_split(np.arange(0, result.shape[1], ROWS), n_parts)
    with ThreadPoolExecutor(n_parts) as pool:
        lock = Lock()
        sound = pool.map(lambda part: _parse_part(stream, lock, part, columns, result), parts)
        return result if all(sound) else None


def _parse_part(stream, lock: Lock, starts: np.ndarray, columns: _Columns, result) -> bool:
    """Parse the blocks that begin at some lines into `result`; tell whether all are sound."""
    text = np.empty(ROWS * columns.width, np.uint8)
    for start in starts.tolist():
        part = result[:, start : start + ROWS]
        block = text[: part.shape[1] * columns.width]
        with lock:
            stream.seek(start * columns.width)
            if stream.readinto(memoryview(block)) < block.size:
                return False
        if not _parse_block(block.reshape(-1, columns.width), columns.places, columns.scales, part):
            return False
    return True


@njit(nogil=True, cache=True)
def _parse_block(lines, places, scales, result):
    """Parse (lines, width) characters into `result`; tell whether all fields are sound.

    A sound one has blanks, a minus or none, and digits, in this order, and one digit at least.
    """
    for row in range(lines.shape[0]):
        line = lines[row]
        if line[-1] != NEWLINE:
            return False
        for field in range(places.shape[0]):
            start, point, end = places[field]
            while start < point and line[start] == BLANK:
                start += 1
            is_negative = start < point and line[start] == MINUS
            start += is_negative
            is_sound = start < point or point + 1 < end
            number = 0
            for at in range(start, point):
                digit = np.int64(line[at]) - ZERO
                is_sound &= (digit >= 0) & (digit <= 9)
                number = 10 * number + digit
            for at in range(point + 1, end):
                digit = np.int64(line[at]) - ZERO
                is_sound &= (digit >= 0) & (digit <= 9)
                number = 10 * number + digit
            if not is_sound or (point < end and line[point] != POINT):
                return False
            # The quotient of two exact numbers is the number nearest to the text.
            value = number / scales[field]
            result[field, row] = -value if is_negative else value
    return True
