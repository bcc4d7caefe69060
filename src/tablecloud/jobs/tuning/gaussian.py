"""Expected improvement of a Gaussian process, on numpy. Pure; imported only when a search needs it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.floating]

_LENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Length scales tried, for one dimension; they grow with the diagonal of the cube."""
_NOISES = (1e-6, 1e-3, 1e-1)
"""Variances of the noise tried, where the variance of the values is 1."""
_ROOT_FIVE = math.sqrt(5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """A process conditioned on observations of mean 0 and variance 1."""

    points: Matrix
    values: Matrix
    length: float
    noise: float
    factor: Matrix
    """Lower Cholesky factor of the observations' covariance."""
    weights: Matrix

    def likelihood(self) -> float:
        """Return the logarithm of the marginal likelihood, but for a constant."""
        return float(-0.5 * self.values @ self.weights - np.log(np.diag(self.factor)).sum())

    def predict(self, places: Matrix) -> tuple[Matrix, Matrix]:
        """Return mean and standard deviation at each place."""
        across = _kernel(places, self.points, self.length)
        half = np.linalg.solve(self.factor, across.T)
        variance = np.maximum(1.0 - (half**2).sum(axis=0), 1e-12)
        return across @ self.weights, np.sqrt(variance)


def most_promising(
    candidates: Sequence[Sequence[float]],
    *,
    points: Sequence[Sequence[float]],
    values: Sequence[float],
    pending: Sequence[Sequence[float]] = (),
) -> int:
    """Return the index of the candidate whose expected improvement over the best value is greatest.

    Parameters:
        candidates, points, pending: places in one unit cube.
        values: what was found at `points`, to be maximised; finite.
        pending: places that are being tried; each is believed to give what the process expects there.
    """
    observed = np.asarray(values, dtype=np.float64)
    # Divided first: the spread of the largest numbers there are is not one of them.
    scale = max(float(np.abs(observed).max()), 1e-300)
    centred = observed / scale - (observed / scale).mean()
    spread = float(centred.std())
    fit = _best_fit(np.asarray(points, dtype=np.float64), centred / spread if spread > 1e-12 else centred)
    if fit is None:
        return 0
    if pending:
        places = np.asarray(pending, dtype=np.float64)
        believed, _ = fit.predict(places)
        joined = np.vstack([fit.points, places]), np.concatenate([fit.values, believed])
        fit = _fit(*joined, fit.length, fit.noise) or fit
    mean, deviation = fit.predict(np.asarray(candidates, dtype=np.float64))
    return int(np.argmax(_expected_improvement(mean, deviation, float(fit.values.max()))))


def _best_fit(points: Matrix, values: Matrix) -> _Fit | None:
    """Return the fit of the greatest likelihood among a few; None where numbers fail in all of them."""
    diagonal = math.sqrt(points.shape[1])
    fits = [_fit(points, values, length * diagonal, noise) for length in _LENGTHS for noise in _NOISES]
    found = [fit for fit in fits if fit is not None]
    return max(found, key=_Fit.likelihood) if found else None


def _fit(points: Matrix, values: Matrix, length: float, noise: float) -> _Fit | None:
    covariance = _kernel(points, points, length) + (noise + 1e-9) * np.eye(len(points))
    try:
        factor: Matrix = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None
    weights = np.linalg.solve(factor.T, np.linalg.solve(factor, values))
    return _Fit(points=points, values=values, length=length, noise=noise, factor=factor, weights=weights)


def _kernel(left: Matrix, right: Matrix, length: float) -> Matrix:
    """Matérn 5/2: smooth, yet not so smooth that two good points hide a bad one between them."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2.0 * left @ right.T
    distance = np.sqrt(np.maximum(squares, 0.0)) * (_ROOT_FIVE / length)
    kernel: Matrix = (1.0 + distance + distance**2 / 3.0) * np.exp(-distance)
    return kernel


def _expected_improvement(mean: Matrix, deviation: Matrix, best: float) -> Matrix:
    gain = mean - best
    score = gain / deviation
    below = np.array([0.5 * (1.0 + math.erf(one / math.sqrt(2.0))) for one in score])
    density = np.exp(-0.5 * score**2) / math.sqrt(2.0 * math.pi)
    improvement: Matrix = gain * below + deviation * density
    return improvement
