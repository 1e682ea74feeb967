# SPDX-License-Identifier: Apache-2.0
"""What the numbers allow to be said, as sentences with the numbers in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from membound.model.machine import Ceilings
from membound.predict import fingerprint
from membound.record import Record, Row

SATURATED_BELOW = 1.03  # more compute units that raise the rate by less show saturation
DRIFT_PCT = 3.0
UNEXPLAINED_PCT = 10.0  # a step this much below its kernels' sum has time without a cause
NEAR_CEILING = 0.8  # a step below this part of the read ceiling is not capped by it alone


@dataclass(frozen=True)
class Saturation:
    """Read rate with all compute units over the rate with fewer, at the same bytes."""

    fewer: int
    units: int
    gain: float
    shown: bool


def saturation(ceilings: Ceilings) -> Saturation | None:
    """None when no read with fewer units was measured: then nothing can be said.

    Leaving out one unit of many proves nothing, so at least a quarter must be left out.
    """
    units = ceilings.compute_units or 0
    fewer = max((n for n in ceilings.fewer_units if n <= 0.75 * units), default=0)
    if not fewer:
        return None
    size, rate = ceilings.fewer_units[fewer]
    if size not in ceilings.cold_read_seconds:
        return None
    gain = size / ceilings.cold_read_seconds[size] / rate
    return Saturation(fewer, units, gain, gain < SATURATED_BELOW)


def verdicts(
    record: Record,
    rows: Sequence[Row],
    devices: Mapping[str, Ceilings],
    drift: Mapping[str, float],
) -> list[str]:
    """All sentences, the most important first."""
    texts = [_saturation_text(entry) for entry in devices.values() if entry.read_rate]
    texts += [_row_text(row, devices.get(row.device)) for row in rows]
    for device, pct in drift.items():
        if abs(pct) > DRIFT_PCT:
            texts.append(
                f"{device}: cold read drifted by {pct:+.2f} % between the ceilings and the steps "
                f"(over {DRIFT_PCT:.0f} %): the residuals include it"
            )
    texts += _prediction_texts(record, rows)
    texts += [f"{row.bench}: marked {', '.join(row.marks)}" for row in rows if row.marks]
    for process in record.processes:
        for failure in process.failures:
            what = "skipped" if failure.kind == "skip" else "failed"
            texts.append(f"{failure.bench} on {failure.device} {what}: {failure.reason}")
    if record.status == "partial":
        texts.append(f"this record is partial: {record.reason or 'the run did not finish'}")
    return texts


def _prediction_texts(record: Record, rows: Sequence[Row]) -> list[str]:
    """Whether the prediction is what it claims to be: made first, and unchanged."""
    prediction = record.prediction
    if prediction is None:
        late = any(row.predicted["C"] for row in rows)
        return ["no prediction was stored before the steps: it was made now"] if late else []
    texts = []
    if fingerprint(prediction.inputs) != prediction.sha256:
        texts.append("the stored prediction does not match its hash: its inputs were changed")
    first = min((p.launched_at for p in record.processes if p.suite == "steps"), default="")
    if first and prediction.made_at > first:
        texts.append("the stored prediction is younger than the first measured step")
    return texts


def _saturation_text(ceilings: Ceilings) -> str:
    rate = f"{ceilings.device}: cold reads sustain {(ceilings.read_rate or 0) / 1e9:.1f} GB/s"
    found = saturation(ceilings)
    if found is None:
        return f"{rate}; whether that saturates memory was not measured (no run with fewer cores)"
    gain = f"{found.fewer} -> {found.units} cores raise it by {(found.gain - 1) * 100:.1f} %"
    if found.shown:
        return f"{rate}, saturated over cores ({gain}); bytes in flight per core were not varied"
    return f"{rate}, not saturated ({gain}): bytes in flight are the limit, not the memory bus"


def _row_text(row: Row, ceilings: Ceilings | None) -> str:
    size = f"context {row.context}" if row.phase == "decode" else f"{row.context} tokens"
    text = f"{row.phase} {row.model} {row.dtype} batch {row.batch}, {size} on {row.device}: "
    text += f"{row.measured:.3g} tokens/s"
    fraction = row.read_ceiling_fraction
    if fraction is not None:
        text += f" at {row.achieved_GBps:.1f} GB/s"
        text += f" = {fraction * 100:.0f} % of the cold read ceiling"
    if not row.shares or ceilings is None:
        return f"{text}; its cause is open: no kernel times"
    return f"{text}; {_limit(row, fraction or 0.0, ceilings)}"


def _limit(row: Row, fraction: float, ceilings: Ceilings) -> str:
    shares = row.shares or {}
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    cause = ordered[0][0]
    listed = ", ".join(f"{name} {share:.2f}" for name, share in ordered if share >= 0.05)
    residual = row.residual_pct["K"]
    if residual is not None and residual < -UNEXPLAINED_PCT:
        longer = (1 / (1 + residual / 100) - 1) * 100
        listed += f"; the step takes {longer:.0f} % longer than its kernels alone"
    found = saturation(ceilings)
    if cause not in ("bytes", "latency"):
        return f"not capped by memory bandwidth, the largest share is {cause} ({listed})"
    if cause == "latency" or fraction < NEAR_CEILING:
        return f"not capped by memory bandwidth alone ({listed})"
    if found is None:
        return f"bound by bytes, saturation not measured ({listed})"
    if found.shown:
        return f"capped by memory bandwidth ({listed})"
    gain = f"{(found.gain - 1) * 100:.1f} %"
    return (
        f"limited by the bytes that these {found.units} cores keep in flight "
        f"({found.fewer} -> {found.units} cores still raise the read rate by {gain}; {listed})"
    )
