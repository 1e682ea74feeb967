# SPDX-License-Identifier: Apache-2.0
"""Measured beside predicted, and each step's time by cause."""

from collections.abc import Sequence
from typing import Any

from membound.record import CAUSES, TIERS, Row
from membound.report.blocks import Block, Figure, Heading, Note, Section, Table
from membound.report.figures import residuals, shares
from membound.report.subject import Subject
from membound.report.text import (
    NONE,
    UNKNOWN,
    clipped,
    number,
    percent,
    signed_percent,
    step_labels,
)


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
        blocks += [_table(subject), *_chart(subject), *_reasons(subject)]
    return Section("predicted", "Measured beside predicted", lead, blocks)


def _table(subject: Subject) -> Table:
    rows = subject.rows
    body = []
    for label, row in zip(step_labels(rows), rows, strict=True):
        low, high = row.interval95
        cells = [label, number(row.measured), f"{number(low)} to {number(high)}"]
        cells += [NONE if (r := row.predicted[t]) is None else number(r) for t in TIERS]
        cells += [NONE if (r := row.residual_pct[t]) is None else signed_percent(r) for t in TIERS]
        body.append([*cells, number(row.achieved_GBps), percent(row.read_ceiling_fraction)])
    bases = ", ".join(sorted({row.interval_basis for row in rows}))
    headings = ["step", "measured", "95 % interval", "P", "C", "K",
                "residual P", "residual C", "residual K", "GB/s", "of read ceiling"]  # fmt: skip
    caption = f"{_what(rows)} on {subject.label}; interval: {bases}"
    return Table(headings, body, caption, notes=_notes(subject))


def _what(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(f"{clipped(row.model, 40)} {row.dtype}" for row in rows))


def _notes(subject: Subject) -> list[str]:
    """Why a tier is absent, what was interpolated, marks: under the table."""
    rows = subject.rows
    prediction = subject.source.record.prediction
    steps = [s for s in prediction.steps if s.device == subject.device] if prediction else []
    whys = [f"Tier {t}: {why}." for s in steps for t, why in s.why_not.items()]
    notes = list(dict.fromkeys(whys))
    for label, row in zip(step_labels(rows), rows, strict=True):
        if row.interpolated:
            names = ", ".join(clipped(name) for name in row.interpolated[:4])
            more = len(row.interpolated) - 4
            notes.append(f"{label}: tier K interpolates {names}{f' and {more} more' * (more > 0)}.")
        if row.marks:
            notes.append(f"{label}: {', '.join(row.marks)}.")
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


def _reasons(subject: Subject) -> list[Block]:
    """Where tier C misses: what it left out, if the comparison says so, else the shares."""
    rows = [row for row in subject.rows if row.residual_pct["C"] is not None]
    body = []
    for label, row in zip(step_labels(rows), rows, strict=True):
        stated = getattr(row, "claim_missing", None) or getattr(row, "notes", None)
        text = "; ".join(map(str, stated)) if isinstance(stated, list) else str(stated or "")
        body.append([label, signed_percent(row.residual_pct["C"]), text or _beyond_claim(row)])
    caption = "Beyond tier C, which knows bytes, flops and barriers at their ceilings"
    heads = ["step", "residual C", "of the step's time"]
    return [Table(heads, body, caption, wide_last=True, half=True)] if body else []


def _beyond_claim(row: Row) -> str:
    """Shares that tier C has no term for, then what no tier explains."""
    if row.shares is None:
        return f"{UNKNOWN}: no kernel of this step was measured"
    parts = [f"{c} {s:.2f}" for c in ("latency", "issue") if (s := row.shares.get(c, 0)) >= 0.005]
    text = ", ".join(parts) or "no cause beyond them"
    rest = row.residual_pct["K"]
    if rest is None:
        return text
    way = "slower" if rest < 0 else "faster"
    return f"{text}; the step runs {number(abs(rest), 2)} % {way} than its kernels' sum"


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
