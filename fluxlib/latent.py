"""Calibration lines by the likelihood of a flux that neither satellite sees exactly.

The true log10 flux is latent. Both satellites add Gaussian error to it, one of them after a
response of one or two lines; a satellite at its floor says only "below". The distribution of the
latent flux is estimated along with the rest (Kiefer and Wolfowitz 1956, Ann. Math. Stat. 27, 887),
as the exponential of a spline (Efron 2016, Biometrika 103, 1), so that neither its shape nor a
floor bends the line. A few pairs may be outliers, uniform over the plane (Hogg et al. 2010,
arXiv:1008.4686).
"""

import numpy as np

from fluxlib.likelihood import LatentModel, Pairs, differentiate, slope_logit

N_BREAKS = 17  # breakpoints tried: neighbours share most pairs, so more would tell the same


def fit_latent(
    pairs: Pairs, *, bend: bool, error_ratio: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Fit one line, or two that meet, by maximum likelihood.

    Parameters
    ----------
    pairs
        x should be centred.
    bend
        Whether the slope may change at a breakpoint.
    error_ratio
        Variance of y's error over that of x's.

    Returns
    -------
    coefficients : ndarray of shape (2,) or (4,)
        Intercept, slope; with a bend, also the slope above the breakpoint, and the breakpoint.
    influence : ndarray of shape (n, 2 or 4)
        Each pair's influence on them; NaN for a breakpoint that could be anywhere.
    """
    model = LatentModel(pairs, bend, error_ratio)
    best = model.maximise()
    line, scores, information = model.line(best), model.scores(best)[1], model.information(best)
    influence = np.full(scores.shape, np.nan)
    known = np.ones(len(best), dtype=bool)
    if bend and np.linalg.eigvalsh(information)[0] <= 0:
        known[3] = False  # no bend to speak of, so it could be anywhere
    influence[:, known] = scores[:, known] @ np.linalg.inv(information[np.ix_(known, known)])
    if not bend:
        return line, influence[:, :2]
    above = influence[:, 1] + influence[:, 2]
    width = np.diff(model.breaks) * slope_logit(best[3])
    return (
        np.array([line[0], line[1], line[1] + line[2], line[3]]),
        np.column_stack([influence[:, 0], influence[:, 1], above, width * influence[:, 3]]),
    )


def bend_scores(pairs: Pairs, *, error_ratio: float = 1.0) -> np.ndarray:
    """Give each pair's pull towards a bend, at breakpoints across the data, from one line.

    The score of the bend, less what the other parameters' scores explain of it: its sum over
    pairs is zero on average if one line is enough (Hansen 1996, Econometrica 64, 413).

    Returns
    -------
    ndarray of shape (n, N_BREAKS)
    """
    model = LatentModel(pairs, False, error_ratio)
    best = model.maximise()
    breaks = np.quantile(pairs.x[model.seen], np.linspace(0.1, 0.9, N_BREAKS))
    shapes = model.hinge(model.grid[:, None] - breaks)
    _, nuisance, pull = model.scores(best, with_pull=True)
    cross = differentiate(
        lambda at: (model.scores(at, with_pull=True)[2] @ shapes).sum(axis=0), best, 1e-4
    )
    return pull @ shapes + nuisance @ np.linalg.solve(model.information(best), cross)
