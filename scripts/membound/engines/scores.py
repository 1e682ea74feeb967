# SPDX-License-Identifier: Apache-2.0
"""Errors of left-out points: replicate groups count once, and nothing is dropped."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy import stats

from membound.engines.points import Point

FEWEST_DEVICES = 5  # from which the order of devices says something


def once_each(points: Sequence[Point], where: np.ndarray) -> list[np.ndarray]:
    """Indices of the rows of each point (repeats and builds of one measurement)."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i in np.flatnonzero(where).tolist():
        found[points[i].group, points[i].row.point].append(int(i))
    return [np.array(rows) for rows in found.values()]


def point_errors(
    points: Sequence[Point], log_seconds: np.ndarray, where: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """log(measured / predicted rate) of each point: medians over its rows."""
    groups = once_each(points, where)
    measured = np.array([point.log_seconds for point in points])
    errors = [np.median(log_seconds[rows]) - np.median(measured[rows]) for rows in groups]
    return np.array(errors), groups


def summary(errors: np.ndarray) -> dict[str, float | None]:
    """In percent of the prediction: residual = measured / predicted - 1."""
    if not len(errors):
        names = ("median_abs_pct", "p90_abs_pct", "p95_abs_pct", "worst_abs_pct", "bias_pct")
        return dict.fromkeys(names)
    size = 100 * np.abs(np.expm1(errors))
    return {
        "median_abs_pct": _rounded(np.median(size)),
        "p90_abs_pct": _rounded(np.quantile(size, 0.9)),
        "p95_abs_pct": _rounded(np.quantile(size, 0.95)),
        "worst_abs_pct": _rounded(size.max()),
        "bias_pct": _rounded(100 * np.expm1(np.median(errors))),
    }


def rank_correlation(
    points: Sequence[Point], log_seconds: np.ndarray, where: np.ndarray
) -> tuple[float | None, int]:
    """Spearman's correlation of devices, predicted and measured, over models; and how many models.

    Devices are compared where engine, model, stored type and workload are the same; the mean over
    such sets counts each by its devices.
    """
    sets: dict[tuple[object, ...], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i in np.flatnonzero(where).tolist():
        point, work = points[i], points[i].work
        key = (point.group, work.engine, work.architecture.name, work.kind.family, work.batch,
               work.prompt, work.generated, work.depth, work.devices)  # fmt: skip
        sets[key][work.device.name].append(int(i))
    total, weight, used = 0.0, 0, 0
    for devices in sets.values():
        if len(devices) < FEWEST_DEVICES:
            continue
        measured = [np.median([points[i].log_seconds for i in rows]) for rows in devices.values()]
        predicted = [np.median(log_seconds[rows]) for rows in devices.values()]
        total += len(devices) * float(stats.spearmanr(measured, predicted).statistic)
        weight, used = weight + len(devices), used + 1
    return (round(total / weight, 4) if weight else None), used


def _rounded(value: float) -> float:
    return round(float(value), 2)
