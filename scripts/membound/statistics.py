# SPDX-License-Identifier: Apache-2.0
"""Medians over samples and processes, with intervals that say what they cover."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


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
        values = [statistics.median(samples) for samples in processes]
        basis = f"{len(processes)} processes"
    else:
        # Samples of one process share their allocations: too narrow, and labelled so.
        values = pooled
        basis = "within one process" if len(processes) == 1 else "within two processes"
    return Summary(centre(processes), min(pooled), _bootstrap_median(values), basis)


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
    return float(found.low), float(found.high)
