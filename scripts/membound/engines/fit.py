# SPDX-License-Identifier: Apache-2.0
"""The fit: a robust Gauss-Newton on log seconds with partial pooling (empirical Bayes).

Nothing here knows what an effect means. Rows have Student's t noise, effects normal priors whose
spreads are estimated together with the effects themselves.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import linalg, sparse

from membound.engines import effects
from membound.engines.effects import Effect
from membound.engines.points import Point
from membound.engines.workload import Workload, group_of

NU = 4.0  # degrees of freedom of the noise: a stray row pulls little
PRIOR_WEIGHT = 4.0  # how many effects the spread given beforehand counts as
ALONE = 10  # rows of one table that count in full
WIDEST = 1.6  # factor by which the rows may change the spread given beforehand
NOISE_START = 0.12
COLD_ROUNDS, WARM_ROUNDS = 25, 4


@dataclass
class Design:
    """Points as arrays; effects are columns."""

    names: list[Effect]
    seconds: np.ndarray  # points x terms
    log_seconds: np.ndarray
    weight: np.ndarray
    noise_class: np.ndarray
    at: tuple[np.ndarray, np.ndarray, np.ndarray]  # point, term, effect
    times: np.ndarray  # how often each of these counts
    level: np.ndarray  # of each effect
    levels: list[tuple[str, str]]
    spread: np.ndarray  # of each level, beforehand
    centre: np.ndarray  # of each effect, beforehand


@dataclass
class Fit:
    """What was learnt; every array is per effect, level or noise class of the design."""

    value: np.ndarray
    variance: np.ndarray
    spread: np.ndarray
    noise: np.ndarray
    covariance: np.ndarray = field(repr=False)


def design(points: Sequence[Point], noise_classes: Mapping[str, int]) -> Design:
    index: dict[Effect, int] = {}
    where: list[tuple[int, int, int]] = []
    times: list[float] = []
    for row, point in enumerate(points):
        for term, effect, count in effects.of_point(point):
            where.append((row, term, index.setdefault(effect, len(index))))
            times.append(count)
    names = list(index)
    level_of = [effects.level_of(effect) for effect in names]
    levels = sorted(set(level_of))
    numbers = {level: i for i, level in enumerate(levels)}
    at = np.array(where).reshape(-1, 3)
    return Design(
        names=names,
        seconds=np.array([point.seconds for point in points]),
        log_seconds=np.array([point.log_seconds for point in points]),
        weight=_weights(points),
        noise_class=np.array([noise_classes[noise_class(point)] for point in points]),
        at=(at[:, 0], at[:, 1], at[:, 2]),
        times=np.array(times),
        level=np.array([numbers[level] for level in level_of]),
        levels=levels,
        spread=np.array([effects.SPREAD[level][part] for level, part in levels]),
        centre=np.array([_centre(effect) for effect in names]),
    )


def _weights(points: Sequence[Point]) -> np.ndarray:
    """Rows of one point count as one; of one table, from ten on, by the square root.

    A table is what one source measured with one engine on one device for one model: its rows share
    host, settings and mistakes, so that a hundred of them tell less than ten tables of ten.
    """
    repeats = Counter(point.row.point for point in points)
    tables = [_table(point) for point in points]
    sizes = Counter(tables)
    return np.array(
        [
            min(1.0, (sizes[table] / ALONE) ** -0.5) / repeats[point.row.point]
            for point, table in zip(points, tables, strict=True)
        ]
    )


def _table(point: Point) -> tuple[str, str, str, str, str]:
    work = point.work
    return point.row.source, work.device.name, work.engine, work.architecture.name, point.group


def noise_class(point: Point) -> str:
    return class_of(point.work)


def class_of(work: Workload) -> str:
    """Workloads that scatter alike."""
    return "one stream" if group_of(work) == "decode, one stream" else work.phase


def _centre(effect: Effect) -> float:
    return float(np.log(effects.PRIOR[effect[1]])) if effect[0] == "term" else 0.0


def evaluate(d: Design, value: np.ndarray) -> tuple[np.ndarray, np.ndarray, sparse.csr_matrix]:
    """Log seconds per token, the terms' shares, and the derivative by each effect."""
    n, terms = d.seconds.shape
    row, term, effect = d.at
    logs = np.zeros((n, terms))
    np.add.at(logs, (row, term), value[effect] * d.times)
    parts = d.seconds * np.exp(np.clip(logs, -15, 15))
    total, shares = combine(parts)
    slopes = shares[row, term] * d.times
    jacobian = sparse.csr_matrix((slopes, (row, effect)), shape=(n, len(value)))
    return np.log(total), shares, jacobian


def combine(parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds from terms, and each term's share: the slope of log seconds by its logarithm."""
    total = parts.sum(axis=1)
    return total, parts / total[:, None]


def fit(d: Design, use: np.ndarray, start: Fit | None = None, noises: int = 8) -> Fit:
    """Learn from the points that `use` marks; effects that they lack stay at their centre."""
    rounds = WARM_ROUNDS if start else COLD_ROUNDS
    if start:
        value, spread, noise = start.value.copy(), start.spread.copy(), start.noise.copy()
        seen = np.zeros(len(value), bool)
        seen[d.at[2][use[d.at[0]]]] = True
        value[~seen] = d.centre[~seen]
    else:
        value, spread = d.centre.copy(), d.spread.copy()
        noise = np.full(noises, NOISE_START)
    covariance = np.zeros((0, 0))
    for number in range(rounds):
        value, factor = _step(d, use, value, spread, noise)
        if number % 2 or number == rounds - 1:  # the inverse costs more than the step
            covariance = linalg.cho_solve((factor, True), np.eye(len(value)), check_finite=False)
            spread, noise = _spreads(d, use, value, np.diag(covariance), noise)
    return Fit(value, np.diag(covariance), spread, noise, covariance)


def _step(
    d: Design, use: np.ndarray, value: np.ndarray, spread: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One Gauss-Newton step, no effect moving by more than 1, and the factor of its matrix."""
    log_seconds, _, jacobian = evaluate(d, value)
    residual = (d.log_seconds - log_seconds)[use]
    sigma = noise[d.noise_class[use]]
    trust = d.weight[use] * (NU + 1) / (NU + (residual / sigma) ** 2) / sigma**2
    j = jacobian[use]
    precision = 1 / spread[d.level] ** 2
    matrix = (j.T @ j.multiply(trust[:, None])).toarray()
    matrix[np.diag_indices_from(matrix)] += precision
    right = j.T @ (trust * residual) - precision * (value - d.centre)
    factor = linalg.cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)
    move = linalg.cho_solve((factor, True), right, check_finite=False)
    largest = np.abs(move).max(initial=0.0)
    return value + move * min(1.0, 1.0 / max(largest, 1e-9)), factor


def _spreads(
    d: Design, use: np.ndarray, value: np.ndarray, variance: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Spread of each level and noise of each class, pulled towards what was given beforehand."""
    seen = np.zeros(len(value), bool)
    seen[d.at[2][use[d.at[0]]]] = True
    squares = np.where(seen, (value - d.centre) ** 2 + variance, 0.0)
    count = np.bincount(d.level[seen], minlength=len(d.levels))
    total = np.bincount(d.level, weights=squares, minlength=len(d.levels))
    spread = np.sqrt((PRIOR_WEIGHT * d.spread**2 + total) / (PRIOR_WEIGHT + count))
    fixed = np.array([level[0] == "term" for level in d.levels])
    spread[fixed] = d.spread[fixed]
    spread = np.clip(spread, d.spread / WIDEST, d.spread * WIDEST)
    log_seconds, _, _ = evaluate(d, value)
    residual = (d.log_seconds - log_seconds)[use]
    kind, weight = d.noise_class[use], d.weight[use]
    sigma = noise[kind]
    trust = weight * (NU + 1) / (NU + (residual / sigma) ** 2)
    top = np.bincount(kind, weights=trust * residual**2, minlength=len(noise))
    bottom = np.bincount(kind, weights=weight, minlength=len(noise))
    fresh = np.sqrt((10 * NOISE_START**2 + top) / (10 + bottom))
    return spread, np.clip(fresh, 0.01, 1.0)


@dataclass
class Predictions:
    """Of every point."""

    log_seconds: np.ndarray
    sigma: np.ndarray
    shares: np.ndarray


def predict(d: Design, found: Fit) -> Predictions:
    log_seconds, shares, jacobian = evaluate(d, found.value)
    noise = found.noise[d.noise_class] ** 2
    spread = np.asarray((jacobian @ found.covariance * jacobian.toarray()).sum(axis=1)).ravel()
    return Predictions(log_seconds, np.sqrt(spread + noise), shares)
