# SPDX-License-Identifier: Apache-2.0
"""Properties that every prediction must have, on random machines."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membound.model import anchored, curves, shape, tiers, work
from membound.model.machine import Ceilings, Kernel
from membound.model.overlap import Fit
from membound.model.types import Types

SHAPE, _ = shape.load("Qwen2.5-0.5B")
rates = st.floats(1e9, 1e13)
times = st.floats(1e-8, 1e-4)
knees = st.builds(Fit, st.floats(1, 64), rates, rates, st.just(0.0))


@st.composite
def machines(draw, kernels=True):
    rate, ramp = draw(rates), draw(times)
    found = Ceilings(
        "cpu:0",
        read_rate=rate,
        cold_read_seconds={size: ramp + size / rate for size in (1 << 16, 1 << 20, 1 << 28)},
        peaks={kind: draw(st.floats(1e10, 1e15)) for kind in ("f32", "bf16")},
        knee=draw(st.one_of(st.none(), knees)),
        barrier_seconds=draw(times),
        paper_read_rate=rate * draw(st.floats(1, 2)),
    )
    if kernels:
        for launch in draw(st.sampled_from(STEPS)).launches:
            slower = draw(st.floats(0.5, 5))
            seconds = tiers.claim_seconds(launch, found) * slower
            counts = launch.work
            kernel = Kernel(seconds, 0.01, counts.all_bytes, counts.flops)
            found.kernels.setdefault(launch.bench, kernel)
    return found


STEPS = [
    work.decode(SHAPE, Types.of("bf16"), 1, 128),
    work.decode(SHAPE, Types.of("bf16"), 4, 2048),
    work.decode(SHAPE, Types.of("f32"), 32, 128),
    work.decode(SHAPE, Types.of("q4_0", "f32"), 4, 128),
    work.prefill(SHAPE, Types.of("bf16"), 1, 128),
]
steps = st.sampled_from(STEPS)


@given(machines(), steps)
def test_shares_are_a_split_of_the_whole(ceilings, step):
    found = tiers.predict(step, ceilings)
    if found.shares is None:
        assert "no kernel" in found.why_not["K"]
        return
    assert all(share >= 0 for share in found.shares.values())
    assert sum(found.shares.values()) == pytest.approx(1)
    assert 0 <= found.interpolated_share <= 1 + 1e-9


@given(machines(), steps)
def test_tier_k_is_the_sum_of_its_launches(ceilings, step):
    found = tiers.predict(step, ceilings)
    if found.seconds["K"] is not None:
        parts = [tiers.kernel_seconds(launch, ceilings) for launch in step.launches]
        assert found.seconds["K"] == pytest.approx(math.fsum(parts))
        known = {x.bench for x in step.launches} & set(ceilings.kernels)
        assert set(found.interpolated).isdisjoint(known)


@given(machines(kernels=False), steps, st.floats(1, 100))
def test_claim_never_gets_slower_with_bandwidth_or_compute(ceilings, step, factor):
    before = tiers.predict(step, ceilings).seconds["C"]
    peaks = {kind: rate * factor for kind, rate in ceilings.peaks.items()}
    for changed in ({"read_rate": ceilings.read_rate * factor}, {"peaks": peaks}):
        faster = dataclasses.replace(ceilings, **changed)
        assert tiers.predict(step, faster).seconds["C"] <= before * (1 + 1e-9)


@given(machines(kernels=False), st.integers(1, 4000), st.integers(1, 4000))
def test_claim_never_gets_faster_with_context(ceilings, one, other):
    low, high = sorted((one, other))
    seconds = [
        tiers.predict(work.decode(SHAPE, Types.of("bf16"), 1, c), ceilings).seconds["C"]
        for c in (low, high)
    ]
    assert seconds[0] <= seconds[1] * (1 + 1e-12)


@given(machines(kernels=False), steps)
def test_units_paper_is_not_slower_than_bytes_and_flops_at_the_paper_rate(ceilings, step):
    seconds = tiers.predict(step, ceilings).seconds["P"]
    needed = sum(x.work.memory_bytes for x in step.launches) / ceilings.paper_read_rate
    assert seconds == pytest.approx(needed)  # no paper peak is known: bytes alone


def test_tiers_without_their_ceilings_say_why():
    found = tiers.predict(STEPS[0], Ceilings("cpu:0"))
    assert found.seconds == {"P": None, "C": None, "K": None}
    assert found.why_not["P"] == "paper bandwidth unknown"
    assert "not measured" in found.why_not["C"]


@given(
    st.lists(
        st.tuples(st.floats(1, 1e9), st.floats(1e-7, 1)), min_size=1, unique_by=lambda p: p[0]
    ),
    st.floats(1, 1e10),
)
def test_interpolation_stays_between_its_neighbours(points, size):
    points.sort()
    seconds = curves.interpolate(points, size)
    assert seconds > 0
    below, above = [p for p in points if p[0] <= size], [p for p in points if p[0] >= size]
    if below and above:
        ends = below[-1][1], above[0][1]
        assert min(ends) * (1 - 1e-9) <= seconds <= max(ends) * (1 + 1e-9)


def test_a_missing_kernel_comes_from_its_kind_and_not_from_another_row_count():
    def name(n, m=1):
        return f"inference/gemv/bf16/m:{m}/n:{n}/k:100"

    kernels = {
        name(100): Kernel(1e-6, 0, 20_000, 1),
        name(400): Kernel(4e-6, 0, 80_000, 1),
        name(200, m=4): Kernel(9e-6, 0, 40_000, 1),
    }
    assert curves.from_kin(name(200), 40_000, kernels, 0.0) == pytest.approx(2e-6)
    assert curves.from_kin(name(200, m=8), 40_000, kernels, 0.0) is None


@given(machines(), steps, st.floats(1.0, 4.0))
def test_faster_memory_between_the_steps_never_takes_longer(ceilings, step, change):
    predicted = tiers.predict(step, ceilings).seconds
    same, faster = (anchored.seconds(step, ceilings, c) for c in (1.0, change))
    for tier in ("C", "K"):
        if predicted[tier] is None:
            assert same[tier] is faster[tier] is None
            continue
        assert same[tier] == pytest.approx(predicted[tier])
        assert predicted[tier] / change * (1 - 1e-9) <= faster[tier] <= same[tier] * (1 + 1e-9)
