# SPDX-License-Identifier: Apache-2.0
"""Natural experiments: pairs of devices that differ in bandwidth alone or in compute alone."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from membound.engines.holdout import Left
from membound.engines.points import Point
from membound.engines.terms import CAUSE, TERMS

SAME, OTHER = 1.03, 1.08  # ratios up to which two figures are one, and from which they differ
UNDECIDED = 0.02  # of a published ratio around 1: no sign to get right


def pairs(points: Sequence[Point]) -> dict[tuple[str, str, str, str], list[tuple[int, int]]]:
    """(kind, slower device, faster device, group) and the matched points of each.

    Matched: engine, build, model, type, workload, number of devices and source are the same.
    """
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, point in enumerate(points):
        work = point.work
        alike[
            point.row.source, point.group, work.engine, work.build, work.architecture.name,
            work.kind, work.batch, work.prompt, work.generated, work.depth, work.layout,
        ].append(i)  # fmt: skip
    found: dict[tuple[str, str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for rows in alike.values():
        for a in rows:
            for b in rows:
                kind = _difference(points[a], points[b])
                if kind:
                    slow, fast = points[a].work.device.name, points[b].work.device.name
                    found[kind, slow, fast, points[a].group].append((a, b))
    return found


def beside(points: Sequence[Point], chosen: Callable[[Point], bool]) -> np.ndarray:
    """Points of the chosen devices that have a pair, and of their partners."""
    names = {point.work.device.name for point in points if chosen(point)}
    both = {
        name for _, slow, fast, _ in pairs(points) if {slow, fast} & names for name in (slow, fast)
    }
    return np.array([point.work.device.name in both for point in points])


def _difference(slow: Point, fast: Point) -> str | None:
    """What `fast` has more of, where it is one thing."""
    a, b = slow.work.device, fast.work.device
    if a.name == b.name or a.platform != b.platform or not (a.peak_known and b.peak_known):
        return None
    read, compute = b.bandwidth_GBps / a.bandwidth_GBps, b.f16_TFLOPS / a.f16_TFLOPS
    if read > OTHER and 1 / SAME <= compute <= SAME:
        return "bandwidth"
    if compute > OTHER and 1 / SAME <= read <= SAME:
        return "compute"
    return None


def table(points: Sequence[Point], left: Left, scored: np.ndarray) -> list[dict[str, Any]]:
    """One row for each pair and group: published and predicted ratio of the median match.

    Both predictions leave their own device out, so neither is told what the pair shows.
    """
    rows = []
    for (kind, slow, fast, group), matched in sorted(pairs(points).items()):
        usable = [(a, b) for a, b in matched if scored[a] and scored[b]]
        if not usable:
            continue
        measured = np.array([points[a].log_seconds - points[b].log_seconds for a, b in usable])
        predicted = np.array([left.log_seconds[a] - left.log_seconds[b] for a, b in usable])
        sigma = np.array([np.hypot(left.sigma[a], left.sigma[b]) for a, b in usable])
        middle, published = float(np.median(predicted)), float(np.median(measured))
        width = 1.645 * float(np.median(sigma))
        a, b = usable[0]
        one, two = points[a].work.device, points[b].work.device
        rows.append(
            {
                "differs_in": kind,
                "slower": slow,
                "faster": fast,
                "group": group,
                "matches": len(usable),
                "paper_ratio": round(
                    two.bandwidth_GBps / one.bandwidth_GBps
                    if kind == "bandwidth"
                    else two.f16_TFLOPS / one.f16_TFLOPS,
                    3,
                ),
                "published_ratio": round(float(np.exp(published)), 3),
                "predicted_ratio": round(float(np.exp(middle)), 3),
                "interval90": [
                    round(float(np.exp(middle - width)), 3),
                    round(float(np.exp(middle + width)), 3),
                ],
                "sign_right": _sign_right(published, middle),
                "shares_of_slower": _shares(left.shares[[a for a, _ in usable]]),
            }
        )
    return rows


def _sign_right(published: float, predicted: float) -> bool | None:
    if abs(published) < UNDECIDED or abs(predicted) < UNDECIDED:
        return abs(published - predicted) < 2 * UNDECIDED or None
    return (published > 0) == (predicted > 0)


def _shares(terms: np.ndarray) -> dict[str, float]:
    return {name: round(value, 3) for name, value in causes(np.median(terms, axis=0)).items()}


def causes(terms: np.ndarray) -> dict[str, float]:
    """Shares of the terms summed by cause; together 1."""
    whole = float(terms.sum()) or 1.0
    found: dict[str, float] = defaultdict(float)
    for index, name in enumerate(TERMS):
        if terms[index] > 0:
            found[CAUSE[name]] += float(terms[index]) / whole
    return dict(sorted(found.items(), key=lambda item: -item[1]))
