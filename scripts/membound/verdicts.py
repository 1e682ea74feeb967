# SPDX-License-Identifier: Apache-2.0
"""What the numbers allow to be said, as sentences with the numbers in them."""

from collections.abc import Mapping, Sequence

from membound import claims, experts
from membound.limits import largest
from membound.model.machine import Ceilings
from membound.model.saturation import Gain, Saturation
from membound.predict import fingerprint
from membound.quality import DRIFT_PCT
from membound.record import Record, Row

UNEXPLAINED_PCT = 10.0  # a step this much below its kernels' sum has time without a cause


def verdicts(
    record: Record,
    rows: Sequence[Row],
    devices: Mapping[str, Ceilings],
    found: Mapping[str, Saturation | None],
    drift: Mapping[str, float],
    ridges: Sequence[str],
) -> list[str]:
    """All sentences, the most important first; `found` is each device's saturation."""
    texts = [_saturation_text(d, found[name]) for name, d in devices.items() if d.read_rate]
    texts += [text for d in devices.values() if (text := _paper_text(d))] + list(ridges)
    texts += [text for d in devices.values() for text in dequantisation(d)]
    for row in rows:
        texts.append(_row_text(row, found.get(row.device)))
        if claim := claims.sentence(row):
            texts.append(f"{_name(row)}: {claim}")
    if text := experts.sentence(rows):
        texts.append(text)
    for device, pct in drift.items():
        if abs(pct) > DRIFT_PCT:
            texts.append(
                f"{device}: cold read drifted by {pct:+.2f} % between the ceilings and the steps "
                f"(over {DRIFT_PCT:.0f} %): the residuals include it"
            )
    texts += _prediction_texts(record, rows)
    texts += [_marks_text(row) for row in rows if row.marks]
    for process in record.processes:
        for failure in process.failures:
            what = "skipped" if failure.kind == "skip" else "failed"
            texts.append(f"{failure.bench} on {failure.device} {what}: {failure.reason}")
    return texts + _record_texts(record)


def _record_texts(record: Record) -> list[str]:
    """How the record came about, where that bears on what it says."""
    texts = []
    for resumption in record.resumed:
        aside = ", ".join(resumption.set_aside) or "none"
        texts.append(
            f"resumed at {resumption.at} with {len(resumption.kept)} finished processes; "
            f"journals set aside, whose samples do not count: {aside}"
        )
    builds = {str(p.header.get("git_revision")) for p in record.processes if p.header}
    if len(builds) > 1:
        texts.append(f"the processes come from different builds: {', '.join(sorted(builds))}")
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


def _saturation_text(ceilings: Ceilings, found: Saturation | None) -> str:
    rate = f"{ceilings.device}: cold reads sustain {(ceilings.read_rate or 0) / 1e9:.1f} GB/s"
    if ceilings.read_bench and ceilings.read_bench.startswith("bandwidth/saturation/"):
        rate += f" ({ceilings.read_bench})"
    if found is None:
        return f"{rate}; whether that saturates memory was not measured (no run with fewer cores)"
    gains = "; ".join(_gains(found))
    if found.shown:
        return f"{rate}, saturated: neither more cores nor more bytes in flight help ({gains})"
    if found.shown is False:
        return f"{rate}, not saturated ({gains}): bytes in flight are the limit, not the memory bus"
    if found.units is None:
        return f"{rate}; fewer cores were not measured, so nothing shows saturation ({gains})"
    if found.units.flat and found.flight is None:
        return f"{rate}, saturated over cores ({gains}); bytes in flight per core were not varied"
    return (
        f"{rate}; whether that saturates memory is open: the interval of a gain holds 3 % ({gains})"
    )


def _paper_text(ceilings: Ceilings) -> str | None:
    """The ceiling beside the datasheet's figure, and who gave that one."""
    if not ceilings.paper_read_rate or not ceilings.read_rate:
        return None
    part = ceilings.read_rate / ceilings.paper_read_rate * 100
    text = f"{ceilings.device}: cold reads reach {part:.0f} % of the paper bandwidth of "
    text += f"{ceilings.paper_read_rate / 1e9:.1f} GB/s ({ceilings.paper_sources['bandwidth']})"
    if part > 100:
        text += ": either that figure is not this memory's, or caches served the reads"
    return text


def dequantisation(ceilings: Ceilings) -> list[str]:
    """Whether reading quantised weights or dequantising and multiplying them is the limit."""
    if not ceilings.read_rate:
        return []
    texts = []
    for kind, rates in ceilings.dequant.items():
        parts = []
        for tokens, rate in sorted(rates.items()):
            ratio = rate / ceilings.read_rate
            limit = "bytes" if ratio > 1 else "issue"
            what = "token" if tokens == 1 else "tokens"
            parts.append(
                f"{tokens} {what} at {rate / 1e9:.1f} GB/s ({ratio:.2f} of cold reads: {limit})"
            )
        texts.append(
            f"{ceilings.device}: {kind} weights in the caches are dequantised and multiplied with "
            + ", ".join(parts)
        )
    return texts


def _gains(found: Saturation) -> list[str]:
    texts = []
    if found.units:
        texts.append(
            f"{found.fewer} -> {found.all_units} cores raise it by {_with_interval(found.units)}"
        )
    if found.flight:
        texts.append(f"more bytes in flight per core raise it by {_with_interval(found.flight)}")
    return texts


def _with_interval(gain: Gain) -> str:
    low, high = ((end - 1) * 100 for end in gain.interval95)
    return f"{gain.percent} [95 %: {low:.1f}..{high:.1f}]"


def _name(row: Row) -> str:
    size = f"context {row.context}" if row.phase == "decode" else f"{row.context} tokens"
    return f"{row.phase} {row.model} {row.dtype} batch {row.batch}, {size} on {row.device}"


def _row_text(row: Row, found: Saturation | None) -> str:
    text = f"{_name(row)}: {row.measured:.3g} tokens/s"
    fraction = row.read_ceiling_fraction
    if fraction is not None:
        text += f" at {row.achieved_GBps:.1f} GB/s"
        text += f" = {fraction * 100:.0f} % of the cold read ceiling"
    if row.counted_ratio is not None:
        text += f"; traffic by counter is {row.counted_ratio:.2f} times its bytes"
    return f"{text}; {_limit_text(row, found)}"


def _limit_text(row: Row, found: Saturation | None) -> str:
    """The row's limit with its numbers; the limit itself was settled before."""
    if row.limit == "inconclusive":
        return f"inconclusive: {'; '.join(row.doubts)}"
    if row.limit == "open" or not row.shares:
        return "its cause is open: no kernel times"
    listed = _listed(row, row.shares)
    if row.limit == "not bandwidth":
        cause = largest(row.shares)
        return f"not capped by memory bandwidth, the largest share is {cause} ({listed})"
    if row.limit == "not bandwidth alone":
        return f"not capped by memory bandwidth alone ({listed})"
    if row.limit == "capped":
        return f"capped by memory bandwidth ({listed})"
    if found is None:
        return f"bound by bytes, saturation not measured ({listed})"
    if row.limit == "bytes in flight":
        return _flight_text(found, listed)
    gains = "; ".join(_gains(found))
    left = "; bytes in flight per core were not varied" if not found.flight else ""
    return f"bound by bytes, but memory is not shown to be the cap: {gains}{left} ({listed})"


def _listed(row: Row, shares: Mapping[str, float]) -> str:
    """Causes of at least 5 %, and what composition adds."""
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{name} {share:.2f}" for name, share in ordered if share >= 0.05)
    residual = row.residual_pct["K"]
    if residual is not None and residual < -UNEXPLAINED_PCT:
        longer = (1 / (1 + residual / 100) - 1) * 100
        listed += f"; the step takes {longer:.0f} % longer than its kernels alone"
    return listed


def _flight_text(found: Saturation, listed: str) -> str:
    """Which of the two, more cores or more bytes in flight, still raises the read rate."""
    if found.units and found.units.flat is False:
        return (
            f"limited by the bytes that these {found.all_units} cores keep in flight "
            f"({found.fewer} -> {found.all_units} cores still raise the read rate by "
            f"{found.units.percent}; {listed})"
        )
    assert found.flight is not None
    return (
        "limited by bytes in flight (more of them for each core still raise the read rate by "
        f"{found.flight.percent}; {listed})"
    )


def _marks_text(row: Row) -> str:
    text = f"{row.bench}: marked {', '.join(row.marks)}"
    if row.undisturbed:
        change = (row.undisturbed / row.measured - 1) * 100
        text += f"; its undisturbed samples alone give {row.undisturbed:.3g} tokens/s "
        text += f"({change:+.1f} %)"
    return text
