"""Fixed-width columns of numbers, as Fortran prints them, to arrays: digits by arithmetic.

Numbers are right-aligned and their decimal point has one place, so each is a sum of digits times
powers of ten that are the same in all lines: one product of matrices, much faster than to split
and convert every field.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import SEEK_END
from threading import Lock
from typing import BinaryIO

import numpy as np

ROWS = 1024  # of one pass: what a processor's cache holds
THREADS = 2  # more than memory can feed gain nothing
GROUP = 4  # fields of one product: small enough to be worth no second thread
DIGITS = 7  # of one number: what single precision adds up exactly
NEWLINE, BLANK, MINUS, POINT, ZERO = b"\n -.0"


class _Columns:
    """Where the characters of the wanted fields stand in a line, and what they count for."""

    def __init__(self, line: np.ndarray, wanted: Sequence[int]):
        ends = np.flatnonzero((line[:-1] > BLANK) & (line[1:] <= BLANK))
        starts = np.concatenate([[0], ends[:-1] + 1])
        places, points, powers, decimals = [], [], [], []
        for field in wanted:
            place = np.arange(starts[field], ends[field] + 1)
            point = line[place] == POINT
            points.append(place[point])
            places.append(place[~point])
            powers.append(np.arange(len(places[-1]))[::-1])
            decimals.append(point[::-1].argmax())
        self.points = np.concatenate(points)
        self.places = np.concatenate(places)
        self.field = np.repeat(np.arange(len(wanted)), [len(place) for place in places])
        self.width = line.size
        self.scales = 10.0 ** np.array(decimals)
        power = np.concatenate(powers)
        self.last = power == 0
        self.beyond = power >= DIGITS
        self.weights = np.zeros((len(power), len(wanted)), np.float32)
        self.weights[np.arange(len(power)), self.field] = np.where(self.beyond, 0, 10.0**power)
        starts = np.arange(0, len(wanted) + GROUP, GROUP)
        rows = np.searchsorted(self.field, starts)
        self.groups = [
            (slice(*rows[i : i + 2]), slice(*starts[i : i + 2])) for i in range(len(starts) - 1)
        ]


def parse_fixed(stream: BinaryIO, wanted: Sequence[int]) -> np.ndarray | None:
    """Parse fields of equally long lines of right-aligned numbers.

    Parameters
    ----------
    stream : binary file
        Its first line shows where each field ends.
    wanted : sequence of int
        The fields to return, counted from 0.

    Returns
    -------
    ndarray of shape (wanted, lines), or None
        float64; None if the lines are not quite of this form.
    """
    first = np.frombuffer(stream.readline(), np.uint8)
    size = stream.seek(0, SEEK_END)
    stream.seek(0)
    if not first.size or first[-1] != NEWLINE or size % first.size:
        return None
    columns = _Columns(first, wanted)
    result = np.empty((len(wanted), size // first.size))
    n_parts = min(THREADS, os.cpu_count() or 1)
    parts = np.array_split(np.arange(0, result.shape[1], ROWS), n_parts)
    with ThreadPoolExecutor(n_parts) as pool:
        lock = Lock()
        sound = pool.map(lambda part: _parse_part(stream, lock, part, columns, result), parts)
        return result if all(sound) else None


def _parse_part(stream, lock: Lock, starts: np.ndarray, columns: _Columns, result) -> bool:
    """Parse the blocks that begin at some lines into `result`; tell whether all are sound."""
    lines = np.empty((ROWS, columns.width), np.uint8)
    for start in starts.tolist():
        block = lines[: min(ROWS, result.shape[1] - start)]
        with lock:
            stream.seek(start * columns.width)
            if stream.readinto(memoryview(block).cast("B")) < block.size:
                return False
        numbers = _parse_block(block, columns)
        if numbers is None:
            return False
        # The quotient of two exact numbers is the number nearest to the text.
        np.divide(numbers, columns.scales[:, None], out=result[:, start : start + ROWS])
    return True


def _parse_block(lines: np.ndarray, columns: _Columns) -> np.ndarray | None:
    """Return whole numbers (fields, lines), their points left out; None if some are none."""
    text = lines[:, columns.places]
    digits = text - np.uint8(ZERO)  # what is less than "0" becomes large
    is_digit = digits < 10
    is_minus = text == MINUS
    is_blank = text == BLANK
    ends_early = ~is_blank[:, :-1] & ~is_digit[:, 1:] & ~columns.last[:-1]
    if (
        (lines[:, -1] != NEWLINE).any()
        or (lines[:, columns.points] != POINT).any()
        or not (is_digit | is_minus | is_blank).all()
        or not is_digit[:, columns.last].all()
        or is_digit[:, columns.beyond].any()
        or ends_early.any()
    ):
        return None
    numbers = np.empty((len(columns.scales), len(lines)), np.float32)
    digits = (digits * is_digit).astype(np.float32)
    for rows, group in columns.groups:
        # numpy lays `text` out by columns, so that its transposed is the one to walk along.
        np.matmul(columns.weights[rows, group].T, digits[:, rows].T, out=numbers[group])
    for place in np.flatnonzero(is_minus.any(axis=0)):
        signed = numbers[columns.field[place]]
        np.negative(signed, out=signed, where=is_minus[:, place])
    return numbers
