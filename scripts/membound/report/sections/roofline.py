# SPDX-License-Identifier: Apache-2.0
"""Roofline: measured ceilings and what the step's kernels reach below them."""

from collections.abc import Sequence

from membound.record import Row
from membound.report import data, roofs
from membound.report.blocks import Block, Figure, Heading, Note, Section, Table
from membound.report.figures import roofline
from membound.report.subject import Subject
from membound.report.text import NONE, UNKNOWN, number, percent, seconds


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
    peaks = roofs.peaks(subject.benches)
    ops = roofs.ops(subject.benches, peaks, subject.read_rate)
    sweep = data.sweep(subject.benches)
    blocks: list[Block] = []
    if subject.read_rate and (peaks or ops or sweep):
        blocks.append(_figure(subject, peaks, ops, sweep))
    else:
        blocks.append(Note("No roofline: the cold read ceiling was not measured.", True))
    if peaks:
        blocks.append(_peaks(peaks, subject.read_rate))
    if ops:
        blocks.append(_ops(ops))
    if not sweep:
        text = "The sweep over intensity was not measured: the corner is drawn sharp."
        blocks.append(Note(text, missing=True))
    return blocks


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
    if any(op.cached for op in ops):
        caption += " Grey: mostly activations in caches, which bind it."
    apart = roofs.without_memory(subject.benches)
    if apart:
        caption += (
            f" Without memory traffic or flops by definition, so not here: {', '.join(apart)}."
        )
    limits = [(peak.label, peak.rate) for peak in peaks if peak.ceiling]
    drawn = roofline.draw(
        roofline.Roofs(subject.read_rate or 0.0, limits), sweep, spots, name, title
    )
    return Figure(name, title, caption, *drawn)


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
    body = [
        [
            peak.label,
            number(peak.rate / 1e9),
            number(peak.bench.flops / peak.bench.best_seconds / 1e9),
            number(peak.rate / read_rate) if read_rate else UNKNOWN,
            str(peak.bench.samples),
        ]
        for peak in peaks
    ]
    heads = ["peak", "GFLOP/s, median", "best", "ridge, flop/byte", "samples"]
    notes = ["i8 counts operations: two for a multiply-add."] * any(p.dtype == "i8" for p in peaks)
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
