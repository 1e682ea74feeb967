# SPDX-License-Identifier: Apache-2.0
"""How far memory and arithmetic run at the same time, fitted to the intensity sweep.

A launch that needs `b` seconds for its bytes alone and `f` for its flops alone takes
(b^p + f^p)^(1/p): p = 1 is one after the other, p -> infinity is max(b, f). One number p for a
machine is a description of the knee, not a theory of it; `Fit.error` says how far it is off.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from membound.statistics import awake, centre

P_MOST = 64.0  # from here on the knee is within 1.1 % of max(): indistinguishable from it
FEWEST_POINTS = 4
NEAR_ROOF = 0.9
RESAMPLES = 200
NOISE = 0.02  # relative; residuals beyond it pull less at the fit


@dataclass(frozen=True)
class Point:
    """One bench of the sweep: work of a launch and its seconds, a list for each process."""

    size: int
    flops: int
    samples: list[list[float]]

    @property
    def intensity(self) -> float:
        return self.flops / self.size


@dataclass(frozen=True)
class Fit:
    """`p`, the two roofs in bytes/s and flops/s, and the largest relative error of the fit."""

    p: float
    read_rate: float
    flops_rate: float
    error: float

    @property
    def ridge(self) -> float:
        """flop/B at which both roofs are equally far."""
        return self.flops_rate / self.read_rate


def combine(bytes_seconds: float, flops_seconds: float, p: float | None) -> float:
    """Seconds of both together; `p` None (not measured) counts as infinite."""
    longer, shorter = max(bytes_seconds, flops_seconds), min(bytes_seconds, flops_seconds)
    if p is None or math.isinf(p) or longer <= 0:
        return longer
    return float(longer * (1 + (shorter / longer) ** p) ** (1 / p))


def split(bytes_seconds: float, flops_seconds: float, p: float | None) -> tuple[float, float]:
    """Split `combine` between bytes and flops; each part over the whole is its elasticity.

    The time is homogeneous of degree 1 in its two arguments, so that each argument times its
    derivative sums to the whole: what is hidden behind the other costs nothing.
    """
    whole = combine(bytes_seconds, flops_seconds, p)
    if whole <= 0:
        return 0.0, 0.0
    if p is None or math.isinf(p):
        return (whole, 0.0) if bytes_seconds >= flops_seconds else (0.0, whole)
    longer = max(bytes_seconds, flops_seconds)
    of_bytes, of_flops = (bytes_seconds / longer) ** p, (flops_seconds / longer) ** p
    part = whole * (of_bytes / (of_bytes + of_flops))
    return part, whole - part


def fit(points: Sequence[Point]) -> tuple[Fit | None, str]:
    """The fit, or None and the reason: the sweep must reach both roofs to say anything."""
    points = sorted(points, key=lambda point: point.intensity)
    if len(points) < FEWEST_POINTS:
        return None, "the intensity sweep was not measured"
    found = _fit(points, [centre(point.samples) for point in points])
    if not points[0].intensity < found.ridge < points[-1].intensity:
        return None, "the intensity sweep does not reach both roofs"
    return found, ""


def _fit(points: Sequence[Point], seconds: Sequence[float]) -> Fit:
    """Least squares on log seconds with outliers damped; q = 1/p keeps max() at the edge, q -> 0.

    Seconds per byte are 1/read_rate at low and intensity/flops_rate at high intensity; in logs the
    curve between is a soft maximum of the two lines.
    """
    import numpy as np
    from scipy.optimize import least_squares

    log_intensity = np.log([point.intensity for point in points])
    measured = np.log(seconds) - np.log([point.size for point in points])

    def curve(x: Any) -> Any:
        low, high, q = x[0], x[1] + log_intensity, x[2]
        return np.maximum(low, high) + q * np.log1p(np.exp(-np.abs(high - low) / q))

    start = [measured.min(), (measured - log_intensity).min(), 0.3]
    found = least_squares(
        lambda x: (curve(x) - measured) / NOISE,
        start,
        bounds=([-np.inf, -np.inf, 1 / P_MOST], [np.inf, np.inf, 1.0]),
        loss="soft_l1",
        x_scale=[0.1, 0.1, 0.1],
    ).x
    error = float(np.abs(np.expm1(measured - curve(found))).max())
    return Fit(max(1.0, float(1 / found[2])), math.exp(-found[0]), math.exp(-found[1]), error)


def intervals95(points: Sequence[Point]) -> dict[str, tuple[float, float]]:
    """Of `p` and `ridge`, from fits to resamples; empty where nothing can be resampled.

    With three or more processes whole processes are drawn, else samples within each bench, which
    is too narrow: they share their allocations.
    """
    import numpy as np
    from scipy.stats import bootstrap

    points = sorted(points, key=lambda point: point.intensity)
    processes = {len(point.samples) for point in points}
    by_process = len(processes) == 1 and processes.pop() >= 3
    if by_process:
        data = [[centre([samples]) for samples in point.samples] for point in points]
    else:
        data = [awake(point.samples) for point in points]
    if min(len(values) for values in data) < 2:
        return {}

    def statistic(*drawn: Any) -> Any:
        found = _fit(points, [float(np.median(values)) for values in drawn])
        return np.array([found.p, found.ridge])

    found = bootstrap(
        tuple(np.asarray(values) for values in data),
        statistic,
        n_resamples=RESAMPLES,
        vectorized=False,
        paired=by_process,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return {
        name: (float(found.low[i]), float(found.high[i])) for i, name in enumerate(("p", "ridge"))
    }


def leaves_roofs(points: Sequence[Point], found: Fit) -> tuple[float | None, float | None]:
    """Intensities between which the measured curve is below 90 % of each roof.

    The first: where it falls below the read roof; the second: where it reaches the flops roof.
    None where a measured curve never comes that near.
    """
    points = sorted(points, key=lambda point: point.intensity)
    logs = [math.log(point.intensity) for point in points]
    seconds = [centre(point.samples) for point in points]
    read = [p.size / s / found.read_rate for p, s in zip(points, seconds, strict=True)]
    flops = [p.flops / s / found.flops_rate for p, s in zip(points, seconds, strict=True)]
    return _falls_below(logs, read), _falls_below(logs[::-1], flops[::-1])


def _falls_below(logs: Sequence[float], parts: Sequence[float]) -> float | None:
    """The intensity at which `parts`, from near 1 on, first cross NEAR_ROOF."""
    if parts[0] < NEAR_ROOF:
        return None
    for i in range(1, len(parts)):
        if parts[i] < NEAR_ROOF:
            part = (parts[i - 1] - NEAR_ROOF) / (parts[i - 1] - parts[i])
            return math.exp(logs[i - 1] + part * (logs[i] - logs[i - 1]))
    return None
