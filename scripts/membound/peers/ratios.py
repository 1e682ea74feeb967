# SPDX-License-Identifier: Apache-2.0
"""Ratio of medians over rounds, with a 95 % bootstrap interval.

The round is the unit of replication: fresh processes on both sides, a few seconds apart. What
slows a whole round (a neighbour, the clock) slows both sides, so rounds are resampled as pairs;
resampling the sides apart would count that common drift as noise. Percentile intervals: BCa's
jackknife is degenerate for a median, which takes two values at most when one round is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 9999
# With n rounds even the range of all values covers a median with 1 - 2^(1-n) only: 0.97 at 6.
FEWEST_ROUNDS = 6


@dataclass(frozen=True)
class Ratio:
    """Ours over the peer's; above 1: we are ahead."""

    ratio: float
    low: float
    high: float


def median_of_ratios(ours: Sequence[float], peers: Sequence[float]) -> Ratio:
    """Each round's own ratio: what is left when the machine changes between rounds."""
    return ratio_of_medians([a / b for a, b in zip(ours, peers, strict=True)], [1.0] * len(peers))


def ratio_of_medians(ours: Sequence[float], peers: Sequence[float]) -> Ratio:
    """Of two series, one value of each side for every round, all above 0."""
    import numpy
    from scipy.stats import bootstrap

    mine, theirs = numpy.asarray(ours, float), numpy.asarray(peers, float)
    ratio = float(numpy.median(mine) / numpy.median(theirs))
    if len(set(zip(ours, peers, strict=True))) < 2:
        return Ratio(ratio, ratio, ratio)

    found = bootstrap(
        (mine, theirs),
        lambda a, b, axis: numpy.median(a, axis=axis) / numpy.median(b, axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=0.95,
        method="percentile",
        random_state=numpy.random.default_rng(0),
    ).confidence_interval
    # A percentile interval may leave its own estimate out when rounds are few: never narrower.
    return Ratio(ratio, min(ratio, float(found.low)), max(ratio, float(found.high)))
