# SPDX-License-Identifier: Apache-2.0
"""Three tiers of prediction for one step, and the step's time split by cause.

P: paper bandwidth and peaks. C: measured read ceiling, peaks and barrier. K: measured kernels.
Near the ridge bytes and flops overlap as the intensity sweep measured it (`overlap.combine`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from membound.model import curves, overlap
from membound.model.machine import Ceilings
from membound.model.types import BLOCK_BYTES
from membound.model.work import Launch, Step, Work
from membound.record import CAUSES, KernelCost, Tier


@dataclass(frozen=True)
class StepTime:
    """Seconds by tier, why a tier has none, shares by cause, launches that were interpolated."""

    seconds: dict[Tier, float | None]
    why_not: dict[Tier, str]
    shares: dict[str, float] | None
    interpolated: list[str]
    interpolated_share: float
    kernels: list[KernelCost] = field(default_factory=list)


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
    interpolated: list[str] = []
    costs: list[KernelCost] = []
    counts = Counter(launch.bench for launch in step.launches)
    for launch in {launch.bench: launch for launch in step.launches}.values():
        count, each = counts[launch.bench], kernel_seconds(launch, ceilings)
        claim = claim_seconds(launch, ceilings)
        for cause, value in causes(launch, each, ceilings).items():
            total[cause] += count * value
        costs.append(
            KernelCost(
                bench=launch.bench,
                launches=count,
                seconds=count * each,
                claim_seconds=count * claim,
            )
        )
        if launch.bench not in ceilings.kernels:
            interpolated.append(launch.bench)
            guessed += count * each
    seconds["K"] = whole = sum(total.values())
    shares = {cause: value / whole for cause, value in total.items()}
    return StepTime(seconds, why_not, shares, interpolated, guessed / whole, costs)


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
    flops = flops_seconds(launch.work, ceilings.peaks)
    return overlap.combine(cold, flops, ceilings.overlap_p) + barrier


def claim_seconds(launch: Launch, ceilings: Ceilings) -> float:
    """Tier C: bytes and flops, overlapped as measured, and one barrier."""
    assert ceilings.read_rate is not None
    read = launch.work.memory_bytes / ceilings.read_rate
    flops = flops_seconds(launch.work, ceilings.peaks)
    return overlap.combine(read, flops, ceilings.overlap_p) + (ceilings.barrier_seconds or 0.0)


def causes(launch: Launch, seconds: float, ceilings: Ceilings) -> dict[str, float]:
    """Split one launch's measured seconds by cause; the parts are >= 0 and sum to `seconds`.

    Bytes, flops and overhead are tier C's own; latency is what the measured cold curve adds to the
    bytes at the full rate, and issue what is left.
    """
    assert ceilings.read_rate is not None
    p = ceilings.overlap_p
    read = launch.work.memory_bytes / ceilings.read_rate
    flops = flops_seconds(launch.work, ceilings.peaks)
    cold = max(read, curves.cold_read_seconds(ceilings, launch.work.memory_bytes))
    parts = dict.fromkeys(CAUSES, 0.0)
    parts["overhead"] = ceilings.barrier_seconds or 0.0
    parts["bytes"], parts["flops"] = overlap.split(read, flops, p)
    waiting = overlap.combine(cold, flops, p) - overlap.combine(read, flops, p)
    parts["latency"] = max(0.0, waiting)
    explained = sum(parts.values())
    if explained > seconds:
        # The kernel beat the sum of its causes: they overlapped, so all shrink alike.
        return {cause: value * seconds / explained for cause, value in parts.items()}
    parts["issue"] = seconds - explained
    return parts


def flops_seconds(work: Work, peaks: Mapping[str, float]) -> float:
    """Sum over operand types of flops / peak.

    Products with quantised weights take the best of int8, bf16 and f32. A type without a
    peak of its own takes f32's, to which its operands are widened; without that one either the
    flops count nothing.
    """
    rates = ((count, peak(kind, peaks)) for kind, count in work.flops_by_type.items())
    return sum(count / rate for count, rate in rates if rate)


def peak(kind: str, peaks: Mapping[str, float]) -> float | None:
    """The rate of products with weights of a type."""
    if kind in BLOCK_BYTES:
        return max((peaks[unit] for unit in ("i8", "bf16", "f32") if unit in peaks), default=None)
    return peaks.get(kind, peaks.get("f32"))


def _paper(launch: Launch, ceilings: Ceilings) -> float:
    assert ceilings.paper_read_rate is not None
    read = launch.work.memory_bytes / ceilings.paper_read_rate
    return max(read, flops_seconds(launch.work, ceilings.paper_peaks))
