# SPDX-License-Identifier: Apache-2.0
"""Measured steps beside their predictions: rows, residuals per tier, ceilings, verdicts."""

import statistics as plain
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from membound import ceilings_json, claims, experts, limits, predict, quality, verdicts
from membound.model import anchored, machine
from membound.model.machine import Ceilings
from membound.model.saturation import saturation
from membound.model.shape import Shape
from membound.model.types import Types
from membound.model.work import Step, build
from membound.record import (
    TIERS,
    Comparison,
    Measurement,
    PredictedStep,
    Record,
    Residuals,
    Row,
    Tier,
    residuals_pct,
)
from membound.statistics import awake, percentile, summarise

Point = tuple[str, str, str, int, int]  # device, phase, dtype, batch, context


def compare(record: Record, path: str) -> Comparison:
    """Derive everything again from the samples; the prediction is the one made at the time."""
    steps = machine.group(record, {"step"})
    predicted = _predictions(record, [_point(*key, m[0]) for key, m in steps.items()])
    devices = machine.ceilings(record)
    rows = [
        _row(record, bench, measurements, predicted, devices)
        for (device, bench), measurements in steps.items()
    ]
    rows.sort(key=lambda r: (r.device, r.phase, r.dtype, r.batch, r.context))
    changes, doubts = anchored.changes(record, devices), quality.ceiling_doubts(record, devices)
    drift = {name: (max(found, key=_distance) - 1) * 100 for name, found in changes.items()}
    found = {name: saturation(entry) for name, entry in devices.items()}
    for row in rows:
        if record.model is not None and quality.drifted(drift.get(row.device)):
            step = _step(
                record,
                Shape.from_record(record.model),
                row.phase,
                row.dtype,
                row.batch,
                row.context,
            )
            row.anchored_residual_pct = anchored.residuals(
                step, row.measured, devices[row.device], changes[row.device]
            )
        row.doubts += doubts.get(row.device, []) + _drift_doubts(row, drift.get(row.device))
        row.limit = limits.limit(row, found.get(row.device))
    ceilings = [
        ceilings_json.as_json(entry, found[name], drift.get(name), doubts[name])
        for name, entry in devices.items()
    ]
    ridges = [text for entry in ceilings if (text := ceilings_json.ridge_text(entry))]
    return Comparison(
        record=path,
        residuals={tier: residuals(rows, tier) for tier in TIERS},
        anchored_residuals=anchored_residuals(rows),
        rows=rows,
        verdicts=verdicts.verdicts(record, rows, devices, found, drift, ridges),
        ceilings=(ceilings[0] if ceilings else {}) | {"by_device": ceilings},
    )


def residuals(rows: Sequence[Row], tier: Tier) -> Residuals:
    return _over([row.residual_pct[tier] for row in rows])


def anchored_residuals(rows: Sequence[Row]) -> dict[Tier, Residuals]:
    """Over the rows that have them; empty where nothing drifted."""
    found = [row.anchored_residual_pct for row in rows if row.anchored_residual_pct]
    return {tier: _over([each.get(tier) for each in found]) for tier in TIERS} if found else {}


def _over(residual_pct: Sequence[float | None]) -> Residuals:
    values = [abs(r) for r in residual_pct if r is not None]
    if not values:
        return Residuals(n=0, median_abs_pct=None, p95_abs_pct=None)
    p95 = percentile(values, 95)
    return Residuals(n=len(values), median_abs_pct=plain.median(values), p95_abs_pct=p95)


def beyond(rows: Sequence[Row], tolerance_pct: float) -> list[Row]:
    """Rows whose residual in the finest tier they have is over the tolerance."""
    return [row for row in rows if abs(finest_residual(row) or 0.0) > tolerance_pct]


def finest_residual(row: Row) -> float | None:
    """Tier K's residual, else C's, else P's."""
    values = (row.residual_pct[tier] for tier in reversed(TIERS))
    return next((value for value in values if value is not None), None)


def merge(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """One comparison as it is; several with their rows pooled and each in `records`."""
    if len(comparisons) == 1:
        return comparisons[0].model_dump()
    rows = [row.model_copy(update={"record": c.record}) for c in comparisons for row in c.rows]
    return {
        "record": ", ".join(c.record for c in comparisons),
        "residuals": {tier: residuals(rows, tier).model_dump() for tier in TIERS},
        "rows": [row.model_dump() for row in rows],
        "verdicts": [f"{c.record}: {text}" for c in comparisons for text in c.verdicts],
        "ceilings": next((c.ceilings for c in comparisons if c.rows), comparisons[0].ceilings),
        "engines": [row.model_dump() for c in comparisons for row in c.engines],
        "records": [c.model_dump() for c in comparisons],
    }


def _point(device: str, bench: str, measurement: Measurement) -> Point:
    phase, keys = bench.split("/")[1], machine.keys_of(bench)
    context = keys.get("context", keys.get("tokens", 1))
    return device, phase, measurement.dtype or bench.split("/")[2], keys.get("batch", 1), context


def _predictions(record: Record, measured: list[Point]) -> dict[Point, PredictedStep]:
    """The prediction made before the steps ran; without one (a bare journal), made now."""
    prediction = record.prediction
    if prediction is None and record.model is not None and measured:
        shape = Shape.from_record(record.model)
        wanted = dict.fromkeys(point[1:] for point in measured)
        steps = [_step(record, shape, *point) for point in wanted]
        prediction = predict.predict_steps(record, steps)
    if prediction is None:
        return {}
    return {(s.device, s.phase, s.dtype, s.batch, s.context): s for s in prediction.steps}


def _step(record: Record, shape: Shape, phase: str, dtype: str, batch: int, context: int) -> Step:
    return build(phase, shape, Types.from_settings(record.settings, dtype), batch, context)


def _row(
    record: Record,
    bench: str,
    measurements: list[Measurement],
    predictions: Mapping[Point, PredictedStep],
    devices: dict[str, Ceilings],
) -> Row:
    first = measurements[0]
    point = _point(first.device, bench, first)
    device, phase, dtype, batch, context = point
    predicted = predictions.get(point)
    summary = summarise(machine.seconds_of(measurements))
    tokens = batch * (1 if phase == "decode" else context)
    rates = predicted.tokens_per_s if predicted else dict.fromkeys(TIERS)
    measured = tokens / summary.median
    shape = Shape.from_record(record.model) if record.model else None
    touched = experts.counted(
        measurements, shape, Types.from_settings(record.settings, dtype), tokens
    )
    moved = first.work.bytes_read + first.work.bytes_written
    achieved = (moved + (touched.beyond_work_bytes if touched else 0)) / summary.median
    by_class = predicted.bytes_by_class if predicted else {}
    ceiling = devices[device].read_rate if device in devices else None
    low, high = summary.interval95
    quiet = quality.undisturbed_seconds(measurements)
    model = next((p[6:] for p in bench.split("/") if p.startswith("model:")), "")
    return Row(
        bench=bench,
        device=device,
        model=model,
        dtype=dtype,
        batch=batch,
        context=context,
        phase=cast(Any, phase),
        measured=measured,
        predicted={tier: rates[tier] for tier in TIERS},
        residual_pct=residuals_pct(measured, rates),
        shares=predicted.shares if predicted else None,
        seconds=summary.median,
        time_to_first_token_seconds=summary.median if phase == "prefill" else None,
        time_per_output_token_seconds=summary.median if phase == "decode" else None,
        interval95=(tokens / high, tokens / low),
        interval_basis=summary.basis,
        achieved_GBps=achieved / 1e9,
        read_ceiling_fraction=achieved / ceiling if ceiling else None,
        counted_ratio=machine.counted_ratio(measurements),
        bytes_per_token={kind: count / tokens for kind, count in by_class.items()},
        experts=touched,
        claim_gap=claims.gap(summary.median, predicted),
        undisturbed=tokens / quiet if quiet else None,
        doubts=quality.doubts(measurements, "this step"),
        interpolated=predicted.interpolated if predicted else [],
        marks=_marks(measurements, predicted),
    )


def _marks(measurements: list[Measurement], predicted: PredictedStep | None) -> list[str]:
    marks = []
    if not all(m.finished for m in measurements):
        marks.append("unfinished")
    if any((m.check or {}).get("ok") is False for m in measurements):
        marks.append("wrong result")
    if not all(m.footprint_ok for m in measurements):
        marks.append("footprint too small")
    samples = [sample for m in measurements for sample in m.samples]
    tags = Counter(tag for sample in samples for tag in sample.tags)
    marks += [f"{tag} ({n} of {len(samples)} samples)" for tag, n in sorted(tags.items())]
    seconds = machine.seconds_of(measurements)
    if asleep := len(samples) - len(awake(seconds)):
        marks.append(f"suspended ({asleep} of {len(samples)} samples)")
    work = measurements[0].work
    if predicted and (work.bytes_read, work.bytes_written, work.flops) != (
        predicted.work.bytes_read,
        predicted.work.bytes_written,
        predicted.work.flops,
    ):
        marks.append("work differs from the model's")
    return marks


def _distance(change: float) -> float:
    return abs(change - 1)


def _drift_doubts(row: Row, drift_pct: float | None) -> list[str]:
    """Only a step that bytes limit can change sides with the read ceiling."""
    if not limits.bound_by_bytes(row):
        return []
    found = quality.drift_doubt(
        drift_pct, row.read_ceiling_fraction, limits.NEAR_CEILING, row.residual_pct["C"]
    )
    return [found] if found else []
