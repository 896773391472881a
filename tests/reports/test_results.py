import json

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fluxlib import Results, require
from fluxlib.errors import FluxError, NotApplicable

matplotlib.use("agg")
from matplotlib import pyplot as plt


@pytest.fixture
def results(tmp_path):
    return make_results(tmp_path)


def make_results(folder, step="03_offsets"):
    return Results(step, dataset="tiny", reports=folder / "reports", figures=folder / "figures")


def test_require_stops_only_when_the_condition_fails():
    require(True, "never seen")
    with pytest.raises(NotApplicable, match="Only one satellite"):
        require(False, "Only one satellite.")


def test_saved_values_come_back(results):
    results.save(headline=[{"label": "r", "value": 0.5}], n=3, name="µ")
    assert results.read("03_offsets") == {
        "headline": [{"label": "r", "value": 0.5}],
        "n": 3,
        "name": "µ",
    }


def test_numpy_and_pandas_values_become_plain_json(results):
    frame = pd.DataFrame({"pe": [0.5, np.nan]}, index=pd.Index([2008, 2009], name="year"))
    results.save(
        scores=frame,
        series=pd.Series({"V": np.float32(0.5)}),
        array=np.array([1, 2]),
        bad=[np.nan, np.inf, pd.NA, pd.NaT],
        flag=np.bool_(True),
        when=np.datetime64("2010-04-05T00:00"),
        day=pd.Timestamp("2010-04-05"),
        span=pd.Timedelta("1D"),
    )
    path = results.folder / "03_offsets.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "scores": [{"year": 2008, "pe": 0.5}, {"year": 2009, "pe": None}],
        "series": {"V": 0.5},
        "array": [1, 2],
        "bad": [None, None, None, None],
        "flag": True,
        "when": "2010-04-05T00:00:00",
        "day": "2010-04-05T00:00:00",
        "span": "P1DT0H0M0S",
    }


def test_a_value_without_json_form_is_named(results):
    with pytest.raises(FluxError, match=r"results\.model\.best\[1\]: found a object"):
        results.save(model={"best": [1, object()]})
    assert not results.has("03_offsets")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"headline": {"label": "r"}}, "headline: expected a list of dictionaries"),
        ({"headline": [{"label": "r"}]}, "headline: found .* expected it to have a 'value'"),
        ({"scores": [1, 2]}, "scores: expected a list of dictionaries"),
    ],
)
def test_what_the_index_could_not_show_is_refused(results, values, message):
    with pytest.raises(FluxError, match=message):
        results.save(**values)
    assert not results.has("03_offsets")


def test_reading_what_is_absent_says_what_to_run(results):
    assert not results.has("02_calibration")
    with pytest.raises(FluxError, match="Run notebook 02_calibration on dataset 'tiny' first"):
        results.read("02_calibration")
    with pytest.raises(FluxError, match="--only 02"):
        results.read_table("02_calibration", "pairs")


def test_a_later_step_reads_an_earlier_ones_table(tmp_path):
    time = pd.date_range("2010-01-01", periods=3, freq="D", name="time")
    frame = pd.DataFrame({"e2": [1.0, np.nan, 3.0]}, index=time)
    make_results(tmp_path, "02_calibration").save_table(frame, "daily")
    assert (tmp_path / "reports" / "tiny" / "tables" / "02_calibration_daily.parquet").is_file()
    back = make_results(tmp_path).read_table("02_calibration", "daily")
    pd.testing.assert_frame_equal(back, frame, check_freq=False)


@pytest.fixture
def shown(monkeypatch):
    """Return a list that gets what is shown."""
    images = []
    monkeypatch.setattr("IPython.display.display", images.append)
    return images


@pytest.mark.parametrize("kind", ["axes", "figure", "subfigure"])
def test_a_figure_is_saved_with_its_words_shown_and_closed(results, tmp_path, shown, kind):
    figure = plt.figure(figsize=(5, 3))
    part = figure.subfigures() if kind == "subfigure" else figure
    axes = part.subplots()
    axes.plot([0, 1])
    results.show_figure(
        figure if kind == "figure" else axes, "line", alt="A rising line, 0 to 1 MeV²", title="Rise"
    )
    (image,) = shown
    data, metadata = image._repr_mimebundle_()
    assert metadata["image/png"] == {
        "width": 480,
        "alt": "A rising line, 0 to 1 MeV²",
        "title": "Rise",
    }
    assert plt.get_fignums() == []
    with Image.open(tmp_path / "figures" / "tiny" / "03_offsets_line.png") as picture:
        assert picture.text == {"Title": "Rise", "Description": "A rising line, 0 to 1 MeV²"}
        assert picture.info["dpi"][0] == pytest.approx(150, abs=0.1)
    assert "image/png" in data


def test_the_same_figure_gives_the_same_bytes(results, tmp_path):
    contents = []
    for _ in range(2):
        figure, axes = plt.subplots()
        axes.plot([0, 1])
        results.show_figure(figure, "line", alt="A line")
        contents.append((tmp_path / "figures" / "tiny" / "03_offsets_line.png").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("side", ["left", "center"])
def test_a_caption_goes_on_with_what_the_picture_says(results, shown, side):
    axes = plt.figure().subplots()
    axes.set_title("GA-RF 0.26, linear 0.84", loc=side)
    results.show_figure(axes, "line", alt="A line", title="72-h gaps")
    assert shown[0].metadata["title"] == "72-h gaps. GA-RF 0.26, linear 0.84"
    figure = plt.figure()
    figure.subplots()
    figure.suptitle("3 of 4")
    results.show_figure(figure, "line", alt="A line", title="Panels")
    assert shown[1].metadata["title"] == "Panels. 3 of 4"


def test_a_figure_needs_words(results):
    figure, _ = plt.subplots()
    with pytest.raises(FluxError, match="no alt text"):
        results.show_figure(figure, "line", alt=" ")
    plt.close(figure)


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_names_that_would_leave_the_folder_are_refused(results, tmp_path, name):
    with pytest.raises(FluxError, match="part of a file's name"):
        results.save_table(pd.DataFrame({"a": [1]}), name)
    with pytest.raises(FluxError, match="dataset"):
        Results("03_offsets", dataset=name, reports=tmp_path, figures=tmp_path)


def test_a_step_has_two_digits(tmp_path):
    with pytest.raises(FluxError, match="'offsets'"):
        make_results(tmp_path, "offsets")


def test_simulated_data_say_so_in_the_notebook_and_in_each_figure(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("IPython.display.display", lambda image: None)
    options = {"dataset": "tiny", "reports": tmp_path, "figures": tmp_path}
    simulated = Results("03_offsets", simulated=True, **options)
    assert "simulated" in capsys.readouterr().out
    for results, marked in ((simulated, True), (Results("03_offsets", **options), False)):
        figure, ax = plt.subplots()
        ax.plot([1, 2])
        results.show_figure(ax, "one", alt="A line.")
        assert ("simulated data" in [text.get_text() for text in figure.texts]) == marked
