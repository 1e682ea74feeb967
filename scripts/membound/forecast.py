# SPDX-License-Identifier: Apache-2.0
"""What `membound predict` answers: one step on a recorded machine, with an interval."""

import math
from typing import Any

from membound import compare, predict, statistics
from membound.errors import UsageError
from membound.model import curves, machine, work
from membound.model.machine import Ceilings
from membound.record import TIERS, PredictedStep, Record, Tier


def single(record: Record, step: work.Step, device: str | None = None) -> dict[str, Any]:
    """What `membound predict` prints: the finest tier that the record supports."""
    devices = machine.ceilings(record)
    if not devices:
        raise UsageError("the record holds no ceilings: measure some with ./membound run")
    name = device or next(iter(devices))
    if name not in devices:
        raise UsageError(f"the record has no device '{name}': it has {', '.join(devices)}")
    found = predict.predict_one(step, devices[name])
    tier: Tier = "K" if found.seconds["K"] else "C"
    seconds = found.seconds[tier]
    if seconds is None:
        raise UsageError(f"cannot predict on {name}: {found.why_not[tier]}")
    rate = step.tokens / seconds
    error, basis = relative_error90(record, step, found, devices[name], tier)
    shares = found.shares
    return {
        "tokens_per_s": rate,
        "interval90": [rate / (1 + error), rate * (1 + error)],
        "interval_basis": basis,
        "seconds_per_step": seconds,
        "shares": shares,
        "bound": max(shares, key=shares.__getitem__) if shares else None,
        "bytes_per_step": found.work.bytes_read + found.work.bytes_written,
        "flops_per_step": sum(found.work.flops.values()),
        "tier": tier,
        "predicted": {t: found.tokens_per_s[t] for t in TIERS},
        "why_not": found.why_not,
        "interpolated": found.interpolated,
        "device": name,
        "model": step.shape.id,
        "dtype": step.dtype,
        "phase": step.phase,
        "batch": step.batch,
        "context": step.context,
    }


def relative_error90(
    record: Record, step: work.Step, found: PredictedStep, ceilings: Ceilings, tier: Tier
) -> tuple[float, str]:
    """Relative half-width of a 90 % interval and what it rests on.

    Root of the sum of squares of: the spread of the samples (5th to 95th percentile of the
    step's kernels, weighted by time, taken as moving together), the error of interpolation seen by
    leaving kernels out, and the 90th percentile of this record's own residuals in this phase.
    """
    names = [launch.bench for launch in step.launches]
    used = [ceilings.kernels[name] for name in names if name in ceilings.kernels]
    time = sum(kernel.seconds for kernel in used)
    spread = sum(k.spread * k.seconds for k in used) / time if time else 0.0
    parts, basis = [spread], ["spread of samples"]
    if found.interpolated_share:
        error = curves.leave_one_out_error(ceilings.kernels, ceilings.barrier_seconds or 0.0)
        if error is not None:
            parts.append(error * found.interpolated_share)
            basis.append("interpolation left-one-out")
    residuals = [
        abs(residual) / 100
        for row in compare.compare(record, "").rows
        if (row.phase, row.device) == (found.phase, found.device)
        and (residual := row.residual_pct[tier]) is not None
    ]
    if residuals:
        parts.append(statistics.percentile(residuals, 90))
        basis.append(f"residuals of {len(residuals)} measured steps")
    else:
        basis.append("no measured step to score the model on: too narrow")
    return math.hypot(*parts), ", ".join(basis)
