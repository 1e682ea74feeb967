# SPDX-License-Identifier: Apache-2.0
"""The two curves of bandwidth, hot and cold, and the table of streams."""

from collections.abc import Sequence

from membound.report import data
from membound.report.blocks import Block, Figure, Heading, Note, Section, Table
from membound.report.figures import lines
from membound.report.subject import Subject
from membound.report.text import NONE, number, percent, size

GIGA = 1e9
AXES = {
    "hot": "working set, the same data again and again",
    "cold": "bytes of one launch, data last touched long ago",
}
TITLES = {"hot": "Hot: bandwidth over working set", "cold": "Cold: bandwidth over launch size"}

COUNTED = (
    "Counted: memory traffic by hardware counter over bytes by definition; write-allocate is in it."
)


def curves(subjects: Sequence[Subject]) -> Section:
    lead = (
        "Hot curves show caches, cold ones show memory and the ramp of a launch. A step's launches "
        "read cold. Bytes are read plus written by definition; read is drawn strong, the other "
        "streams faint."
    )
    blocks: list[Block] = []
    for subject in subjects:
        blocks += [Heading(subject.label)] if len(subjects) > 1 else []
        for mode in ("hot", "cold"):
            drawn = _figure(subject, mode)
            missing = Note(f"The {mode} curve of reads was not measured.", missing=True)
            blocks.append(drawn or missing)
    return Section("bandwidth", "Bandwidth, hot and cold", lead, blocks)


def _figure(subject: Subject, mode: str) -> Figure | None:
    found = []
    for place, kind in enumerate(data.STREAMS):
        points = [(n, rate / GIGA) for n, rate in data.curve(subject.benches, kind, mode)]
        if points:
            found.append(lines.Curve(kind, points, place, faint=kind != "read"))
    if not any(curve.label == "read" for curve in found):
        return None
    ceiling = subject.read_rate
    sizes = [n for curve in found for n, _ in curve.points]
    marks = lines.Marks(
        vertical=cache_marks(subject, min(sizes), max(sizes), True) if mode == "hot" else (),
        horizontal=[(ceiling / GIGA, f"cold read ceiling {number(ceiling / GIGA)} GB/s")]
        if ceiling
        else (),
    )
    name, title = f"{subject.slug}bandwidth-{mode}", f"{TITLES[mode]}, {subject.label}"
    x, y = lines.Axis(AXES[mode], "bytes"), lines.Axis("GB/s", "log" if mode == "hot" else "linear")
    caption = "Dashed: the cold read ceiling." + (
        " Dotted: capacity of all caches of a level together, as the system reports it."
        if marks.vertical
        else " A small launch is slower: its ramp and barrier are in its time."
        if mode == "cold"
        else ""
    )
    return Figure(name, title, caption, *lines.draw(found, x, y, marks, name, title))


def cache_marks(
    subject: Subject, low: float, high: float, together: bool
) -> list[tuple[float, str]]:
    """Capacity of each level within a range: of one cache, or of all of the level together."""
    marks = []
    for cache in subject.caches:
        count = cache.count if together else 1
        total = cache.each_bytes * count
        if low <= total <= high:
            several = f"{count} x " if count > 1 else ""
            marks.append((float(total), f"L{cache.level} {several}{size(cache.each_bytes)}"))
    return marks


def streams(subjects: Sequence[Subject]) -> Section:
    lead = (
        "GB/s by definition of the loop (read plus written), at the largest cold size. With "
        "ordinary stores the hardware also reads each line that it is about to write: that "
        "write-allocate traffic is listed apart and never counted as bandwidth. nt: non-temporal "
        "stores."
    )
    blocks: list[Block] = []
    for subject in subjects:
        blocks += [Heading(subject.label)] if len(subjects) > 1 else []
        rows = _rows(subject)
        counted = bool(subject.ceilings.get("counted_ratio"))
        heads = ["stream", "stores", "size", "GB/s, median", "best", "spread", "of read ceiling",
                 "with write-allocate, GB/s", *["counted / defined"] * counted,
                 "samples"]  # fmt: skip
        notes = ["Spread: half the range from the 5th to the 95th percentile of the samples."]
        notes += [COUNTED] * counted
        if rows:
            table = Table(heads, rows, f"Streams on {subject.label}", text_columns=2, notes=notes)
            blocks.append(table)
        else:
            blocks.append(Note("No stream was measured.", missing=True))
        blocks += _gather(subject) + _numa(subject)
    return Section("streams", "Streams", lead, blocks)


def _rows(subject: Subject) -> list[list[str]]:
    rows = []
    for kind in data.STREAMS:
        for dtype in ("f32", "f64"):
            for store in (None, "nt"):
                found = data.select(
                    subject.benches, "bandwidth", kind, mode="cold", store=store, threads=None
                )
                found = [bench for bench in found if bench.dtype == dtype]
                if found:
                    largest = max(found, key=lambda bench: bench.number("bytes") or 0)
                    name = f"{kind}/{dtype}" + (f"/{store}" if store else "")
                    rows.append(_row(subject, largest, name, store))
    return rows


def _row(subject: Subject, bench: data.Bench, name: str, store: str | None) -> list[str]:
    """Rates as the comparison has them under `name`; spread and best are the bench's own."""
    stores = store or ("ordinary" if bench.work.bytes_written else "none")
    known, ceiling = subject.ceilings, subject.ceilings.get("read_GBps")
    rate, counted = known["rates_GBps"].get(name), known["counted_ratio"]
    return [
        f"{bench.kind} {bench.dtype}",
        stores,
        size(bench.number("bytes")),
        number(rate),
        number(bench.memory_bytes / bench.best_seconds / GIGA),
        percent(bench.spread),
        percent(rate / ceiling if rate and ceiling else None),
        number(known["bus_rates_GBps"][name]) if name in known["bus_rates_GBps"] else NONE,
        *([number(counted[name]) if name in counted else NONE] if counted else []),
        str(bench.samples),
    ]


def _gather(subject: Subject) -> list[Block]:
    found = data.select(subject.benches, "bandwidth", "gather", mode="cold")
    rows = [
        [
            f"{bench.number('row')} B",
            number(bench.bytes_rate / GIGA),
            percent(bench.bytes_rate / subject.read_rate if subject.read_rate else None),
        ]
        for bench in sorted(found, key=lambda bench: bench.number("row") or 0)
    ]
    heads = ["row", "GB/s", "of read ceiling"]
    return [Table(heads, rows, "Gather of random rows, cold")] if rows else []


def _numa(subject: Subject) -> list[Block]:
    """Rates of one domain's cores on another domain's memory."""
    found = data.select(subject.benches, "bandwidth", "numa")
    rates = {(b.number("source"), b.number("target")): b.bytes_rate / GIGA for b in found}
    places = sorted({n for pair in rates for n in pair if n is not None})
    if not places:
        return []
    rows = [[f"cores of {s}", *(number(rates.get((s, t))) for t in places)] for s in places]
    return [Table(["GB/s", *(f"memory of {t}" for t in places)], rows, "Reads between domains")]
