# SPDX-License-Identifier: Apache-2.0
"""The answer first: a headline a device and its key figures; the verdicts in full further on."""

from collections.abc import Sequence
from typing import Any

from membound.record import TIERS
from membound.report import answer
from membound.report.blocks import Block, Bullets, Heading, Note, Section, Table, Tile, Tiles
from membound.report.subject import Subject
from membound.report.text import NB, UNKNOWN, number, percent, signed_percent

TIER_NAMES = {"P": "paper", "C": "claim", "K": "kernels"}


def section(subjects: Sequence[Subject]) -> Section:
    blocks: list[Block] = []
    for subject in subjects:
        found = answer.of_device(subject.rows)
        name = f"{subject.label}, {subject.name}"
        blocks += [
            Heading(name),
            Note(f"Capped by memory bandwidth? {found.headline}", strong=True),
        ]
        blocks += [Note(text) for text in found.sentences]
        blocks.append(Tiles([*_ceilings(subject.ceilings), *_steps(subject), *_residuals(subject)]))
    if len(subjects) > 1:
        blocks.append(_side_by_side(subjects))
    lead = (
        "A step counts as capped where bytes at the read ceiling are most of its time and more "
        "cores or bytes in flight do not raise that ceiling."
    )
    return Section("answer", "Answer", lead, blocks)


def verdicts(subjects: Sequence[Subject]) -> Section:
    """All sentences of each record's comparison, as `compare` prints them."""
    blocks: list[Block] = []
    sources = list({id(subject.source): subject.source for subject in subjects}.values())
    for source in sources:
        if source.comparison.verdicts:
            whose = f" of {source.letter}, {source.comparison.record}" * (len(sources) > 1)
            blocks += [Note(f"Verdicts{whose}:"), Bullets(source.comparison.verdicts)]
    return Section("verdicts", "Verdicts in full", "As `membound compare` prints them.", blocks)


def _ceilings(ceilings: dict[str, Any]) -> list[Tile]:
    paper, peaks = ceilings.get("paper_GBps"), ceilings.get("peaks_GFLOPS") or {}
    part = (ceilings.get("read_GBps") or 0) / paper if paper else None
    known = f"{percent(part)} of paper's {number(paper)} GB/s" if part else "paper figure unknown"
    if source := (ceilings.get("paper_sources") or {}).get("bandwidth"):
        known += f", {source}"
    found = ceilings.get("saturation")
    state = {True: "yes", False: "no", None: "open"}[found["shown"]] if found else "not measured"
    others = "; ".join(f"{k} {number(v)}" for k, v in peaks.items() if k != "f32")
    return [
        Tile("Read ceiling, cold", _with(ceilings.get("read_GBps"), "GB/s"), known),
        Tile("Saturated", state, saturation_text(found)),
        Tile("Peak, f32", _with(ceilings.get("fma_GFLOPS"), "GFLOP/s"),
             others or "no other type was measured"),
    ]  # fmt: skip


def saturation_text(found: dict[str, Any] | None) -> str:
    """What more cores, and more bytes in flight for each, did to the read rate."""
    if not found:
        return "no read with fewer cores"
    units, flight = found["over_units"], found["over_flight"]
    cores = f"{found['fewer']} to {found['units']} cores: {_gain(units)}" if units else ""
    more = f"more bytes in flight: {_gain(flight)}" if flight else "bytes in flight not varied"
    return "; ".join(text for text in (cores or "no read with fewer cores", more))


def _gain(gain: dict[str, Any]) -> str:
    return f"{signed_percent((gain['gain'] - 1) * 100)} ({gain_interval(gain)})"


def gain_interval(gain: dict[str, Any]) -> str:
    low, high = (signed_percent((end - 1) * 100) for end in gain["interval95"])
    return f"95{NB}%: {low} to {high}"


def _steps(subject: Subject) -> list[Tile]:
    """Each phase at its smallest point, which is where bandwidth caps it if anywhere."""
    tiles = []
    for phase in ("decode", "prefill"):
        rows = [row for row in subject.rows if row.phase == phase]
        if rows:
            first = min(rows, key=lambda row: (row.batch, row.context))
            size = "context" if phase == "decode" else "tokens"
            detail = f"batch {first.batch}, {size} {first.context}"
            if first.read_ceiling_fraction is not None:
                detail = f"{percent(first.read_ceiling_fraction)} of the read ceiling; {detail}"
            tiles.append(Tile(phase.capitalize(), _with(first.measured, "tokens/s"), detail))
    return tiles


def _residuals(subject: Subject) -> list[Tile]:
    """Medians over this device's rows."""
    from membound.compare import residuals

    tiles = []
    for tier in TIERS:
        found = residuals(subject.rows, tier)
        value = found.median_abs_pct
        detail = f"median |residual|, n = {found.n}" if found.n else "no prediction"
        shown = UNKNOWN if value is None else f"{number(value)} %"
        tiles.append(Tile(f"Tier {tier}, {TIER_NAMES[tier]}", shown, detail))
    return tiles


def _side_by_side(subjects: Sequence[Subject]) -> Table:
    keys = [("cold read, GB/s", "read_GBps"), ("cold read, best, GB/s", "read_best_GBps"),
            ("paper, GB/s", "paper_GBps"), ("peak f32, GFLOP/s", "fma_GFLOPS"),
            ("barrier, µs", "barrier_us"), ("launch, µs", "launch_us"),
            ("drift of cold read, %", "drift_pct")]  # fmt: skip
    rows = [[name, *(number(s.ceilings.get(key)) for s in subjects)] for name, key in keys]
    return Table(["ceiling", *(s.label for s in subjects)], rows, "Ceilings side by side")


def _with(value: float | None, unit: str) -> str:
    return UNKNOWN if value is None else f"{number(value)} {unit}"
