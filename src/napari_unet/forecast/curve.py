"""A saturating curve through noisy scores, with all that is uncertain about it.

The level follows the inverse power law ``a - b * ((x + c) / (last + c)) ** -d`` (C. Cortes et al.,
"Learning curves: asymptotic values and rate of convergence", NIPS 1993, with the offset of
T. Viering and M. Loog, "The shape of learning curves", TPAMI 2023), with ``b >= 0`` and ``a`` in
0..1. No real curve keeps to it: rates change, networks overfit. So a random walk over log x is
added, whose strength is learnt from the scores too; with it the uncertainty grows the further one
looks. Everything is weighed against everything else: a grid over offset, exponent, noise and walk,
and on each point of it ``a`` and ``b`` by linear regression with a normal prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

EXPONENTS = (0.15, 0.3, 0.5, 0.8, 1.2, 2.0, 3.5)
OFFSETS = (0.0, 0.1, 0.3, 1.0)
"""Parts of the last x."""
NOISES = np.geomspace(0.002, 0.12, 9)
"""Standard deviations of a score around its level."""
WALKS = (0.0, 0.1, 0.5, 2.0, 8.0, 32.0, 128.0, 512.0)
"""Variance of the walk over one unit of log x, in variances of the noise."""
WILDEST = 0.15
"""Standard deviation of the walk over one unit of log x at most."""
PRIOR_MEAN, PRIOR_SD = np.array([0.8, 0.3]), np.array([0.3, 0.4])
"""Of a and b."""
SOFT = 0.05
"""Part of the last x below which the logarithm is no longer taken literally."""
MOST = 60
"""Scores beyond so many are averaged by neighbours first."""
DRAWS = 4000


@dataclass(frozen=True)
class Curves:
    """Possible curves, one a row.

    ``level`` (draws, places): what the score would be without noise at each asked x; ``score``: the
    same with the noise of one score.
    """

    level: Array
    score: Array


def possible_curves(
    x: Array, y: Array, places: Array, spread: Array | None = None, seed: int = 0
) -> Curves:
    """Curves that fit the scores ``y`` at ``x`` (1D, ascending, > 0), followed to ``places``.

    ``spread``: relative standard deviation of each score, 1 = as the next one will have. The same
    ``seed`` gives the same curves.
    """
    generator = np.random.default_rng(seed)
    spread = np.ones(len(x)) if spread is None else np.asarray(spread, np.float64)
    x, y, spread = _thinned(x, y, spread)
    last = float(x[-1])
    walked, walked_to = _log(x, last), _log(places, last)
    between = np.minimum(walked[:, None], walked) - walked[0]
    across = np.minimum(walked_to[:, None], walked) - walked[0]
    ahead = np.minimum(walked_to[:, None], walked_to) - walked[0]
    cells: list[_Cell] = []
    walks: dict[float, _Walk] = {}
    for walk in WALKS:
        # Inverted once: a hundred small triangular systems would wait for each other's threads.
        whiten = np.linalg.inv(np.linalg.cholesky(np.diag(spread**2) + walk * between))
        walks[walk] = _followed(whiten, walk * across, walk * ahead)
        for offset in OFFSETS:
            for exponent in EXPONENTS:
                design = _design(x, last, offset, exponent)
                cells += _regressions(whiten, design, y, (walk, offset, exponent))
    weight = np.array([cell.log_weight for cell in cells])
    weight = np.exp(weight - weight.max())
    drawn = generator.multinomial(DRAWS, weight / weight.sum())
    levels, scores = [], []
    for number in np.flatnonzero(drawn):
        cell = cells[number]
        factor = np.linalg.inv(np.linalg.cholesky(cell.precision))
        pair = cell.mean + generator.standard_normal((drawn[number], 2)) @ factor
        pair = pair[(pair[:, 0] <= 1) & (pair[:, 0] >= 0) & (pair[:, 1] >= 0)]
        if not len(pair):
            continue
        level = pair @ _design(places, last, cell.offset, cell.exponent).T
        if cell.walk:
            followed = walks[cell.walk]
            design = _design(x, last, cell.offset, cell.exponent)
            level += (y - pair @ design.T) @ followed.carried.T
            drawn_walk = generator.standard_normal((len(pair), len(places)))
            level += cell.noise * (drawn_walk @ followed.scale.T)
        levels.append(level)
        scores.append(level + cell.noise * generator.standard_normal(level.shape))
    if not levels:  # the regression is all on the wrong side: the level stays
        levels = scores = [np.full((1, len(places)), float(y[-1]))]
    return Curves(np.clip(np.concatenate(levels), 0, 1), np.clip(np.concatenate(scores), 0, 1))


@dataclass(frozen=True)
class _Walk:
    """A walk of one strength, given the scores: ``carried`` @ residuals is its mean at the places,
    ``scale`` a root of its covariance there, both for noise 1.
    """

    carried: Array
    scale: Array


def _followed(whiten: Array, across: Array, ahead: Array) -> _Walk:
    """``whiten`` makes the scores independent; covariance of places and scores, and of places."""
    seen = whiten @ across.T
    values, vectors = np.linalg.eigh(ahead - seen.T @ seen)
    return _Walk(seen.T @ whiten, vectors * np.sqrt(np.maximum(values, 0)))


@dataclass(frozen=True)
class _Cell:
    """One point of the grid, and a and b there: normal with ``mean`` and ``precision``."""

    log_weight: float
    walk: float
    offset: float
    exponent: float
    noise: float
    mean: Array
    precision: Array


def _regressions(
    whiten: Array, design: Array, y: Array, where: tuple[float, float, float]
) -> list[_Cell]:
    """a and b for every noise, and how probable the scores are then."""
    white_y, white = whiten @ y, whiten @ design
    gram, moment, square = white.T @ white, white.T @ white_y, float(white_y @ white_y)
    determinant = -2 * float(np.log(np.diag(whiten)).sum())
    prior = np.diag(1 / PRIOR_SD**2)
    noise = NOISES[NOISES * np.sqrt(where[0]) <= WILDEST]
    variance = noise**2
    precision = prior + gram / variance[:, None, None]
    right = prior @ PRIOR_MEAN + moment / variance[:, None]
    mean = np.linalg.solve(precision, right[..., None])[..., 0]
    log_weight = (
        -len(y) * np.log(noise)
        - 0.5 * determinant
        - 0.5 * square / variance
        - 0.5 * np.linalg.slogdet(precision)[1]
        + 0.5 * (mean * right).sum(-1)
    )
    return [
        _Cell(float(log_weight[n]), *where, float(noise[n]), mean[n], precision[n])
        for n in range(len(noise))
    ]


def _design(x: Array, last: float, offset: float, exponent: float) -> Array:
    relative = (x / last + offset) / (1 + offset)
    return np.stack([np.ones(len(x)), -(relative**-exponent)], 1)


def _log(x: Array, last: float) -> Array:
    logarithm: Array = np.log(x / last + SOFT)
    return logarithm


def _thinned(x: Array, y: Array, spread: Array) -> tuple[Array, Array, Array]:
    """Means of neighbours where there are many scores; the mean of n has their spread / sqrt n."""
    if len(x) <= MOST:
        return np.asarray(x, np.float64), np.asarray(y, np.float64), spread
    parts = np.array_split(np.arange(len(x)), MOST)
    return (
        np.array([x[part].mean() for part in parts]),
        np.array([y[part].mean() for part in parts]),
        np.array([np.sqrt((spread[part] ** 2).sum()) / len(part) for part in parts]),
    )
