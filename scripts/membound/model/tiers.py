# SPDX-License-Identifier: Apache-2.0
"""Three tiers of prediction for one step, and the step's time split by cause.

P: paper bandwidth and peak. C: measured read ceiling, peak and barrier. K: measured kernels.
Near the ridge C takes the larger of bytes and flops time; their overlap is not measured yet.
"""

from collections import Counter
from dataclasses import dataclass

from membound.model import curves
from membound.model.machine import Ceilings
from membound.model.work import Launch, Step
from membound.record import CAUSES, Tier


@dataclass(frozen=True)
class StepTime:
    """Seconds by tier, why a tier has none, shares by cause, launches that were interpolated."""

    seconds: dict[Tier, float | None]
    why_not: dict[Tier, str]
    shares: dict[str, float] | None
    interpolated: list[str]
    interpolated_share: float


def predict(step: Step, ceilings: Ceilings) -> StepTime:
    """Predict one step from one device's ceilings."""
    why_not: dict[Tier, str] = {}
    seconds: dict[Tier, float | None] = {"P": None, "C": None, "K": None}
    if ceilings.paper_read_rate:
        seconds["P"] = sum(_paper(launch, ceilings) for launch in step.launches)
    else:
        why_not["P"] = "paper bandwidth unknown"
    if ceilings.read_rate is None:
        why_not["C"] = why_not["K"] = "cold read ceiling not measured"
        return StepTime(seconds, why_not, None, [], 0.0)
    seconds["C"] = sum(claim_seconds(launch, ceilings) for launch in step.launches)
    known = Counter(launch.bench for launch in step.launches)
    if not any(bench in ceilings.kernels for bench in known):
        why_not["K"] = f"no kernel of this {step.phase} step was measured"
        return StepTime(seconds, why_not, None, [], 0.0)
    return _from_kernels(step, ceilings, seconds, why_not)


def _from_kernels(
    step: Step, ceilings: Ceilings, seconds: dict[Tier, float | None], why_not: dict[Tier, str]
) -> StepTime:
    """Tier K: the sum over launches, with each launch's time split by cause."""
    total = dict.fromkeys(CAUSES, 0.0)
    guessed = 0.0
    interpolated: dict[str, None] = {}
    cache: dict[str, dict[str, float]] = {}
    for launch in step.launches:
        if launch.bench not in cache:
            cache[launch.bench] = causes(launch, kernel_seconds(launch, ceilings), ceilings)
        parts = cache[launch.bench]
        for cause, value in parts.items():
            total[cause] += value
        if launch.bench not in ceilings.kernels:
            interpolated[launch.bench] = None
            guessed += sum(parts.values())
    seconds["K"] = whole = sum(total.values())
    shares = {cause: value / whole for cause, value in total.items()}
    return StepTime(seconds, why_not, shares, list(interpolated), guessed / whole)


def kernel_seconds(launch: Launch, ceilings: Ceilings) -> float:
    """The launch's own bench; else kernels of its kind; else the cold read curve and a barrier."""
    if launch.bench in ceilings.kernels:
        return ceilings.kernels[launch.bench].seconds
    barrier = ceilings.barrier_seconds or 0.0
    size = launch.work.flops if curves.by_flops(launch.bench) else launch.work.all_bytes
    found = curves.from_kin(launch.bench, size, ceilings.kernels, barrier)
    if found is not None:
        return found
    cold = curves.cold_read_seconds(ceilings, launch.work.memory_bytes)
    return max(cold, _flops_seconds(launch, ceilings.flops_rate)) + barrier


def claim_seconds(launch: Launch, ceilings: Ceilings) -> float:
    """Tier C: the larger of bytes and flops time, and one barrier."""
    assert ceilings.read_rate is not None
    bytes_seconds = launch.work.memory_bytes / ceilings.read_rate
    flops_seconds = _flops_seconds(launch, ceilings.flops_rate)
    return max(bytes_seconds, flops_seconds) + (ceilings.barrier_seconds or 0.0)


def causes(launch: Launch, seconds: float, ceilings: Ceilings) -> dict[str, float]:
    """Split one launch's measured seconds by cause; the parts are >= 0 and sum to `seconds`."""
    assert ceilings.read_rate is not None
    bytes_seconds = launch.work.memory_bytes / ceilings.read_rate
    flops_seconds = _flops_seconds(launch, ceilings.flops_rate)
    cold = curves.cold_read_seconds(ceilings, launch.work.memory_bytes)
    parts = dict.fromkeys(CAUSES, 0.0)
    parts["overhead"] = ceilings.barrier_seconds or 0.0
    parts["bytes"] = bytes_seconds
    parts["flops"] = max(0.0, flops_seconds - bytes_seconds)
    if bytes_seconds >= flops_seconds:
        parts["latency"] = max(0.0, cold - bytes_seconds)
    explained = sum(parts.values())
    if explained > seconds:
        # The kernel beat the sum of its causes: they overlapped, so all shrink alike.
        return {cause: value * seconds / explained for cause, value in parts.items()}
    parts["issue"] = seconds - explained
    return parts


def _paper(launch: Launch, ceilings: Ceilings) -> float:
    assert ceilings.paper_read_rate is not None
    flops_seconds = _flops_seconds(launch, ceilings.paper_flops_rate)
    return max(launch.work.memory_bytes / ceilings.paper_read_rate, flops_seconds)


def _flops_seconds(launch: Launch, rate: float | None) -> float:
    return launch.work.flops / rate if rate else 0.0
