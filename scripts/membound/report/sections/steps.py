# SPDX-License-Identifier: Apache-2.0
"""Measured beside predicted, and each step's time by cause."""

from collections.abc import Sequence
from typing import Any

from membound.record import CAUSES, TIERS, ClaimGap, Row
from membound.report.blocks import Block, Figure, Heading, Note, Section, Table
from membound.report.figures import residuals, shares
from membound.report.subject import Subject
from membound.report.text import (
    MINUS,
    NB,
    NONE,
    UNKNOWN,
    clipped,
    number,
    percent,
    signed_percent,
    step_labels,
)

LEFT_OUT = ("issue", "latency", "composition", "faster")


def predicted(subjects: Sequence[Subject]) -> Section:
    lead = (
        "Tokens/s over all sequences together. P uses datasheet figures; C the measured read "
        "ceiling, arithmetic peak and barrier alone; K adds up the step's own kernels, measured "
        "one by one. Residual: measured / predicted \N{MINUS SIGN} 1. b: batch, c: context, "
        "t: tokens of a prefill."
    )
    blocks: list[Block] = []
    if len(subjects) > 1 and any(subject.rows for subject in subjects):
        blocks += [Heading("Side by side"), side_by_side(subjects)]
    for subject in subjects:
        blocks += [Heading(subject.label)] if len(subjects) > 1 else []
        if not subject.rows:
            blocks.append(Note("No step was measured.", missing=True))
            continue
        blocks += [_table(subject), *_chart(subject), _limits(subject), *_reasons(subject)]
    return Section("predicted", "Measured beside predicted", lead, blocks)


def _table(subject: Subject) -> Table:
    rows = subject.rows
    drifted = any(row.anchored_residual_pct for row in rows)
    body = []
    for label, row in zip(step_labels(rows), rows, strict=True):
        low, high = row.interval95
        cells = [label, number(row.measured), f"{number(low)} to {number(high)}"]
        cells += [NONE if (r := row.predicted[t]) is None else number(r) for t in TIERS]
        for residual in (*(row.residual_pct[t] for t in TIERS), *_anchored(row, drifted)):
            cells.append(NONE if residual is None else signed_percent(residual))
        body.append(cells)
    bases = ", ".join(sorted({row.interval_basis for row in rows}))
    headings = ["step", "measured", "95 % interval", "P", "C", "K",
                "residual P", "residual C", "residual K",
                *["C, drift out", "K, drift out"] * drifted]  # fmt: skip
    caption = f"{_what(rows)} on {subject.label}; interval: {bases}"
    return Table(headings, body, caption, notes=_notes(subject))


def _anchored(row: Row, drifted: bool) -> list[float | None]:
    return [row.anchored_residual_pct.get(tier) for tier in ("C", "K")] if drifted else []


def _what(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(f"{clipped(row.model, 40)} {row.dtype}" for row in rows))


def _notes(subject: Subject) -> list[str]:
    """Why a tier is absent, what was interpolated, marks: under the table."""
    rows = subject.rows
    prediction = subject.source.record.prediction
    steps = [s for s in prediction.steps if s.device == subject.device] if prediction else []
    whys = [f"Tier {t}: {why}." for s in steps for t, why in s.why_not.items()]
    notes = list(dict.fromkeys(whys))
    if any(row.anchored_residual_pct for row in rows):
        notes.append("Drift out: memory taken to be as fast as it was read between the steps.")
    doubts: dict[str, list[str]] = {}
    for label, row in zip(step_labels(rows), rows, strict=True):
        if row.interpolated:
            names = ", ".join(clipped(name) for name in row.interpolated[:4])
            more = len(row.interpolated) - 4
            notes.append(f"{label}: tier K interpolates {names}{f' and {more} more' * (more > 0)}.")
        if row.marks:
            notes.append(f"{label}: {', '.join(row.marks)}.{_undisturbed(row)}")
        for doubt in row.doubts:
            doubts.setdefault(doubt, []).append(label)
    for doubt, labels in doubts.items():
        which = "All steps" if len(labels) == len(rows) > 1 else ", ".join(labels)
        notes.append(f"{which}: inconclusive, because {doubt}.")
    return notes


def _chart(subject: Subject) -> list[Figure]:
    rows = subject.rows
    lines = []
    for label, row in zip(step_labels(rows), rows, strict=True):
        rates = {t: rate for t in TIERS if (rate := row.predicted[t])}
        low, high = row.interval95

        def change(measured: float, rates: dict[Any, float] = rates) -> dict[str, float]:
            return {tier: (measured / rate - 1) * 100 for tier, rate in rates.items()}

        lines.append(residuals.Line(label, change(row.measured), change(low), change(high)))
    lines = [line for line in lines if line.residuals]
    if not lines:
        return []
    name, title = f"{subject.slug}residuals", f"Residuals by tier, {subject.label}"
    caption = (
        "One mark a tier; its bar is the 95 % interval of the measurement. Left of zero: "
        "slower than predicted."
    )
    return [Figure(name, title, caption, *residuals.draw(lines, name, title))]


def _limits(subject: Subject) -> Table:
    """How near each step comes to the read ceiling, and what limits it."""
    rows = subject.rows
    counted = any(row.counted_ratio is not None for row in rows)
    body = []
    for label, row in zip(step_labels(rows), rows, strict=True):
        cells = [label, number(row.achieved_GBps), percent(row.read_ceiling_fraction)]
        cells += [NONE if row.counted_ratio is None else number(row.counted_ratio)] * counted
        body.append([*cells, row.limit])
    heads = ["step", "GB/s", "of ceiling", *["counted"] * counted, "limit"]
    notes = ["GB/s: bytes by definition; of ceiling: of the cold read ceiling."]
    notes += ["Counted: traffic by hardware counter over bytes by definition."] * counted
    return Table(heads, body, "What limits each step", notes=notes, half=True, wide_last=True)


def _undisturbed(row: Row) -> str:
    """The samples that no neighbour disturbed, alone, where that makes a difference."""
    if row.undisturbed is None:
        return ""
    change = signed_percent((row.undisturbed / row.measured - 1) * 100)
    return f" Undisturbed samples alone: {number(row.undisturbed)} tokens/s, {change}."


def _reasons(subject: Subject) -> list[Block]:
    """Where tier C misses: the seconds it lacks, what they were, and the kernels behind them."""
    rows = [row for row in subject.rows if row.residual_pct["C"] is not None and row.claim_gap]
    body = []
    for label, row in zip(step_labels(rows), rows, strict=True):
        gap = row.claim_gap
        assert gap is not None
        lacking = [_part(gap.missing_seconds / row.seconds), number(gap.missing_seconds * 1e3)]
        parts = [_part(gap.left_out[cause]) if gap.left_out else UNKNOWN for cause in LEFT_OUT]
        body.append([label, *lacking, *parts, _kernels(gap)])
    heads = [
        "step",
        "of the step",
        "ms",
        *LEFT_OUT,
        "kernels, and what they reach of their ceiling",
    ]
    caption = "What tier C, which knows bytes, flops and barriers at their ceilings, leaves out"
    notes = ["Parts sum to the first column. composition: time between kernels that none shows "
             "alone. faster: kernels that beat their ceilings."]  # fmt: skip
    return [Table(heads, body, caption, wide_last=True, notes=notes)] if body else []


def _part(share: float) -> str:
    percents = share * 100
    return "0" if abs(percents) < 0.05 else f"{percents:.1f}{NB}%".replace("-", MINUS)


def _kernels(gap: ClaimGap) -> str:
    if not gap.left_out:
        return "no kernel of this step was measured"
    worst = [
        f"{clipped(k.bench.removeprefix('inference/'))} {k.claim_seconds / k.seconds:.2f}"
        for k in gap.kernels
    ]
    return ", ".join(worst) or "none stands out"


def by_cause(subjects: Sequence[Subject]) -> Section:
    lead = (
        "From tier K: each kernel's measured time, split. bytes: at the read ceiling. latency: "
        "bytes limited by requests in flight. flops: at the arithmetic peak. issue: conversion, "
        "reductions and other work beyond both. overhead: launches and barriers."
    )
    blocks: list[Block] = []
    for subject in subjects:
        blocks += [Heading(subject.label)] if len(subjects) > 1 else []
        rows = [row for row in subject.rows if row.shares]
        if not rows:
            blocks.append(Note("No shares: no kernel of a measured step was measured.", True))
            continue
        labels, parts = step_labels(rows), [row.shares or {} for row in rows]
        name, title = f"{subject.slug}shares", f"Shares of the step's time, {subject.label}"
        caption = "Narrow parts have no number in the bar; all are in the table."
        blocks.append(Figure(name, title, caption, *shares.draw(labels, parts, name, title)))
        blocks.append(_shares_table(labels, parts))
    return Section("causes", "Time by cause", lead, blocks)


def _shares_table(labels: Sequence[str], parts: Sequence[dict[str, float]]) -> Table:
    """Causes that are nil throughout are named in the caption."""
    shown = [c for c in CAUSES if any(part.get(c, 0) >= 0.0005 for part in parts)]
    nil = [c for c in CAUSES if c not in shown]
    body = [
        [label, *(f"{part.get(c, 0):.3f}" for c in shown)]
        for label, part in zip(labels, parts, strict=True)
    ]
    caption = "Shares, summing to 1" + (f"; below 0.0005: {', '.join(nil)}" if nil else "")
    return Table(["step", *shown], body, caption, half=True)


def side_by_side(subjects: Sequence[Subject]) -> Table:
    """Rows of all subjects matched by what was run; changes are against the first."""
    keys = dict.fromkeys(_key(row) for subject in subjects for row in subject.rows)
    tables = [{_key(row): row for row in subject.rows} for subject in subjects]
    body = []
    for key in keys:
        rows = [table.get(key) for table in tables]
        first = rows[0]
        cells = [_name(key)]
        for position, row in enumerate(rows):
            cells.append(number(row.measured) if row else NONE)
            if position:
                both = row is not None and first is not None
                cells.append(_change(row, first) if both else NONE)
            cells.append(signed_percent(row.residual_pct["K"]) if row else NONE)
        body.append(cells)
    headings = ["step"]
    for position, subject in enumerate(subjects):
        headings += [f"{subject.label}, tokens/s"]
        headings += ["change"] if position else []
        headings += ["residual K"]
    caption = f"tokens/s; change against {subjects[0].label}, positive: faster"
    return Table(headings, body, caption)


def _change(row: Row | None, first: Row | None) -> str:
    assert row is not None and first is not None
    return signed_percent((row.measured / first.measured - 1) * 100)


Key = tuple[str, str, str, int, int]


def _key(row: Row) -> Key:
    return row.phase, row.model, row.dtype, row.batch, row.context


def _name(key: Key) -> str:
    phase, model, dtype, batch, context = key
    size = "c" if phase == "decode" else "t"
    return f"{phase} {clipped(model, 24)} {dtype} b{batch} {size}{context}"
