# SPDX-License-Identifier: Apache-2.0
"""Ratios of medians: what holds for any rounds, and what the interval covers."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.peers.ratios import median_of_ratios, ratio_of_medians
from membound.peers.result import Row, verdict

rates = st.floats(1e8, 1e12)
series = st.lists(st.tuples(rates, rates), min_size=1, max_size=8)


@settings(max_examples=30, deadline=None)
@given(series)
def test_the_interval_holds_its_ratio(pairs):
    found = ratio_of_medians([a for a, _ in pairs], [b for _, b in pairs])
    assert 0 < found.low <= found.ratio <= found.high
    smallest = min(a for a, _ in pairs) / max(b for _, b in pairs)
    largest = max(a for a, _ in pairs) / min(b for _, b in pairs)
    assert smallest * (1 - 1e-9) <= found.low
    assert found.high <= largest * (1 + 1e-9)


@settings(max_examples=20, deadline=None)
@given(series, st.floats(0.01, 100))
def test_units_do_not_matter_and_speed_scales(pairs, factor):
    ours, peers = [a for a, _ in pairs], [b for _, b in pairs]
    one = ratio_of_medians(ours, peers)
    both = ratio_of_medians([a * factor for a in ours], [b * factor for b in peers])
    assert both.ratio == pytest.approx(one.ratio)
    faster = ratio_of_medians([a * factor for a in ours], peers)
    assert faster.ratio == pytest.approx(one.ratio * factor)
    assert faster.low == pytest.approx(one.low * factor)


def test_drift_that_both_sides_share_widens_nothing():
    peers = [30e9 * (1 + 0.1 * n) for n in range(10)]
    found = ratio_of_medians([1.02 * rate for rate in peers], peers)
    assert (found.low, found.high) == (pytest.approx(1.02), pytest.approx(1.02))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = random.Random(1)
    covered = 0
    for _ in range(100):
        ours = [1.05 * generator.gauss(1, 0.03) for _ in range(10)]
        peers = [generator.gauss(1, 0.03) for _ in range(10)]
        found = ratio_of_medians(ours, peers)
        covered += found.low <= 1.05 <= found.high
    assert 88 <= covered <= 100


@pytest.mark.parametrize(
    ("ratio", "low", "word"),
    [
        (1.10, 1.05, "faster by 10.0 %"),
        (1.01, 0.98, "equal or faster"),
        (1.00, 0.90, "undecided: may be slower by 10.0 %"),
        (0.90, 0.85, "slower by 10.0 %"),
    ],
)
def test_the_line_on_a_work(ratio, low, word):
    row = Row(
        work="copy",
        dtype="f32",
        model="",
        unit="GB/s",
        peer="stream",
        peer_kernel="Copy",
        peer_dtype="f64",
        our_kernel="bandwidth/copy",
        our_rate=ratio * 1e10,
        peer_rate=1e10,
        ratio=ratio,
        interval95=(low, 1.2),
        paired_ratio=1.02,
        paired_interval95=(0.99, 1.05),
        rounds=10,
        statistic="mean",
        best_peer=True,
        marks=[],
    )
    assert word in verdict(row)
    assert "round by round 1.020, 95 % 0.990 to 1.050" in verdict(row)
    assert (f"lower bound is{'' if low >= 0.97 else ' not'} >= 0.97") in verdict(row)


def test_rounds_own_ratios_see_through_a_machine_that_changes() -> None:
    rates = [50.0, 80.0, 55.0, 85.0, 50.0, 82.0, 51.0, 84.0]
    found = median_of_ratios([1.02 * rate for rate in rates], rates)
    assert found.ratio == pytest.approx(1.02)
    assert (found.low, found.high) == pytest.approx((1.02, 1.02))
