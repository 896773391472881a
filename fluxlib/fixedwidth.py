"""Fixed-width columns of numbers, as Fortran prints them, to arrays: eight characters at a time.

Numbers are right-aligned and their decimal point has one place, so the last eight characters of a
field make one 64-bit word of each line, whose bytes are checked and summed up together: a few
operations on whole arrays, where to split and to convert would be one for each field (Lemire 2022,
"SWAR explained: parsing eight digits").
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import SEEK_END
from threading import Lock
from typing import BinaryIO

import numpy as np

ROWS = 2048  # of one pass: few enough that the words stay in a processor's cache
THREADS = 2  # each wants the interpreter between its operations
SIZE = 8  # characters of a word
NEWLINE, BLANK, POINT = b"\n ."


def _repeat(byte: int) -> np.uint64:
    return np.uint64(byte * 0x0101010101010101)


BLANKS = _repeat(BLANK)
FLAGS = _repeat(0x10)  # the bit by which digits, 0x30 to 0x39, differ from blank and minus
TO_MINUS = np.uint64(ord("-") ^ BLANK)
SIXES, HIGH = _repeat(0x06), _repeat(0xF0)  # a nibble above nine, and six, is above fifteen
# Neighbours are joined to numbers of two digits, these to four, and these to eight: the factor,
# the shift, and what to keep.
JOINS = (
    (np.uint64(10 * 2**8 + 1), np.uint64(8), np.uint64(0x00FF00FF00FF00FF)),
    (np.uint64(100 * 2**16 + 1), np.uint64(16), np.uint64(0x0000FFFF0000FFFF)),
    (np.uint64(10000 * 2**32 + 1), np.uint64(32), np.uint64(0xFFFFFFFF)),
)


class _Columns:
    """Where the words of the wanted fields stand in a line, and which of their bytes count."""

    def __init__(self, line: np.ndarray, wanted: Sequence[int]):
        ends = np.flatnonzero((line[:-1] > BLANK) & (line[1:] <= BLANK)) + 1
        starts = np.concatenate([[0], ends[:-1]])
        self.width = line.size
        self.ends, self.blanks, self.points = [], [], [line.size - 1]
        masks, decimals = [], []
        for field in wanted:
            start, end = int(starts[field]), int(ends[field])
            if line[end - 1] == POINT:  # "9999."
                end -= 1
                self.points.append(end)
            points = np.flatnonzero(line[start:end] == POINT) + start
            decimals.append(end - 1 - points[-1] if len(points) else 0)
            masks.append(_make_masks(start, end, points))
            self.ends.append(end)
            self.blanks += range(start, end - SIZE)
        self.marks = np.full(len(self.points), POINT, np.uint8)
        self.marks[0] = NEWLINE
        columns = np.array(masks, np.uint64).T[..., None]
        self.point, self.mark, self.before, self.after, self.filled, self.latest = columns
        self.scales = 10.0 ** np.array(decimals)[:, None]
        self.fits = max(decimals, default=0) < SIZE


def _make_masks(start: int, end: int, points: np.ndarray) -> list[int]:
    """Return the masks of a field's word: the point, what is before it (moved up) and after it.

    The last is the lowest bit of the byte that must be a digit: the first after the point.
    """
    places = range(max(0, SIZE - (end - start)), SIZE)  # bytes of the word that are the field's
    point = int(points[-1]) - end + SIZE if len(points) else -1
    mark = [point] if point >= 0 else []
    before = [place + 1 for place in places if place < point]
    after = [place for place in places if place > point]
    filled = [place for place in range(SIZE) if place not in before + after]
    return [
        _join_bytes(mark, 0xFF),
        _join_bytes(mark, POINT),
        _join_bytes(before, 0xFF),
        _join_bytes(after, 0xFF),
        _join_bytes(filled, BLANK),
        _join_bytes([point + 1 if mark else SIZE - 1], 1),
    ]


def _join_bytes(places: Sequence[int], byte: int) -> int:
    return sum(byte << (8 * place) for place in places)


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
        float64; None if the lines are not quite of this form, or a number has more than eight
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
    # The first field's word may begin before its line.
    text = np.empty(SIZE + ROWS * columns.width, np.uint8)
    for start in starts.tolist():
        part = result[:, start : start + ROWS]
        size = part.shape[1] * columns.width
        with lock:
            stream.seek(start * columns.width)
            if stream.readinto(memoryview(text)[SIZE : SIZE + size]) < size:
                return False
        if not _parse_block(text[: SIZE + size], columns, part):
            return False
    return True


def _parse_block(text: np.ndarray, columns: _Columns, result: np.ndarray) -> bool:
    """Parse lines, which follow eight other bytes, into `result`; tell whether all are sound."""
    lines = text[SIZE:].reshape(-1, columns.width)
    for column, mark in zip(columns.points, columns.marks, strict=True):
        if (lines[:, column] != mark).any():
            return False
    if any((lines[:, column] != BLANK).any() for column in columns.blanks):
        return False
    words = _load_words(text, columns)
    if ((words & columns.point) != columns.mark).any():
        return False
    before = words << np.uint64(8)
    before &= columns.before
    words &= columns.after
    words |= before
    words |= columns.filled
    is_negative = _take_digits(words, columns.latest)
    if is_negative is None:
        return False
    for factor, shift, kept in JOINS:
        words *= factor
        words >>= shift
        words &= kept
    # Two's complement: all bits turned, and one more.
    sign = np.negative(is_negative.astype(np.uint64))
    words ^= sign
    words -= sign
    # The quotient of two exact numbers is the number nearest to the text.
    np.divide(words.view(np.int64), columns.scales, out=result)
    return True


def _load_words(text: np.ndarray, columns: _Columns) -> np.ndarray:
    """Return (fields, lines): the first of a word's characters is its lowest byte."""
    shape = len(columns.ends), (len(text) - SIZE) // columns.width
    words = np.empty(shape, "<u8")
    for row, end in zip(words, columns.ends, strict=True):
        # As bytes, for most words stand where no number may.
        row.view("V8")[:] = np.ndarray(shape[1:], "V8", text, end, (columns.width,))
    return words


def _take_digits(words: np.ndarray, latest: np.ndarray) -> np.ndarray | None:
    """Leave the digits' values in the words; return which are negative, None if one is unsound.

    A sound one has blanks, a minus or none, and digits, in this order, from `latest` on at least.
    """
    flags = words & FLAGS
    low = flags >> np.uint64(4)
    nibbles = flags - low
    rest = words ^ flags
    words &= nibbles
    rest ^= words
    rest ^= BLANKS  # what a digit or a blank leaves is nothing
    np.add(words, SIXES, out=nibbles)
    nibbles &= HIGH
    low *= np.uint64(255)
    first = np.negative(low)  # the lowest bit of the first digit's byte, if no byte after it lacks
    np.invert(low, out=low)
    low &= first
    low |= nibbles
    if low.any() or (first - np.uint64(1) >= latest).any():  # without a digit it is zero
        return None
    first >>= np.uint64(8)
    first *= TO_MINUS
    is_negative = rest != 0
    return is_negative if ((rest == first) | ~is_negative).all() else None
