# SPDX-License-Identifier: Apache-2.0
"""Roofline: measured ceilings and what the step's kernels reach below them."""

from collections.abc import Sequence

from membound.record import Row
from membound.report import data, roofs
from membound.report.blocks import Block, Figure, Heading, Note, Section, Table
from membound.report.figures import roofline
from membound.report.subject import Subject
from membound.report.text import NB, NONE, number, percent, seconds


def section(subjects: Sequence[Subject]) -> Section:
    lead = (
        "Every line is a measured rate, none is from a datasheet. Bytes are memory traffic by "
        "definition of the loops; activations that stay in caches are not in it."
    )
    blocks: list[Block] = []
    for subject in subjects:
        blocks += [Heading(subject.label)] if len(subjects) > 1 else []
        blocks += _blocks(subject)
    return Section("roofline", "Roofline", lead, blocks)


def _blocks(subject: Subject) -> list[Block]:
    peaks = roofs.peaks(subject.benches, subject.ceilings.get("library_GFLOPS") or {})
    ops = roofs.ops(subject.benches, peaks, subject.read_rate)
    sweep = data.sweep(subject.benches)
    blocks: list[Block] = []
    if subject.read_rate and (peaks or ops or sweep):
        blocks.append(_figure(subject, peaks, ops, sweep))
    else:
        blocks.append(Note("No roofline: the cold read ceiling was not measured.", True))
    if peaks:
        blocks.append(_peaks(peaks, subject.read_rate))
    blocks.append(_knee(subject))
    if ops:
        blocks.append(_ops(ops))
    return blocks


def _knee(subject: Subject) -> Block:
    """Where the sweep turns, as fitted; or why there is none."""
    found = subject.ceilings.get("roofline") or {"measured": False, "why_not": "no ceilings"}
    if not found["measured"]:
        return Note(f"The corner is drawn sharp: {found['why_not']}.", missing=True)
    leaves, reaches = found["below_90pct_of_read_from"], found["above_90pct_of_flops_from"]
    ridge, p = found["ridge_flop_per_byte"], found["overlap_p"]
    body = [
        ["ridge, flop/byte", number(ridge), _ends(found["ridge_interval95"])],
        ["overlap p", number(p), _ends(found["overlap_p_interval95"])],
        ["read roof, GB/s", number(found["read_GBps"]), NONE],
        ["flops roof, GFLOP/s", number(found["GFLOPS"]), NONE],
        ["leaves 90 % of the read roof at, flop/byte", number(leaves), NONE],
        ["reaches 90 % of the flops roof at, flop/byte", number(reaches), NONE],
        ["largest error of the fit", percent(found["largest_error_pct"] / 100), NONE],
    ]
    notes = [
        "A launch takes (b^p + f^p)^(1/p) of what its bytes and its flops take alone: p = 1 is one "
        "after the other, a large p is the longer of the two."
    ]
    heads = ["knee of the sweep, f32", "fitted", "95 % interval"]
    return Table(heads, body, "Ridge and overlap", notes=notes, half=True)


def _ends(interval: Sequence[float] | None) -> str:
    return f"{number(interval[0])} to {number(interval[1])}" if interval else NONE


def _fitted(subject: Subject) -> roofline.Knee | None:
    found = subject.ceilings["roofline"]
    if not found["measured"]:
        return None
    ends = found["ridge_interval95"]
    return roofline.Knee(
        found["overlap_p"],
        found["read_GBps"] * 1e9,
        found["GFLOPS"] * 1e9,
        (ends[0], ends[1]) if ends else None,
    )


def _figure(
    subject: Subject,
    peaks: list[roofs.Peak],
    ops: list[roofs.Op],
    sweep: list[data.XY],
) -> Figure:
    spots = [
        roofline.Spot(
            op.kind, op.intensity, op.bench.flops_rate, "cached" if op.cached else "kernel"
        )
        for op in ops
    ]
    spots += [spot for row in subject.rows if (spot := _step(subject, row))]
    name, title = f"{subject.slug}roofline", f"Roofline, {subject.label}"
    caption = "Filled: kernels on cold data, one mark for each size. Open diamonds: whole steps."
    if any(op.bench.kind == "gemv" for op in ops):
        caption += " GEMV: more rows to the right; lines join the best of each number of rows."
    if any(op.cached for op in ops):
        caption += " Grey: mostly activations in caches, which bind it."
    knee = _fitted(subject)
    if knee:
        caption += f" Line through the sweep: the fit, p = {number(knee.p)}, with its ridge at "
        caption += f"{number(knee.ridge)} flop/byte"
        caption += f" (shaded, 95{NB}%: {_ends(knee.ridge95)})." if knee.ridge95 else "."
    apart = roofs.without_memory(subject.benches)
    if apart:
        caption += (
            f" Without memory traffic or flops by definition, so not here: {', '.join(apart)}."
        )
    limits = [(peak.label, peak.rate) for peak in peaks if peak.ceiling]
    drawn = roofline.draw(
        roofline.Roofs(subject.read_rate or 0.0, limits, knee), sweep, spots, name, title
    )
    return Figure(name, title, caption, *drawn, tall=knee is not None)


def _step(subject: Subject, row: Row) -> roofline.Spot | None:
    """A whole step: the work it was measured with, at the row's median."""
    for process in subject.source.record.processes:
        for m in process.measurements:
            if (m.bench, m.device) == (row.bench, row.device):
                moved = m.work.bytes_read + m.work.bytes_written
                flops = sum(m.work.flops.values())
                if moved and flops:
                    name = f"{row.phase} b{row.batch}"
                    return roofline.Spot(name, flops / moved, flops / row.seconds, "step")
    return None


def _peaks(peaks: list[roofs.Peak], read_rate: float | None) -> Table:
    """Roofs, then practical ceilings as parts of the highest roof of their type."""
    body = []
    for peak in peaks:
        roof = roofs.peak_of(peaks, peak.dtype)
        body.append([
            peak.label,
            number(peak.rate / 1e9),
            number(peak.bench.flops / peak.bench.best_seconds / 1e9),
            number(peak.rate / read_rate) if read_rate and peak.ceiling else NONE,
            percent(peak.rate / roof.rate) if roof and roof.dtype == peak.dtype else NONE,
            str(peak.bench.samples),
        ])  # fmt: skip
    heads = ["peak", "GFLOP/s", "best", "ridge", "of peak", "samples"]
    notes = ["GFLOP/s: median; ridge: flop/byte; of peak: of the highest of its operand type."]
    notes += ["i8 counts operations: two for a multiply-add."] * any(p.dtype == "i8" for p in peaks)
    notes += ["GEMM: a library's own matrix product, a practical ceiling."] * any(
        not peak.ceiling for peak in peaks
    )
    return Table(heads, body, "Arithmetic peaks", notes=notes, half=True)


def _ops(ops: list[roofs.Op]) -> Table:
    body = [
        [
            op.label,
            seconds(op.bench.seconds),
            number(op.intensity),
            number(op.bench.bytes_rate / 1e9),
            number(op.bench.flops_rate / 1e9),
            NONE if op.cached else percent(op.fraction),
            "caches" if op.cached else op.limit,
        ]
        for op in ops
    ]
    heads = ["kernel", "time", "flop/byte", "GB/s", "GFLOP/s", "of its roof", "roof"]
    return Table(heads, body, "Kernels on cold data, ramp and barrier included", wide_last=True)
