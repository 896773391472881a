"""Calibration lines by the likelihood of a flux that neither satellite sees exactly.

The true log10 flux is latent. Both satellites add Gaussian error to it, one of them after a
response of one or two lines; a satellite at its floor says only "below". The distribution of the
latent flux is estimated along with the rest (Kiefer and Wolfowitz 1956, Ann. Math. Stat. 27, 887),
as the exponential of a spline (Efron 2016, Biometrika 103, 1), so that neither its shape nor a
floor bends the line. A few pairs may be outliers, uniform over the plane (Hogg et al. 2010,
arXiv:1008.4686).
"""

from dataclasses import dataclass

import numpy as np
from scipy import interpolate, optimize, special

from fluxlib.deming import fit_deming

N_SPLINES = 15
BELOW = 1.0  # dex below a floor where the latent flux may still be


@dataclass(frozen=True)
class Pairs:
    """Pairs of log10 values; where ``low`` is true the value is a floor, and the truth below it."""

    x: np.ndarray
    y: np.ndarray
    low_x: np.ndarray
    low_y: np.ndarray


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
        Each pair's influence on them.
    """
    model = _Model(pairs, bend, error_ratio)
    best = model.maximise()
    scores = model.scores(best)[1]
    influence = np.linalg.solve(model.information(best), scores.T).T
    if not bend:
        return best[:2], influence[:, :2]
    above = influence[:, 1] + influence[:, 2]
    return (
        np.array([best[0], best[1], best[1] + best[2], best[3]]),
        np.column_stack([influence[:, 0], influence[:, 1], above, influence[:, 3]]),
    )


def bend_scores(pairs: Pairs, *, error_ratio: float = 1.0, n_breaks: int = 17) -> np.ndarray:
    """Give each pair's pull towards a bend, at breakpoints across the data, from one line.

    The score of the bend, less what the other parameters' scores explain of it: its sum over
    pairs is zero on average if one line is enough (Hansen 1996, Econometrica 64, 413).

    Returns
    -------
    ndarray of shape (n, n_breaks)
    """
    model = _Model(pairs, False, error_ratio)
    best = model.maximise()
    breaks = np.quantile(pairs.x[model.seen], np.linspace(0.1, 0.9, n_breaks))
    shapes = model.hinge(model.grid[:, None] - breaks)
    _, nuisance, pull = model.scores(best, with_pull=True)
    cross = _differentiate(
        lambda at: (model.scores(at, with_pull=True)[2] @ shapes).sum(axis=0), best
    )
    return pull @ shapes + nuisance @ np.linalg.solve(model.information(best), cross)


class _Model:
    """Likelihood over parameters: a, b, [bend, break,] log sd, splines, logit of outliers."""

    def __init__(self, pairs, bend, error_ratio):
        self.pairs, self.bend, self.ratio = pairs, bend, np.sqrt(error_ratio)
        self.seen = ~(pairs.low_x | pairs.low_y)
        x, y = pairs.x[self.seen], pairs.y[self.seen]
        self.line, _ = fit_deming(x, y, error_ratio=error_ratio)
        residual = y - self.line[0] - self.line[1] * x
        spread = np.quantile(np.abs(residual), 0.68) / np.hypot(self.ratio, self.line[1])
        self.sd = max(spread, 1e-3)
        self._lay_grid()
        self.area = 1.0
        for value, low in ((pairs.x, pairs.low_x), (pairs.y, pairs.low_y)):
            self.area *= np.ptp(value) + BELOW * low.any()

    def _lay_grid(self):
        x, low = self.pairs.x, self.pairs.low_x | self.pairs.low_y
        first, last = x.min() - 2 * self.sd - BELOW * low.any(), x.max() + 2 * self.sd
        size = int(np.clip((last - first) / (0.8 * self.sd), 40, 120))
        self.grid, self.step = np.linspace(first, last, size, retstep=True)
        knots = np.linspace(first, last, N_SPLINES - 2)
        knots = np.concatenate([[first] * 3, knots, [last + 1e-9] * 3])
        self.splines = interpolate.BSpline.design_matrix(self.grid, knots, 3).toarray()
        # Third differences vanish for a quadratic, so the prior leans towards a Gaussian; the
        # small ridge fixes the constant, which the density does not depend on.
        third = np.diff(np.eye(N_SPLINES), n=3, axis=0)
        self.penalty = third.T @ third + 1e-3 * np.eye(N_SPLINES)

    def hinge(self, distance):
        """Average of max(distance, 0) over a cell of the grid: smooth in the breakpoint."""
        ramp = np.clip(distance / self.step + 0.5, 0, 1)
        return np.where(ramp < 1, self.step * ramp**2 / 2, distance)

    def maximise(self):
        """Find the parameters with the highest penalised likelihood."""
        n = len(self.pairs.x)

        def objective(parameters):
            value, scores = self.scores(parameters)
            value, gradient = self._penalise(parameters, value.sum(), scores.sum(axis=0))
            return -value / n, -gradient / n

        start = min(self._starts(), key=lambda parameters: objective(parameters)[0])
        options = {"gtol": 1e-5, "maxiter": 500}
        return optimize.minimize(objective, start, jac=True, method="BFGS", options=options).x

    def information(self, parameters):
        """Negative second derivative of the penalised likelihood."""
        second = _differentiate(self._gradient, parameters)
        return -(second + second.T) / 2

    def _gradient(self, parameters):
        return self._penalise(parameters, 0.0, self.scores(parameters)[1].sum(axis=0))[1]

    def scores(self, parameters, with_pull=False):
        """Log-likelihood of each pair, and its derivative by each parameter.

        With ``with_pull`` also its derivative by the response at each node of the grid.
        """
        line, sd, weights, outliers = self._unpack(parameters)
        kink = self.grid - line[3] if self.bend else None
        response = line[0] + line[1] * self.grid
        if self.bend:
            response = response + line[2] * self.hinge(kink)
        pairs = self.pairs
        of_x, _, x_sd = _gaussian(pairs.x, pairs.low_x, self.grid, sd)
        of_y, pull, y_sd = _gaussian(pairs.y, pairs.low_y, response, sd * self.ratio)
        density = np.exp(of_x + of_y) * ((1 - outliers) * weights)
        total = density.sum(axis=1) + outliers / self.area
        share = density / total[:, None]
        inlier = share.sum(axis=1)
        pull = share * pull
        design = [np.ones_like(self.grid), self.grid]
        if self.bend:
            slope = np.clip(kink / self.step + 0.5, 0, 1)
            design += [self.hinge(kink), -line[2] * slope]
        scores = np.column_stack(
            [
                pull @ np.column_stack(design),
                (share * (x_sd + y_sd)).sum(axis=1),
                share @ self.splines - np.outer(inlier, weights @ self.splines),
                (1 - inlier) - outliers,
            ]
        )
        return (np.log(total), scores, pull) if with_pull else (np.log(total), scores)

    def _unpack(self, parameters):
        n_line = 4 if self.bend else 2
        weights = special.softmax(self.splines @ parameters[n_line + 1 : -1])
        return (
            parameters[:n_line],
            np.exp(parameters[n_line]),
            weights,
            special.expit(parameters[-1]),
        )

    def _penalise(self, parameters, value, gradient):
        """Add the prior: smooth splines, and one outlier seen before, which bounds the logit."""
        n_line = 4 if self.bend else 2
        part = slice(n_line + 1, len(parameters) - 1)
        pull = self.penalty @ parameters[part]
        gradient = gradient.copy()
        gradient[part] -= pull
        gradient[-1] += 1 - special.expit(parameters[-1])
        return value - parameters[part] @ pull / 2 + special.log_expit(parameters[-1]), gradient

    def _starts(self):
        """Start from the robust line, with a bend anywhere that least squares can put one."""
        x, y = self.pairs.x[self.seen], self.pairs.y[self.seen]
        counts = np.histogram(x, N_SPLINES, (self.grid[0], self.grid[-1]))[0]
        rest = np.concatenate([[np.log(self.sd)], np.log(counts + 1.0), [-5.0]])
        if not self.bend:
            return [np.concatenate([self.line, rest])]
        starts = []
        for at in np.quantile(x, np.linspace(0.1, 0.9, 17)):
            design = np.column_stack([np.ones_like(x), x, self.hinge(x - at)])
            line, *_ = np.linalg.lstsq(design, y, rcond=None)
            starts.append(np.concatenate([line, [at], rest]))
        return starts


def _differentiate(function, at, step=1e-4):
    """Differentiate a vector of values; a row a parameter."""
    return np.array(
        [(function(at + u) - function(at - u)) / (2 * step) for u in step * np.eye(len(at))]
    )


def _gaussian(value, low, mean, sd):
    """Log-density of values around means, or log-probability of lying below a floor.

    Returns
    -------
    log_density, by_mean, by_log_sd : ndarray of shape (n, nodes)
        And its derivatives.
    """
    z = (value[:, None] - mean) / sd
    log_density = -(z**2) / 2 - np.log(np.sqrt(2 * np.pi) * sd)
    by_mean, by_log_sd = z / sd, z**2 - 1
    if low.any():
        below = z[low]
        log_below = special.log_ndtr(below)
        # phi / Phi from logarithms, finite far below
        mills = np.exp(-(below**2) / 2 - log_below) / np.sqrt(2 * np.pi)
        log_density[low] = log_below
        by_mean[low] = -mills / sd
        by_log_sd[low] = -below * mills
    return log_density, by_mean, by_log_sd
