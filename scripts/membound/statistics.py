# SPDX-License-Identifier: Apache-2.0
"""Medians over samples and processes, with intervals that say what they cover."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SUSPENDED_FACTOR = 10.0  # a sample this much over its bench's median timed a machine that slept


@dataclass(frozen=True)
class Summary:
    """Median seconds with a 95 % interval; `basis` says over what it was resampled."""

    median: float
    best: float
    interval95: tuple[float, float]
    basis: str


def centre(processes: Sequence[Sequence[float]]) -> float:
    """The median of the processes' medians."""
    return statistics.median(statistics.median(samples) for samples in processes)


def summarise(processes: Sequence[Sequence[float]]) -> Summary:
    """Summary of seconds per launch, one list of samples for each process."""
    pooled = [seconds for samples in processes for seconds in samples]
    if len(processes) >= 3:
        basis = f"{len(processes)} processes"
    else:
        # Samples of one process share their allocations: too narrow, and labelled so.
        basis = "within one process" if len(processes) == 1 else "within two processes"
    interval = _bootstrap_median(_drawn_from(processes))
    return Summary(centre(processes), min(pooled), interval, basis)


def ratio_interval95(
    above: Sequence[Sequence[float]], below: Sequence[Sequence[float]]
) -> tuple[float, float]:
    """Of the ratio of two benches' medians, each drawn as `summarise` draws them."""
    top, bottom = _drawn_from(above), _drawn_from(below)
    if len(set(top)) < 2 and len(set(bottom)) < 2:
        return top[0] / bottom[0], top[0] / bottom[0]
    import numpy
    from scipy.stats import bootstrap

    found = bootstrap(
        # A single value twice stands for itself: it can be drawn, and adds no spread.
        tuple(numpy.asarray(v if len(v) > 1 else v * 2) for v in (top, bottom)),
        lambda x, y, axis: numpy.median(x, axis=axis) / numpy.median(y, axis=axis),
        confidence_level=0.95,
        n_resamples=2000,
        method="percentile",
        vectorized=True,
        random_state=numpy.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def _drawn_from(processes: Sequence[Sequence[float]]) -> list[float]:
    """What a bootstrap draws from: medians of three or more processes, else all samples."""
    if len(processes) >= 3:
        return [statistics.median(samples) for samples in processes]
    return awake(processes)


def awake(processes: Sequence[Sequence[float]]) -> list[float]:
    """All samples but those during which a virtual machine was suspended.

    For spreads and intervals: a median bears such a sample, an interval from six does not.
    """
    longest = SUSPENDED_FACTOR * centre(processes)
    kept = [s for samples in processes for s in samples if s <= longest]
    return kept or [s for samples in processes for s in samples]


def percentile(values: Sequence[float], percent: float) -> float:
    import numpy

    return float(numpy.percentile(values, percent))


def _bootstrap_median(values: Sequence[float]) -> tuple[float, float]:
    if len(set(values)) < 2:
        return values[0], values[0]
    import numpy
    from scipy.stats import bootstrap

    found = bootstrap(
        (numpy.asarray(values),),
        numpy.median,
        confidence_level=0.95,
        n_resamples=2000,
        method="percentile",
        random_state=numpy.random.default_rng(0),
    ).confidence_interval
    # Interpolated percentiles may pass the ends by a rounding error.
    return max(min(values), float(found.low)), min(max(values), float(found.high))
