import numpy as np
import pandas as pd
import pytest

from fluxlib.utils.formatting import (
    align_columns,
    format_seconds,
    format_value,
    tabulate_records,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.7, "1 min 00 s"), (185, "3 min 05 s")],
)
def test_durations_read_well(seconds, text):
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (True, "yes"),
        (2008, "2008"),
        (52584, "52,584"),
        (0.26, "0.260"),
        (0.0, "0"),
        (27.1234, "27.1"),
        (-0.0321, "-0.0321"),
        (1234.5, "1,234"),
        (3.2e7, "3.2e+07"),
        ("LSTM", "LSTM"),
        ([1, 0.5], "1, 0.500"),
    ],
)
def test_values_show_three_digits(value, text):
    assert format_value(value) == text


def test_a_column_has_one_number_of_decimals_and_gaps_are_dashes():
    table = tabulate_records(
        [{"model": "LSTM", "rmse": 0.2}, {"model": "ridge", "rmse": 12.345}, {"model": "none"}]
    )
    assert table["columns"] == [
        {"name": "model", "number": False},
        {"name": "rmse", "number": True},
    ]
    assert table["rows"] == [["LSTM", "0.2"], ["ridge", "12.3"], ["none", "\N{EN DASH}"]]


def test_text_columns_of_a_frame_are_marked_and_numbers_are_not():
    frame = pd.DataFrame(
        {"note": ["low", "7"], "n": [1, 22], "day": pd.to_datetime(["2010-04-05", "2010-04-06"])},
        index=pd.Index(["a", "b"], name="satellite"),
    )
    html = align_columns(frame.to_html())
    assert '<th class="text short">note</th>' in html
    assert '<td class="text short">7</td>' in html
    assert '<td class="text short">2010-04-05</td>' in html
    assert "<td>22</td>" in html
    assert "<th>satellite</th>" in html
    assert html.count("<tr") == 3
    assert "style=" not in html


def test_a_long_frame_keeps_its_numeric_columns_and_its_index_names():
    index = pd.MultiIndex.from_product([range(10), ["a b c d e f g h i j k l"]], names=["i", "why"])
    html = align_columns(pd.DataFrame({"n": range(10)}, index=index).to_html(max_rows=4))
    assert html.index("<th>i</th>") < html.index("<th>why</th>") < html.index("<th>n</th>")
    assert html.count("<tr") == 6
    assert "<td>...</td>" in html
    assert 'class="text' not in html


def test_headers_of_two_levels_are_not_taken_for_names_of_the_index():
    columns = pd.MultiIndex.from_tuples([("E", "PE"), ("W", "LC")])
    html = align_columns(pd.DataFrame([[1, 2]], columns=columns).to_html())
    for name in ("E", "W", "PE", "LC"):
        assert html.count(f">{name}</th>") == 1
    assert html.count("<tr") == 3


def test_long_texts_may_break_and_other_html_stays_as_it_is():
    frame = pd.DataFrame({"why": ["a" * 21, "a" * 20]})
    html = align_columns(frame.to_html())
    assert f'<td class="text">{"a" * 21}</td>' in html
    assert f'<td class="text short">{"a" * 20}</td>' in html
    text = '<p style="color: red">x &amp; y</p>'
    assert align_columns(text) == text


def test_merged_headers_are_left_alone():
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["E"], ["PE", "LC"]]))
    assert 'class="text' not in align_columns(frame.to_html())


def test_what_is_missing_is_a_dash_and_its_column_still_one_of_numbers():
    frame = pd.DataFrame({"PE": [0.9, np.nan], "since": [pd.NaT, pd.Timestamp("2014-01-01")]})
    html = align_columns(frame.to_html())
    assert "NaN" not in html
    assert "NaT" not in html
    assert html.count("–") == 2  # noqa: RUF001
    assert "<th>PE</th>" in html
