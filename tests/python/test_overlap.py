# SPDX-License-Identifier: Apache-2.0
"""The knee of the roofline: properties of the formula, and the fit on sweeps that are known."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membound.model import overlap

seconds = st.floats(1e-9, 1e3)
exponents = st.one_of(st.none(), st.just(math.inf), st.floats(1, 100))
READ_RATE, FLOPS_RATE = 36e9, 430e9


@given(seconds, seconds, exponents)
def test_between_the_longer_and_the_sum(one, other, p):
    found = overlap.combine(one, other, p)
    assert max(one, other) <= found * (1 + 1e-12)
    assert found <= (one + other) * (1 + 1e-12)


@given(seconds, seconds, st.floats(1, 100), st.floats(1, 100))
def test_more_overlap_is_never_slower(one, other, p, q):
    low, high = sorted((p, q))
    found = overlap.combine(one, other, low), overlap.combine(one, other, high)
    assert found[1] <= found[0] * (1 + 1e-12)


@given(seconds, seconds, exponents, st.floats(1, 10))
def test_more_work_is_never_faster(one, other, p, factor):
    before = overlap.combine(one, other, p)
    assert overlap.combine(one * factor, other, p) >= before * (1 - 1e-12)
    assert overlap.combine(one, other * factor, p) >= before * (1 - 1e-12)


@given(seconds, seconds)
def test_the_limits_are_the_sum_and_the_longer(one, other):
    assert overlap.combine(one, other, 1.0) == pytest.approx(one + other)
    assert overlap.combine(one, other, None) == max(one, other)
    assert overlap.combine(one, other, overlap.P_MOST) == pytest.approx(max(one, other), rel=0.011)


@given(seconds, seconds, exponents)
def test_a_split_has_no_negative_part_and_loses_nothing(one, other, p):
    parts = overlap.split(one, other, p)
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(overlap.combine(one, other, p))


@given(st.floats(1e-6, 1), st.floats(0.01, 100), st.floats(1, 8))
def test_a_part_of_the_whole_is_its_elasticity(one, ratio, p):
    other, step = one * ratio, 1e-4
    whole = overlap.combine(one, other, p)
    ends = [overlap.combine(one * math.exp(sign * step), other, p) for sign in (1, -1)]
    slope = (math.log(ends[0]) - math.log(ends[1])) / (2 * step)
    assert overlap.split(one, other, p)[0] / whole == pytest.approx(slope, abs=1e-3)


def test_nothing_takes_no_time():
    assert overlap.combine(0, 0, 2.0) == 0
    assert overlap.split(0, 0, 2.0) == (0, 0)
    assert overlap.split(3.0, 0, 2.0) == (3.0, 0)


def sweep(p, noise=0.01, processes=1, samples=8, largest=262144):
    draw = random.Random(7)
    points, per_kib = [], 64
    while per_kib <= largest:
        size, flops = 1 << 28, (1 << 18) * per_kib
        exact = overlap.combine(size / READ_RATE, flops / FLOPS_RATE, p)
        drawn = [
            [exact * (1 + draw.gauss(0, noise)) for _ in range(samples)] for _ in range(processes)
        ]
        points.append(overlap.Point(size, flops, drawn))
        per_kib *= 2
    return points


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 4.0])
def test_the_fit_finds_what_made_the_sweep(p):
    points = sweep(p)
    found, why_not = overlap.fit(points)
    assert why_not == ""
    assert found.p == pytest.approx(p, rel=0.1)
    assert found.ridge == pytest.approx(FLOPS_RATE / READ_RATE, rel=0.02)
    assert found.error < 0.03


def test_a_sharp_knee_is_told_from_a_round_one():
    found, _ = overlap.fit(sweep(None, noise=0.001))
    assert found.p > 8


def test_outliers_do_not_carry_the_fit():
    points = sweep(2.0)
    slow = [[value * 3 for value in samples] for samples in points[6].samples]
    points[6] = overlap.Point(points[6].size, points[6].flops, slow)
    found, _ = overlap.fit(points)
    assert found.ridge == pytest.approx(FLOPS_RATE / READ_RATE, rel=0.1)
    assert found.error > 0.5  # and it is said how far a point is off


@pytest.mark.parametrize("processes", [1, 3])
def test_the_intervals_hold_the_truth_and_narrow_with_less_noise(processes):
    wide, narrow = (
        overlap.intervals95(sweep(2.0, noise, processes=processes)) for noise in (0.03, 0.003)
    )
    for name, truth in (("p", 2.0), ("ridge", FLOPS_RATE / READ_RATE)):
        assert wide[name][0] * 0.99 <= truth <= wide[name][1] * 1.01
        assert narrow[name][1] - narrow[name][0] < wide[name][1] - wide[name][0]


def test_single_samples_have_no_interval():
    assert overlap.intervals95(sweep(2.0, samples=1)) == {}


def test_a_sweep_that_reaches_one_roof_only_says_so():
    found, why_not = overlap.fit(sweep(2.0, largest=4096))
    assert found is None
    assert "does not reach both roofs" in why_not
    assert overlap.fit([])[1] == "the intensity sweep was not measured"


def test_where_the_curve_leaves_its_roofs():
    points = sweep(2.0, noise=0.0)
    found, _ = overlap.fit(points)
    ridge = FLOPS_RATE / READ_RATE
    # (1 + r^2)^(-1/2) = 0.9 at r = 0.484: that far below and above the ridge.
    low, high = overlap.leaves_roofs(points, found)
    assert low == pytest.approx(ridge * 0.484, rel=0.1)
    assert high == pytest.approx(ridge / 0.484, rel=0.1)
