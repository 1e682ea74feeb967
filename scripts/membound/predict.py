# SPDX-License-Identifier: Apache-2.0
"""Predictions from a record's ceilings: all steps of a run, with a hash of what was used."""

import hashlib
import json
from typing import Any

from membound import __version__
from membound.model import machine, tiers, work
from membound.model.machine import Ceilings
from membound.model.types import BLOCK_BYTES
from membound.paths import utc_now
from membound.record import PredictedStep, Prediction, Record, WorkCounts

NOTE = "a launch whose activations stay in caches costs tier C its flops and one barrier"


def predict_steps(record: Record, steps: list[work.Step]) -> Prediction:
    """Predict `steps` on every device of a record, with a hash of all that was used."""
    devices = machine.ceilings(record)
    used = {
        "version": __version__,
        "shape": steps[0].shape.as_dict() if steps else None,
        "types": steps[0].types.as_dict() if steps else None,
        "points": [[s.phase, s.dtype, s.batch, s.context] for s in steps],
        "devices": {name: ceilings.as_dict() for name, ceilings in devices.items()},
    }
    # Through JSON before hashing: keys that are numbers here are text there, and sort otherwise.
    inputs = json.loads(json.dumps(used))
    types = {kind for s in steps for x in s.launches for kind in x.work.flops_by_type}
    notes = [NOTE]
    for name, ceilings in devices.items():
        notes += [f"{name}: {text}" for text in _notes(ceilings, sorted(types))]
    return Prediction(
        made_at=utc_now(),
        sha256=fingerprint(inputs),
        inputs=inputs,
        steps=[predict_one(s, ceilings) for ceilings in devices.values() for s in steps],
        notes=notes,
    )


def _notes(ceilings: Ceilings, types: list[str]) -> list[str]:
    """What the prediction had to assume."""
    notes = []
    if ceilings.barrier_seconds is None:
        notes.append("the barrier was not measured and counts as 0")
    if ceilings.knee is None:
        notes.append(f"bytes and flops count as max(): {ceilings.knee_why_not}")
    else:
        notes.append(f"bytes and flops overlap with the measured p = {ceilings.knee.p:.2f}")
    for kind in types:
        if kind in ceilings.peaks or (kind in BLOCK_BYTES and ceilings.peaks):
            continue
        if ceilings.flops_rate is None:
            notes.append(f"the {kind} peak was not measured and counts as infinite")
        else:
            notes.append(f"the {kind} peak was not measured: f32's is used")
    return notes


def fingerprint(inputs: dict[str, Any]) -> str:
    """SHA-256 over canonical JSON: sorted keys, no spaces."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def predict_one(step: work.Step, ceilings: Ceilings) -> PredictedStep:
    time = tiers.predict(step, ceilings)
    rates = {tier: step.tokens / s if s else None for tier, s in time.seconds.items()}
    return PredictedStep(
        device=ceilings.device,
        phase="decode" if step.phase == "decode" else "prefill",
        dtype=step.dtype,
        batch=step.batch,
        context=step.context,
        tokens=step.tokens,
        work=WorkCounts.model_validate(step.total.as_dict()),
        bytes_by_class=step.bytes_by_class,
        seconds=time.seconds,
        tokens_per_s=rates,
        why_not=time.why_not,
        shares=time.shares,
        kernels=time.kernels,
        interpolated=time.interpolated,
        interpolated_share=time.interpolated_share,
    )
