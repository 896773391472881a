"""Calibration lines by the likelihood of a flux that neither satellite sees exactly.

The true log10 flux is latent. Both satellites add Gaussian error to it, one of them after a
response of one or two lines; a satellite at its floor says only that the flux was below. The
distribution of the latent flux is estimated too (Kiefer and Wolfowitz 1956, Ann. Math. Stat. 27,
887), as the exponential of a spline (Efron 2016, Biometrika 103, 1), so that neither its shape nor
a floor biases the line. A few pairs may be outliers, uniform over the plane (Hogg et al. 2010,
arXiv:1008.4686).
"""

import copy
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, optimize, special
from threadpoolctl import threadpool_limits

from fluxlib.calibration.model import differentiate, fit_deming

N_SPLINES = 15
BELOW = 1.0  # decades below a floor where the latent flux may still be
# The few pairs beside the breakpoint make the curvature at one point erratic: it is taken over a
# distance, in logits, as wide as breakpoints are uncertain.
BREAK_STEP = 0.3
ENOUGH = 2000  # pairs that come close to the maximum in less time
N_BREAKS = 17  # breakpoints tried: more would share most of their pairs
# The products of matrices are many and small: threads would spend their time in waiting.
_on_one_thread = threadpool_limits.wrap(limits=1, user_api="blas")


@dataclass(frozen=True)
class LogPairs:
    """Pairs of log10 values; where ``low`` is true the value is a floor, and the truth is below."""

    x: np.ndarray
    y: np.ndarray
    low_x: np.ndarray
    low_y: np.ndarray


def breakpoint_range(x: np.ndarray) -> np.ndarray:
    """Return the lowest and the highest breakpoint with data on either side."""
    return np.quantile(x, [0.02, 0.98])


def _logistic_slope(t):
    return special.expit(t) * special.expit(-t)


class LatentFluxModel:
    """Likelihood of intercept, slope, [bend, logit of break,] log sd, splines, logit outliers."""

    def __init__(self, pairs: LogPairs, bend: bool, error_ratio: float):
        self.pairs, self.bend, self.ratio = pairs, bend, np.sqrt(error_ratio)
        self.seen = ~(pairs.low_x | pairs.low_y)
        x, y = pairs.x[self.seen], pairs.y[self.seen]
        self.robust, _ = fit_deming(x, y, error_ratio=error_ratio)
        residual = y - self.robust[0] - self.robust[1] * x
        spread = np.quantile(np.abs(residual), 0.68) / np.hypot(self.ratio, self.robust[1])
        self.sd = max(spread, 1e-3)
        self.breaks = breakpoint_range(x)
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
        # Third differences vanish for a quadratic, so the prior favours a Gaussian; the small
        # ridge fixes the constant, which the density does not depend on.
        third = np.diff(np.eye(N_SPLINES), n=3, axis=0)
        self.penalty = third.T @ third + 1e-3 * np.eye(N_SPLINES)

    def hinge(self, distance: np.ndarray) -> np.ndarray:
        """Average max(distance, 0) over a cell of the grid, to be smooth in the breakpoint."""
        ramp = np.clip(distance / self.step + 0.5, 0, 1)
        return np.where(ramp < 1, self.step * ramp**2 / 2, distance)

    def maximise(self) -> np.ndarray:
        """Return the parameters with the highest penalised likelihood."""
        n = len(self.pairs.x)

        def objective(parameters):
            value, scores, _ = self.scores(parameters)
            value, gradient = self._penalise(parameters, value.sum(), scores.sum(axis=0))
            return -value / n, -gradient / n

        starts = [self._thin().maximise()] if n > 2 * ENOUGH else self._starts()
        start = min(starts, key=lambda parameters: objective(parameters)[0])
        scores = self.scores(start)[1]
        curvature = scores.T @ scores / n + 1e-3 * np.eye(len(start))
        half = np.linalg.inv(np.linalg.cholesky(curvature))
        options = {"gtol": 1e-5, "maxiter": 500, "hess_inv0": half.T @ half}
        return optimize.minimize(objective, start, jac=True, method="BFGS", options=options).x

    def _thin(self):
        """Return the same model of fewer pairs."""
        thin, every = copy.copy(self), len(self.pairs.x) // ENOUGH
        thin.pairs = LogPairs(*(values[::every] for values in vars(self.pairs).values()))
        thin.seen = self.seen[::every]
        return thin

    def information(self, parameters: np.ndarray) -> np.ndarray:
        """Return the negative second derivative of the penalised likelihood."""
        steps = np.full(len(parameters), 1e-4)
        if self.bend:
            steps[3] = BREAK_STEP
        second = differentiate(self._gradient, parameters, steps)
        if self.bend:
            second[:, 3] = second[3]
            # The prior keeps the breakpoint in range but must not narrow its interval.
            second[3, 3] += 2 * _logistic_slope(parameters[3])
        return -(second + second.T) / 2

    def _gradient(self, parameters):
        return self._penalise(parameters, 0.0, self.scores(parameters)[1].sum(axis=0))[1]

    def scores(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the log-likelihood of each pair and its derivatives.

        They are by each parameter, and by the response at each node of the grid.
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
            moved = -line[2] * np.clip(kink / self.step + 0.5, 0, 1)
            design += [
                self.hinge(kink),
                moved * np.diff(self.breaks) * _logistic_slope(parameters[3]),
            ]
        scores = np.column_stack(
            [
                pull @ np.column_stack(design),
                (share * (x_sd + y_sd)).sum(axis=1),
                share @ self.splines - np.outer(inlier, weights @ self.splines),
                (1 - inlier) - outliers,
            ]
        )
        return np.log(total), scores, pull

    def line(self, parameters: np.ndarray) -> np.ndarray:
        """Return intercept and slope; with a bend, also the change of slope and its place."""
        if not self.bend:
            return parameters[:2]
        at = self.breaks[0] + np.diff(self.breaks) * special.expit(parameters[3])
        return np.concatenate([parameters[:3], at])

    def _unpack(self, parameters):
        n_line = 4 if self.bend else 2
        weights = special.softmax(self.splines @ parameters[n_line + 1 : -1])
        return (
            self.line(parameters),
            np.exp(parameters[n_line]),
            weights,
            special.expit(parameters[-1]),
        )

    def _penalise(self, parameters, value, gradient):
        """Add the prior: smooth splines, a uniform breakpoint, and one outlier."""
        n_line = 4 if self.bend else 2
        part = slice(n_line + 1, len(parameters) - 1)
        pull = self.penalty @ parameters[part]
        gradient = gradient.copy()
        gradient[part] -= pull
        gradient[-1] += 1 - special.expit(parameters[-1])
        value = value - parameters[part] @ pull / 2 + special.log_expit(parameters[-1])
        if self.bend:
            gradient[3] += 1 - 2 * special.expit(parameters[3])
            value = value + np.log(_logistic_slope(parameters[3]))
        return value, gradient

    def _starts(self):
        """Return the robust line, or least-squares fits with a bend at nine places."""
        x, y = self.pairs.x[self.seen], self.pairs.y[self.seen]
        counts = np.histogram(x, N_SPLINES, (self.grid[0], self.grid[-1]))[0]
        rest = np.concatenate([[np.log(self.sd)], np.log(counts + 1.0), [-5.0]])
        if not self.bend:
            return [np.concatenate([self.robust, rest])]
        starts = []
        for share in np.linspace(0.1, 0.9, 9):
            at = self.breaks[0] + share * np.diff(self.breaks)
            design = np.column_stack([np.ones_like(x), x, self.hinge(x - at)])
            line, *_ = np.linalg.lstsq(design, y, rcond=None)
            starts.append(np.concatenate([line, [special.logit(share)], rest]))
        return starts


def _gaussian(value, low, mean, sd):
    """Return log-density around means, or log-probability below a floor, and its derivatives."""
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


@_on_one_thread
def fit_latent(
    pairs: LogPairs, *, bend: bool, error_ratio: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Fit one line, or two that meet, by maximum likelihood.

    Parameters
    ----------
    pairs
        Centred in x.
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
    model = LatentFluxModel(pairs, bend, error_ratio)
    best = model.maximise()
    line, scores, information = model.line(best), model.scores(best)[1], model.information(best)
    influence = np.full(scores.shape, np.nan)
    known = np.ones(len(best), dtype=bool)
    if bend and np.linalg.eigvalsh(information)[0] <= 0:
        known[3] = False  # no curvature: the breakpoint could be anywhere
    influence[:, known] = scores[:, known] @ np.linalg.inv(information[np.ix_(known, known)])
    if not bend:
        return line, influence[:, :2]
    above = influence[:, 1] + influence[:, 2]
    width = np.diff(model.breaks) * _logistic_slope(best[3])
    return (
        np.array([line[0], line[1], line[1] + line[2], line[3]]),
        np.column_stack([influence[:, 0], influence[:, 1], above, width * influence[:, 3]]),
    )


@_on_one_thread
def bend_scores(pairs: LogPairs, *, error_ratio: float = 1.0) -> np.ndarray:
    """Return each pair's score of a bend, at breakpoints across the data, from one line.

    What the other parameters' scores explain is subtracted: the sum over pairs is zero on average
    if one line is enough (Hansen 1996, Econometrica 64, 413).

    Returns
    -------
    ndarray of shape (n, N_BREAKS)
    """
    model = LatentFluxModel(pairs, False, error_ratio)
    best = model.maximise()
    breaks = np.quantile(pairs.x[model.seen], np.linspace(0.1, 0.9, N_BREAKS))
    shapes = model.hinge(model.grid[:, None] - breaks)
    _, nuisance, pull = model.scores(best)
    cross = differentiate(lambda at: (model.scores(at)[2] @ shapes).sum(axis=0), best, 1e-4)
    return pull @ shapes + nuisance @ np.linalg.solve(model.information(best), cross)
