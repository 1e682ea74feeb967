# SPDX-License-Identifier: Apache-2.0
"""What an engine measured, in the record's terms."""

import math
import statistics
from collections.abc import Sequence
from typing import Any, Literal

from membound.errors import UsageError
from membound.record import EngineResult

TORCH_TYPES = {
    "bfloat16": "bf16",
    "float16": "f16",
    "half": "f16",
    "float32": "f32",
    "float": "f32",
}


def make(
    phase: Literal["decode", "prefill", "request"],
    samples: Sequence[float],
    *,
    engine: str,
    where: str,
    model: str,
    dtype: str,
    batch: int,
    context: int,
    prompt: int = 0,
    generated: int = 0,
    decode_steps: int = 0,
    device: str = "",
    version: str = "",
    settings: dict[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> EngineResult:
    """Checks what no format can do without; `samples` are seconds of a step, prefill or request."""
    for name, value, flag in (("model", model, "--model"), ("dtype", dtype, "--dtype")):
        if not value:
            raise UsageError(f"{where} does not say its {name}: give {flag}")
    if min(batch, context) < 1:
        raise UsageError(f"{where}: batch {batch} and context {context} must be at least 1")
    if not samples:
        raise UsageError(f"{where} holds no times")
    seconds = statistics.median(samples)
    tokens = batch * {"decode": 1, "prefill": context, "request": generated}[phase]
    if not math.isfinite(tokens / seconds) or tokens < 1:
        raise UsageError(f"{where}: {tokens} tokens in {seconds} s give no rate")
    return EngineResult(
        engine=engine,
        version=version,
        model=model,
        dtype=dtype.lower(),
        device=device,
        phase=phase,
        batch=batch,
        context=context,
        prompt=prompt,
        generated=generated,
        decode_steps=decode_steps,
        tokens=tokens,
        seconds=seconds,
        tokens_per_s=tokens / seconds,
        samples=list(samples),
        settings=settings or {},
        notes=list(notes),
    )
