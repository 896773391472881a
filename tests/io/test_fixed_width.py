import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxlib.io.fixed_width import parse_fixed

ROW = "{:4d}{:6.1f}{:8.2f}{:7.0f}.{:6d}\n"


def parse(text, wanted=(0, 1, 2, 3, 4)):
    return parse_fixed(io.BytesIO(text.encode()), wanted)


@pytest.mark.parametrize("rows", [1, 127, 128, 129, 2048, 5000])
def test_numbers_are_those_that_were_printed(rows):
    rng = np.random.default_rng(rows)
    values = [
        (int(a), round(b, 1), round(c, 2), float(round(d)), int(e))
        for a, b, c, d, e in zip(
            rng.integers(0, 9999, rows),
            rng.normal(0, 20, rows),
            rng.normal(0, 500, rows),
            rng.uniform(-9e4, 9e5, rows),
            rng.integers(-9999, 99999, rows),
            strict=True,
        )
    ]
    text = "".join(ROW.format(*row) for row in values)
    # Some of the numbers touch, which no splitting at blanks would survive.
    assert (parse(text) == np.array(values).T).all()
    assert (parse(text, (4, 1)) == np.array(values)[:, [4, 1]].T).all()


def test_fortran_may_leave_out_the_zero_before_the_point():
    assert parse("   .50  -.25\n  -.75 12.00\n", (0, 1)).tolist() == [[0.5, -0.75], [-0.25, 12]]


NEARLY = st.from_regex(r" {0,6}-?[0-9]{3,9}", fullmatch=True).map(lambda text: text.rjust(9)[-9:])
ANY = st.text(" -.0123456789x+\t/:?", min_size=9, max_size=9)


@settings(deadline=None, max_examples=2000)
@given(NEARLY | ANY, st.integers(1, 5))
def test_a_field_is_a_number_where_python_has_it_so(text, place):
    good = f"{1.5:9.{place}f}"
    row = f"{text[: 8 - place]}.{text[9 - place :]}"
    values = parse(f"{good}\n{row}\n", (0,))
    if re.fullmatch(r" *-?\d*\.\d+", row):
        assert values.tolist() == [[1.5, float(row)]]
    else:
        assert values is None


def test_signed_zero_is_zero():
    assert parse(" -0.0\n  0.0\n", (0,)).tolist() == [[0, 0]]


GOOD = "  1  2.5\n"


@pytest.mark.parametrize(
    "row",
    [
        "  1  25 \n",  # point elsewhere
        "  1  2.5",  # cut off
        "  1   2.5\n",  # longer
        " 1   2.5\n",  # not right-aligned
        "  x  2.5\n",
        "--1  2.5\n",
        "- 1  2.5\n",
        "1 1  2.5\n",
        "  -  2.5\n",
        "     2.5\n",
        "  1 \t2.5\n",
        "  1  2.5 ",
    ],
)
def test_what_is_not_of_the_form_is_left_to_others(row):
    assert parse(GOOD + GOOD, (0, 1)).tolist() == [[1, 1], [2.5, 2.5]]
    assert parse(GOOD + row, (0, 1)) is None


@pytest.mark.parametrize("text", ["", "  1  2.5"])
def test_a_text_without_a_whole_line_is_left_to_others(text):
    assert parse(text, (0, 1)) is None


def test_numbers_that_a_double_may_not_hold_are_left_to_others():
    assert parse("  99999999999.999\n -12345678901.234\n", (0,)) is None
    widest = "999999999999999\n-99999999999999\n"
    assert parse(widest, (0,)).tolist() == [[999999999999999, -99999999999999]]
    assert parse(" " + widest.replace("\n-", "\n -"), (0,)) is None
