import pandas as pd

from fluxlib.plotting import prediction as plots_prediction
from tests.helpers.figures import LOG, legend_of


def test_forecast_shows_its_interval_and_the_alert_level(ax):
    band = pd.DataFrame({"lower": LOG - 1, "upper": LOG + 1})
    plots_prediction.plot_forecast(LOG, {"LSTM": LOG + 0.1}, interval=band, ax=ax)
    assert legend_of(ax) == ["90 % interval", "observed", "LSTM", "alert level"]
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (LOG.min() - 1, LOG.max() + 1)
    assert ax.lines[-1].get_ydata() == [8, 8]


def test_input_study_frames_its_best_set(ax):
    rows = [("V", 1, 0.5), ("V", 2, 0.8), ("N", 1, 0.3), ("N", 2, 0.4)]
    study = pd.DataFrame(rows, columns=["inputs", "time_step", "PE"]).assign(horizon=1)
    plots_prediction.plot_input_study(study, ax=ax)
    frame = ax.patches[-1]
    assert frame.get_xy() == (1, 0)
    assert [text.get_text() for text in ax.texts] == ["0.50", "0.80", "0.30", "0.40"]


def test_importance_names_the_issue_day_and_all_days(ax):
    table = pd.DataFrame({0: [0.3, 0.1], 1: [0.2, 0.0], "all": [0.5, 0.1]}, ["e2", "V"])
    plots_prediction.plot_importance(table, ax=ax)
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["issue\nday", "1 before", "all\ndays"]


def test_skill_is_drawn_with_its_interval(ax):
    index = pd.MultiIndex.from_tuples([("LSTM", 1), ("LSTM", 2)], names=["model", "horizon"])
    skill = pd.DataFrame({"value": [0.6, 0.4], "lower": [0.5, 0.2], "upper": [0.7, 0.5]}, index)
    plots_prediction.plot_skill(skill, ax=ax)
    segments = ax.containers[0][2][0].get_segments()
    assert segments[0][:, 1].tolist() == [0.5, 0.7]
    assert legend_of(ax) == ["LSTM"]


def test_losses_are_drawn_up_to_the_epoch_reached_and_the_least_is_marked(ax):
    plots_prediction.plot_losses([3.0, 1.0, 2.0], 10, ax=ax)
    assert ax.lines[0].get_xydata().tolist() == [[1, 3], [2, 1], [3, 2]]
    assert ax.lines[1].get_xydata().tolist() == [[2, 1]]
    assert ax.get_xlim() == (0.5, 10.5)


def test_reliability_shows_frequency_by_probability_with_the_number_of_days(ax):
    bins = pd.DataFrame({"probability": [0.1, 0.9], "frequency": [0.2, 0.8], "n": [50, 7]})
    plots_prediction.plot_reliability(bins, ax=ax)
    days = ax.containers[0].lines[0]
    assert days.get_xdata().tolist() == [0.1, 0.9]
    assert days.get_ydata().tolist() == [0.2, 0.8]
    assert [text.get_text() for text in ax.texts] == [" 50", " 7"]
