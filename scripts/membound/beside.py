# SPDX-License-Identifier: Apache-2.0
"""Engines' results beside our measured steps and our predictions, across records given together."""

from collections.abc import Sequence
from dataclasses import replace

from membound.errors import UsageError
from membound.model import machine, tiers, types
from membound.model.machine import Ceilings
from membound.model.shape import Shape
from membound.model.types import Types
from membound.model.work import Step, build
from membound.record import (
    TIERS,
    Comparison,
    EngineResult,
    EngineRow,
    Record,
    Row,
    Tier,
    residuals_pct,
)

# Steps are the same work when their bytes differ by less: engines time a growing cache, and its
# mean context is rarely the one that we measured at.
SAME_WORK = 0.02


def attach(records: Sequence[Record], comparisons: Sequence[Comparison]) -> None:
    """Fills `engines` of each comparison whose record has imported results."""
    hosts = [(r, c) for r, c in zip(records, comparisons, strict=True) if r.model and c.ceilings]
    for record, comparison in zip(records, comparisons, strict=True):
        comparison.engines = [_row(result, hosts) for result in record.engine_results]


def _row(result: EngineResult, hosts: Sequence[tuple[Record, Comparison]]) -> EngineRow:
    """Beside the first record of the same model that has ceilings of a fitting device."""
    if not hosts:
        return EngineRow(result=result, why_not="give a record of ./membound run with it")
    why_not = ""
    for record, comparison in hosts:
        model = str((record.model or {}).get("id"))
        if model.casefold() != result.model.casefold():
            why_not = (
                why_not or f"{comparison.record} is of {model}: import it with --model {model}"
            )
            continue
        devices = machine.ceilings(record)
        name = result.device if result.device in devices else ""
        if not result.device and len(devices) == 1:
            name = next(iter(devices))
        if not name:
            why_not = f"{comparison.record} has no device {result.device or '(give --device)'}"
            continue
        try:
            return _beside(result, record, comparison, devices[name])
        except UsageError as error:
            why_not = str(error)
    return EngineRow(result=result, why_not=why_not)


def _beside(
    result: EngineResult, record: Record, comparison: Comparison, ceilings: Ceilings
) -> EngineRow:
    if result.phase == "prefill" and result.prompt > result.context:
        raise UsageError("a prefill behind a filled cache is neither measured nor predicted here")
    predicted = _predicted(result, record, ceilings)
    ours = _same_work(result, record, [r for r in comparison.rows if r.device == ceilings.device])
    rate = result.tokens_per_s
    return EngineRow(
        result=result,
        beside=comparison.record,
        device=ceilings.device,
        ours=ours.measured if ours else None,
        ours_context=ours.context if ours else None,
        ratio=ours.measured / rate if ours else None,
        predicted=predicted,
        residual_pct=residuals_pct(rate, predicted),
        why_not="" if ours else "this work was not measured there",
    )


def _predicted(
    result: EngineResult, record: Record, ceilings: Ceilings
) -> dict[Tier, float | None]:
    """Tokens/s of what the engine timed; a request is its prefill and steps at the mean context."""
    if result.phase == "decode":
        parts = [(1, _decode(record, result))]
    elif result.phase == "prefill":
        parts = [(1, _step(record, result, "prefill", result.context))]
    else:
        parts = [(1, _step(record, result, "prefill", result.prompt))]
        parts += [(result.decode_steps, _decode(record, result))] if result.decode_steps else []
    times = [(count, tiers.predict(step, ceilings).seconds) for count, step in parts]
    found: dict[Tier, float | None] = {}
    for tier in TIERS:
        seconds = [(count, of[tier]) for count, of in times]
        whole = sum(count * one for count, one in seconds if one is not None)
        complete = whole > 0 and all(one is not None for _, one in seconds)
        found[tier] = result.tokens / whole if complete else None
    return found


def _same_work(result: EngineResult, record: Record, rows: Sequence[Row]) -> Row | None:
    """Our nearest step of the same kind, type and batch, if its bytes are nearly the same."""
    if result.phase == "request":
        return None
    point = result.phase, result.dtype, result.batch
    alike = [row for row in rows if (row.phase, row.dtype, row.batch) == point]
    nearest = min(alike, key=lambda row: abs(row.context - result.context), default=None)
    if nearest is None or nearest.context == result.context:
        return nearest
    if result.phase == "prefill":  # its flops grow with its length, whatever its bytes do
        return None
    mine = _bytes(_step(record, result, "decode", nearest.context))
    theirs = _bytes(_decode(record, result))
    return nearest if abs(mine / theirs - 1) < SAME_WORK else None


def _decode(record: Record, result: EngineResult) -> Step:
    return _step(record, result, "decode", result.context)


def _step(record: Record, result: EngineResult, phase: str, context: int) -> Step:
    """With our record's own types where they are the engine's, else all matrices of its type.

    The cache is of the engine's type where it is known and can be ours.
    """
    shape = Shape.from_record(record.model or {})
    own = Types.from_settings(record.settings, result.dtype)
    types.check_known(result.dtype)
    chosen = own if own.weights == result.dtype else Types.of(result.dtype)
    if (cache := result.settings.get("type_k")) in types.ELEMENT_BYTES:
        chosen = replace(chosen, cache=cache)
    types.check_shape(shape, chosen)
    return build(phase, shape, chosen, result.batch, context)


def _bytes(step: Step) -> int:
    return step.total.bytes_read + step.total.bytes_written
