# SPDX-License-Identifier: Apache-2.0
"""Saturation and latency: does more of anything raise the rate, and what does a load cost?"""

from collections.abc import Sequence

from membound.report import data
from membound.report.blocks import Block, Figure, Heading, Note, Section, Table
from membound.report.figures import lines
from membound.report.sections.answer import saturation_text
from membound.report.sections.bandwidth import cache_marks
from membound.report.subject import Subject
from membound.report.text import NONE, clipped, number, percent, signed_percent, size

GIGA = 1e9
NANO = 1e-9
RATE = lines.Axis("GB/s")
HELPS = {True: "no longer helps", False: "still helps", None: "may help: open"}
PAGES = {"huge": "huge pages", "small": "small pages"}

LITTLE = (
    "Bytes in flight by Little's law, read ceiling times loaded latency: a lower bound, since the "
    "ceiling's own latency is no smaller."
)


def section(subjects: Sequence[Subject]) -> Section:
    lead = (
        "A ceiling counts as saturated only where neither more threads nor more bytes in flight "
        "raise it by 3 % or more; otherwise the limit is what the cores keep in flight, not the "
        "memory bus."
    )
    blocks: list[Block] = []
    for subject in subjects:
        blocks += [Heading(subject.label)] if len(subjects) > 1 else []
        drawn = [draw(subject) for draw in (_threads, _in_flight, _prefetch, _loaded, _chase)]
        blocks += [figure for figure in drawn if figure]
        names = ("rate over threads", "rate over bytes in flight", "prefetch distance",
                 "loaded latency", "latency over size")  # fmt: skip
        blocks += _latencies(subject) + _gains(subject)
        absent = [name for name, figure in zip(names, drawn, strict=True) if figure is None]
        if absent:
            text = f"Too few points were measured to draw: {', '.join(absent)}."
            blocks.append(Note(text, missing=True))
    return Section("saturation", "Saturation and latency", lead, blocks)


def _gains(subject: Subject) -> list[Block]:
    """The two demonstrations that 'saturated' rests on."""
    found = subject.ceilings.get("saturation")
    if not found:
        return []
    axes = (("more cores", "over_units"), ("more bytes in flight for each", "over_flight"))
    body = []
    for name, key in axes:
        if gain := found[key]:
            change = signed_percent((gain["gain"] - 1) * 100)
            low, high = (signed_percent((end - 1) * 100) for end in gain["interval95"])
            less, more = (_short(gain[key]) for key in ("less", "more"))
            benches = f"{less} against {more}" if less != more else f"nothing beats {more}"
            body.append([name, change, f"{low} to {high}", HELPS[gain["flat"]], benches])
        else:
            body.append([name, NONE, NONE, "not measured", ""])
    state = {True: "saturated", False: "not saturated", None: "open"}[found["shown"]]
    heads = ["", "raises the rate by", "95 % interval", "so it", "best of each"]
    caption = f"Is the read ceiling the memory's own? {state.capitalize()}"
    read_bench = clipped(subject.ceilings.get("read_bench"), 90)
    notes = [f"The read ceiling is that of {read_bench}. Benches are named without bandwidth/."]
    return [Table(heads, body, caption, notes=notes, wide_last=True)]


def _short(bench: str) -> str:
    return clipped(bench.removeprefix("bandwidth/"), 90)


def _latencies(subject: Subject) -> list[Block]:
    """Idle, loaded, and the bytes in flight that rate and latency imply."""
    known = subject.ceilings.get("latency") or {}
    idle = ((f"idle, {pages} pages", known.get(f"idle_{pages}_pages_ns")) for pages in PAGES)
    body = [[name, f"{number(nanos)} ns"] for name, nanos in idle if nanos]
    if known.get("loaded_ns"):
        at = f"{number(known['loaded_ns'])} ns at {number(known['loaded_at_GBps'])} GB/s"
        body.append(["loaded, most traffic", at])
    notes = []
    if known.get("bytes_in_flight"):
        body.append(["bytes in flight at the read ceiling", size(known["bytes_in_flight"])])
        notes.append(LITTLE)
    caption = "Latency of one load from memory"
    return [Table([], body, caption, text_columns=2, half=True, notes=notes)] if body else []


def _ceiling(subject: Subject) -> list[tuple[float, str]]:
    rate = subject.read_rate
    return [(rate / GIGA, f"cold read ceiling {number(rate / GIGA)} GB/s")] if rate else []


def _figure(
    subject: Subject,
    what: tuple[str, str, str],
    found: Sequence[lines.Curve],
    axes: tuple[lines.Axis, lines.Axis],
    marks: lines.Marks,
) -> Figure:
    """`what`: file name, title, caption."""
    name, title = f"{subject.slug}{what[0]}", f"{what[1]}, {subject.label}"
    drawn = lines.draw(found, *axes, marks, name, title)
    return Figure(name, title, what[2], *drawn)


def _threads(subject: Subject) -> Figure | None:
    points = data.threads(subject.benches, subject.compute_units)
    if len(points) < 2:
        return None
    # What each thread would add if all added as much as the first, cut off where it leaves.
    each = points[0][1] / points[0][0]
    most = min(points[-1][0], 1.15 * max(rate for _, rate in points) / each)
    found = [
        lines.Curve("read", [(n, rate / GIGA) for n, rate in points]),
        lines.Curve("proportional", [(0.0, 0.0), (most, most * each / GIGA)], 1, faint=True),
    ]
    change = saturation_text(subject.ceilings.get("saturation"))
    what = ("threads", "Cold read over threads", f"{change}.")
    return _figure(subject, what, found, (lines.Axis("threads", "counts"), RATE), lines.Marks())


def _in_flight(subject: Subject) -> Figure | None:
    found = [
        lines.Curve(f"{count} thread{'s' * (count > 1)}", [(n, r / GIGA) for n, r in points], place)
        for place, (count, points) in enumerate(data.in_flight(subject.benches).items())
    ]
    if not found:
        return None
    best = max(rate for curve in found for _, rate in curve.points)
    caption = (
        "Dependent random lines of 64 bytes, so the bytes in flight are exact: 64 x lines x "
        f"threads. Best: {number(best)} GB/s"
    )
    if subject.read_rate:
        caption += f", {percent(best * GIGA / subject.read_rate)} of the cold read ceiling"
    what = ("in-flight", "Rate over bytes in flight", f"{caption}.")
    axes = (lines.Axis("bytes in flight, all threads together", "bytes"), RATE)
    return _figure(subject, what, found, axes, lines.Marks(horizontal=_ceiling(subject)))


def _prefetch(subject: Subject) -> Figure | None:
    """A distance of 0 cannot stand on a logarithmic axis: it is one tick further left."""
    measured = data.prefetch(subject.benches)
    positive = [n for points in measured.values() for n, _ in points if n > 0]
    if not positive:
        return None
    none = min(positive) / 2
    most = max(count for count, _ in measured)
    found = [
        lines.Curve(
            f"{count} x {streams}",
            [(n or none, rate / GIGA) for n, rate in points],
            place,
            faint=count < most,
        )
        for place, ((count, streams), points) in enumerate(reversed(measured.items()))
    ]
    caption = "Named: threads x streams of each thread; fewer threads are faint."
    what = ("prefetch", "Cold read over prefetch distance", caption)
    axes = (lines.Axis("bytes prefetched ahead, each stream", "bytes", none), RATE)
    return _figure(subject, what, found, axes, lines.Marks(horizontal=_ceiling(subject)))


def _loaded(subject: Subject) -> Figure | None:
    known = subject.ceilings.get("latency") or {}
    points = [(at["GBps"], at["ns"]) for at in known.get("curve", [])]
    if len(points) < 2:
        return None
    idle, busy = points[0], points[-1]
    caption = (
        f"One core chases pointers while all others read, with pauses: {number(idle[1])} ns at "
        f"{number(idle[0])} GB/s, {number(busy[1])} ns at {number(busy[0])} GB/s."
    )
    what = ("loaded-latency", "Loaded latency", caption)
    axes = (lines.Axis("injected traffic, GB/s"), lines.Axis("latency of one load, ns"))
    found = [lines.Curve("", points)]
    return _figure(subject, what, found, axes, lines.Marks())


def _chase(subject: Subject) -> Figure | None:
    found = [
        lines.Curve(PAGES.get(pages, pages or "chase"), [(n, s / NANO) for n, s in points], place)
        for place, (pages, points) in enumerate(data.chase(subject.benches).items())
    ]
    if not found:
        return None
    sizes = [n for curve in found for n, _ in curve.points]
    caches = cache_marks(subject, min(sizes), max(sizes), together=False)
    caption = "One chain of dependent loads, a line of 64 bytes a step, in random order."
    if caches:
        caption += " Dotted: capacity of one cache of each level."
    what = ("latency", "Latency over working set", caption)
    axes = (lines.Axis("working set", "bytes"), lines.Axis("latency of one load, ns", "log"))
    return _figure(subject, what, found, axes, lines.Marks(vertical=caches))
