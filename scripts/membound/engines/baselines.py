# SPDX-License-Identifier: Apache-2.0
"""Simpler predictions beside the model's, on the same left-out points."""

from collections.abc import Callable, Sequence

import numpy as np

from membound.engines.points import Point
from membound.engines.terms import INDEX, MEMORY

CONSTANT = 0.55  # the fraction of the paper bandwidth that a well-known catalogue tool assumes
READS = [INDEX[name] for name in MEMORY]
FLOPS = [INDEX[name] for name in ("matmul", "expert_matmul", "attention", "pf_matmul",
                                  "pf_attention", "mix_matmul", "mix_expert_matmul",
                                  "mix_attention")]  # fmt: skip


def roofline(points: Sequence[Point]) -> np.ndarray:
    """Log seconds by paper bandwidth and peak: the longer of bytes and operations."""
    seconds = np.array([point.seconds for point in points])
    longer = np.maximum(seconds[:, READS].sum(axis=1), seconds[:, FLOPS].sum(axis=1))
    return np.asarray(np.log(longer))


def all_of(points: Sequence[Point], units: Sequence[str], groups: Sequence[str],
           scored: np.ndarray) -> dict[str, np.ndarray]:  # fmt: skip
    """Log seconds by name of baseline; `units` are what is left out together."""
    paper = roofline(points)
    measured = np.array([point.log_seconds for point in points])
    unit, group = np.array(units), np.array(groups)
    device = np.array([point.work.device.name for point in points])
    gap = measured - paper
    return {
        "datasheet roofline": paper,
        "constant 0.55": paper - np.log(CONSTANT),
        "one fitted efficiency": paper + _medians(gap, lambda i: (group == group[i])
                                                  & (unit != unit[i]), unit, group, scored),
        "oracle: each device's own median": paper + _medians(
            gap, lambda i: (group == group[i]) & (device == device[i]), device, group, scored),
    }  # fmt: skip


def _medians(
    gap: np.ndarray,
    alike: Callable[[int], np.ndarray],
    unit: np.ndarray,
    group: np.ndarray,
    scored: np.ndarray,
) -> np.ndarray:
    """The median gap of the points that are `alike`, worked out once for each kind of point."""
    found: dict[tuple[str, str], float] = {}
    result = np.zeros(len(gap))
    for i in np.flatnonzero(scored):
        key = unit[i], group[i]
        if key not in found:
            chosen = alike(int(i))
            found[key] = float(np.median(gap[chosen])) if chosen.any() else 0.0
        result[i] = found[key]
    return result
