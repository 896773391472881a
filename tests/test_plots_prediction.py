import pandas as pd
from drawn import LOG, legend_of

from fluxlib import plots_prediction


def test_forecast_shows_its_interval_and_the_alert_level(ax):
    band = pd.DataFrame({"lower": LOG - 1, "upper": LOG + 1})
    plots_prediction.plot_forecast(LOG, {"LSTM": LOG + 0.1}, interval=band, ax=ax)
    assert legend_of(ax) == ["observed", "LSTM"]
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (LOG.min() - 1, LOG.max() + 1)
    assert ax.lines[-1].get_ydata() == [8, 8]
