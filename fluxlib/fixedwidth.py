"""Fixed-width columns of numbers, as Fortran prints them, to arrays: digits by arithmetic.

Numbers are right-aligned and their decimal point has one place, so each is a sum of digits times
powers of ten that are the same in all lines: one product of matrices, much faster than to split
and convert every field.
"""

from collections.abc import Sequence
from io import SEEK_END
from typing import BinaryIO

import numpy as np

ROWS = 1024  # of one pass: what a processor's cache holds
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
    lines = np.empty((ROWS, first.size), np.uint8)
    result = np.empty((len(wanted), size // first.size))
    for start in range(0, result.shape[1], ROWS):
        block = lines[: min(ROWS, result.shape[1] - start)]
        if stream.readinto(memoryview(block).cast("B")) < block.size:
            return None
        numbers = _parse_block(block, columns)
        if numbers is None:
            return None
        # The quotient of two exact numbers is the number nearest to the text.
        np.divide(numbers.T, columns.scales[:, None], out=result[:, start : start + ROWS])
    return result


def _parse_block(lines: np.ndarray, columns: _Columns) -> np.ndarray | None:
    """Return whole numbers (lines, fields), their points left out; None if some are none."""
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
    numbers = np.empty((len(lines), len(columns.scales)), np.float32)
    digits = (digits * is_digit).astype(np.float32)
    for rows, group in columns.groups:
        np.matmul(digits[:, rows], columns.weights[rows, group], out=numbers[:, group])
    for place in np.flatnonzero(is_minus.any(axis=0)):
        signed = numbers[:, columns.field[place]]
        np.negative(signed, out=signed, where=is_minus[:, place])
    return numbers
