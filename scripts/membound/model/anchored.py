# SPDX-License-Identifier: Apache-2.0
"""Tiers C and K had memory been as fast as it was between the steps.

The prediction is made before the steps run and stays as it was. Where neighbours share the memory
bus its rate may change by half from one minute to the next; then the residual tells of them and not
of the model. The cold read measured again between the steps (the anchor) tells how fast memory was
then: tier C takes that rate, tier K divides by the change what its kernels wait for bytes.
"""

import statistics
from collections.abc import Mapping
from dataclasses import replace

from membound.model import machine, tiers
from membound.model.machine import Ceilings
from membound.model.work import Launch, Step
from membound.record import Record, Tier

WAITING = ("bytes", "latency")  # causes that shrink and grow with the rate of memory


def changes(record: Record, devices: Mapping[str, Ceilings]) -> dict[str, list[float]]:
    """Rate of each process's anchor over that of the same read among the ceilings, by device."""
    found = {}
    for device, anchors in machine.anchors(record).items():
        curve = devices[device].cold_read_seconds if device in devices else {}
        if ratios := [rate * curve[size] / size for size, rate in anchors if size in curve]:
            found[device] = ratios
    return found


def seconds(step: Step, ceilings: Ceilings, change: float) -> dict[Tier, float | None]:
    """Of a step, by tier, with cold reads `change` times as fast; None where a tier has none."""
    found: dict[Tier, float | None] = {"P": None, "C": None, "K": None}
    if ceilings.read_rate is None:
        return found
    then = replace(ceilings, read_rate=ceilings.read_rate * change)
    found["C"] = sum(tiers.claim_seconds(launch, then) for launch in step.launches)
    if any(launch.bench in ceilings.kernels for launch in step.launches):
        costs = {x.bench: _kernel(x, ceilings, change) for x in step.launches}
        found["K"] = sum(costs[launch.bench] for launch in step.launches)
    return found


def residuals(
    step: Step, measured: float, ceilings: Ceilings, ratios: list[float]
) -> dict[Tier, float | None]:
    """In percent, of measured tokens/s, at the median change."""
    times = seconds(step, ceilings, statistics.median(ratios))
    return {t: (measured * s / step.tokens - 1) * 100 if s else None for t, s in times.items()}


def _kernel(launch: Launch, ceilings: Ceilings, change: float) -> float:
    parts = tiers.causes(launch, tiers.kernel_seconds(launch, ceilings), ceilings)
    return sum(part / change if cause in WAITING else part for cause, part in parts.items())
