"""What the two papers printed, and where they err.

Wei et al. 2018, Space Weather 16, 903-916, doi 10.1029/2018SW001829, and Sci. Rep. 2025,
s41598-025-87082-9 (GA-RF). All scores are of log10 flux.
"""

import pandas as pd

WEI = "Wei et al. 2018, doi 10.1029/2018SW001829"
GARF = "Sci. Rep. 2025, s41598-025-87082-9"

# Generation 83 of the published search; the fitness was 1/RMSE on the training set.
GA_TRAINING_RMSE = 0.2045
GA_TRAINING_GENERATION = 83

ERRATA = (
    (
        GARF,
        "The table of the five-fold scores has PE and LC swapped.",
        "PE <= LC^2 on any one sample, and the printed .9199 > .8140^2.",
        "We show them the other way round.",
    ),
    (
        GARF,
        "RMSE is printed with the mean of T where T_i belongs; LC's denominator is misprinted; "
        "MAE and PE change names between sections.",
        "A mean in place of each sample makes no error; the text defines both otherwise.",
        "`fluxlib.scores` has the standard definitions.",
    ),
    (
        GARF,
        "GOES-East and GOES-West are reversed.",
        "75 W is GOES-East, 135 W is GOES-West.",
        "Positions here are those of the satellites.",
    ),
    (
        GARF,
        "The GA's fitness is 1/RMSE on the training set.",
        "It reached .2045, against .39-.42 in cross-validation: it rewards single-sample leaves "
        "and deep trees.",
        "`fitness='validation'` (blocks) is the default, `'train'` the published way.",
    ),
    (
        GARF,
        "Random folds leak.",
        "Samples five minutes apart are nearly the same, so the test set is in the training set.",
        "Blocks of time with a purge are the default; notebook 04 shows the leak once.",
    ),
    (
        "notes on the method",
        "`shift(-2)` of a driver makes it lead.",
        "A driver that precedes the flux by n steps is `shift(+n)`.",
        "Offsets here are hours by which a driver precedes the flux, >= 0.",
    ),
    (
        "notes on the method",
        "Windows of [1, 2, 3, 4, 5] with two steps are said to be four.",
        "X = [[1, 2], [2, 3], [3, 4]], y = [3, 4, 5]: the fourth sample runs past the end.",
        "`fluxlib.windows` makes the three.",
    ),
    (
        GARF,
        "The 48 inputs are not listed.",
        "Only their number and kinds are given.",
        "`fluxlib.features.paper_inputs` is our reconstruction.",
    ),
)


def list_garf_scores() -> pd.DataFrame:
    """Return the published scores of GA-RF, PE and LC put right.

    Returns
    -------
    DataFrame
        Columns `protocol`, `position`, `RMSE`, `MAE`, `PE`, `LC`. The paper's "E" is 75 W.
    """
    rows = [
        ("five-fold, random", "east", 0.3872, 0.2084, 0.8140, 0.9199),
        ("five-fold, random", "west", 0.4197, 0.2474, 0.8595, 0.9290),
        ("new periods", "east", 0.3983, 0.1938, 0.8275, 0.9259),
        ("new periods", "west", 0.4082, 0.2625, 0.8814, 0.9395),
    ]
    return pd.DataFrame(rows, columns=["protocol", "position", "RMSE", "MAE", "PE", "LC"])


def list_wei_scores() -> pd.DataFrame:
    """Return Wei's PE one day ahead by year; quoted from memory and not verified.

    Returns
    -------
    DataFrame
        Columns `year`, `PE`, `verified` (False).
    """
    rows = [(2008, 0.833, False), (2009, 0.896, False), (2010, 0.911, False)]
    return pd.DataFrame(rows, columns=["year", "PE", "verified"])


def list_errata() -> pd.DataFrame:
    """Return the papers' errors: `paper`, `printed`, `reason`, `here`."""
    return pd.DataFrame(ERRATA, columns=["paper", "printed", "reason", "here"])
