# SPDX-License-Identifier: Apache-2.0
"""Seconds of a launch that was not measured, from launches that were."""

import bisect
import math
from collections.abc import Sequence

from membound.model.machine import Ceilings, Kernel, keys_of

Point = tuple[float, float]  # size (bytes or flops), seconds


def interpolate(points: Sequence[Point], size: float, floor: float = 0.0) -> float:
    """Seconds at `size`, linear in log-log between sorted points.

    Above the largest point its rate is kept; below the smallest the time beyond `floor` (what
    an empty launch costs) shrinks with the size.
    """
    first, last = points[0], points[-1]
    if size >= last[0]:
        return last[1] * size / last[0]
    if size <= first[0]:
        fixed = min(floor, first[1])
        return fixed + (first[1] - fixed) * size / first[0]
    index = bisect.bisect_right([point[0] for point in points], size)
    (x0, y0), (x1, y1) = points[index - 1], points[index]
    part = math.log(size / x0) / math.log(x1 / x0)
    return y0 * math.exp(part * math.log(y1 / y0))


def cold_read_seconds(ceilings: Ceilings, size: int) -> float:
    """Seconds that a cold read of `size` bytes takes, ramp included."""
    points = sorted((float(x), y) for x, y in ceilings.cold_read_seconds.items())
    return interpolate(points, size) if points and size else 0.0


def kin(bench: str) -> tuple[object, ...]:
    """Benches with equal keys run the same code at different sizes, limited by the same thing."""
    keys = keys_of(bench)
    family = tuple(bench.split("/")[:3])
    rows = keys.get("rows") if "/experts/" in bench else keys.get("m")
    return (*family, rows, None if "tokens" not in keys else keys["tokens"] == 1)


def by_flops(bench: str) -> bool:
    """Whether a kernel's time follows its flops; the others' follows their bytes."""
    keys = keys_of(bench)
    return "/gemm/" in bench or ("/attention/" in bench and keys.get("tokens", 1) > 1)


def from_kin(bench: str, size: float, kernels: dict[str, Kernel], floor: float) -> float | None:
    """Seconds of `bench` from measured kernels of its kind; None when there is none."""
    sizes: dict[float, list[float]] = {}
    for name, kernel in kernels.items():
        if name != bench and kin(name) == kin(bench):
            at = kernel.flops if by_flops(name) else kernel.all_bytes
            if at > 0:
                sizes.setdefault(float(at), []).append(kernel.seconds)
    points = sorted((at, sum(values) / len(values)) for at, values in sizes.items())
    return interpolate(points, size, floor) if points and size > 0 else None


def leave_one_out_error(kernels: dict[str, Kernel], floor: float) -> float | None:
    """Largest relative error of `from_kin` on the measured kernels, each left out in turn."""
    errors = []
    for name, kernel in kernels.items():
        size = kernel.flops if by_flops(name) else kernel.all_bytes
        guess = from_kin(name, size, kernels, floor)
        if guess is not None:
            errors.append(abs(kernel.seconds / guess - 1))
    return max(errors, default=None)
