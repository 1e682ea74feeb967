# SPDX-License-Identifier: Apache-2.0
"""90 % intervals: the fit's own standard deviation, stretched until left-out points are covered.

Split conformal prediction on left-out points: the error over its standard deviation is a score,
and the 90 % quantile of the scores is the stretch. For a point it comes from the points of other
units (other devices, where devices are left out): no row tells about its own interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.90
FEWEST, FEWEST_UNITS = 30, 3  # points and units that calibrate a group; else all groups do
START = 1.645


@dataclass(frozen=True)
class Scores:
    """Of left-out points: error / sigma, and what each belongs to."""

    score: np.ndarray
    unit: np.ndarray
    group: np.ndarray
    weight: np.ndarray  # replicates of a point share one


def stretch(
    scores: Scores, group: str, without: str | None = None, shipped: float | None = None
) -> float:
    """How many standard deviations cover 90 % of a group, judged by units other than `without`.

    Units count by the square root of their points: one device with a thousand rows says more than
    one with ten, not a hundred times more, for its rows share its luck. Where too few other units
    are there to judge by, what the profile was `shipped` with stands.
    """
    others = scores.unit != without if without is not None else np.ones(len(scores.unit), bool)
    for chosen in (others & (scores.group == group), others):
        _, place, counts = np.unique(scores.unit[chosen], return_inverse=True, return_counts=True)
        if len(place) >= FEWEST and len(counts) >= FEWEST_UNITS:
            weight = scores.weight[chosen] / np.sqrt(counts)[place]
            return weighted_quantile(scores.score[chosen], weight, LEVEL)
        if shipped is not None:
            return shipped
    return START


def weighted_quantile(values: np.ndarray, weight: np.ndarray, level: float) -> float:
    """The smallest value up to which at least `level` of the weight lies."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) / weight.sum()
    place = int(np.searchsorted(reached, level))
    return float(values[order][min(place, len(values) - 1)])


def stretches(scores: Scores, shipped: Mapping[str, float]) -> np.ndarray:
    """Each point's own stretch, from the other units."""
    keys = list(zip(scores.group.tolist(), scores.unit.tolist(), strict=True))
    found = {key: stretch(scores, *key, shipped.get(key[0])) for key in set(keys)}
    return np.array([found[key] for key in keys])


def coverage_test(covered: Sequence[bool], clusters: Sequence[str]) -> float:
    """Two-sided p-value of 90 % coverage, where points of one cluster rise and fall together.

    A binomial test on as many points as the clusters are worth (Kish's effective number). One
    cluster cannot tell how much its points share: it proves nothing.
    """
    n = len(covered)
    if len(set(clusters)) < 2:
        return 1.0
    _, place = np.unique(np.asarray(clusters), return_inverse=True)
    sizes = np.bincount(place)
    part = float(np.mean(covered))
    spread = np.sum((np.bincount(place, weights=np.asarray(covered, float)) - sizes * part) ** 2)
    plain = n * max(part * (1 - part), 1e-9)
    worth = n / max(1.0, float(spread / plain))
    trials = max(1, round(worth))
    return float(stats.binomtest(round(part * trials), trials, LEVEL).pvalue)


def corrected(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's correction over all groups."""
    if not p_values:
        return {}
    order = sorted(p_values, key=lambda name: p_values[name])
    result, worst = {}, 0.0
    for rank, name in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - rank) * p_values[name]))
        result[name] = worst
    return result
