# SPDX-License-Identifier: Apache-2.0
"""Measurements of one device as numbers to draw: medians over all processes, by bench name."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from membound.model import machine
from membound.record import Measurement, Record, WorkCounts
from membound.statistics import centre

LINE_BYTES = 64
STREAMS = ("read", "write", "copy", "scale", "add", "triad", "dot", "update")
XY = tuple[float, float]


@dataclass(frozen=True)
class Bench:
    """One bench on one device, its processes together; `spread`: p5 to p95, half, relative."""

    name: str
    family: str
    kind: str
    dtype: str
    keys: dict[str, str]
    stage: str
    seconds: float
    best_seconds: float
    spread: float
    samples: int
    processes: int
    disturbed: int
    work: WorkCounts

    def number(self, key: str) -> int | None:
        value = self.keys.get(key, "")
        return int(value) if value.isdecimal() else None

    @property
    def memory_bytes(self) -> int:
        """By definition of the loop: activations in caches and write-allocate are not in it."""
        return self.work.bytes_read + self.work.bytes_written

    @property
    def bytes_rate(self) -> float:
        return self.memory_bytes / self.seconds

    @property
    def flops(self) -> int:
        return sum(self.work.flops.values())

    @property
    def flops_rate(self) -> float:
        return self.flops / self.seconds

    @property
    def flops_type(self) -> str:
        """The operand type of most of its flops."""
        return max(self.work.flops, key=self.work.flops.__getitem__, default="")


def benches(record: Record, device: str) -> list[Bench]:
    """All ceilings and kernels of a device, by name."""
    groups = machine.group(record, {"ceiling", "kernel"})
    return sorted(
        (_bench(name, found) for (where, name), found in groups.items() if where == device),
        key=lambda bench: bench.name,
    )


def _bench(name: str, found: list[Measurement]) -> Bench:
    parts = [*name.split("/"), "", "", ""]
    processes = machine.seconds_of(found)
    samples = [sample for measurement in found for sample in measurement.samples]
    pooled = sorted(sample.seconds for sample in samples)
    low, high = pooled[len(pooled) // 20], pooled[-1 - len(pooled) // 20]
    middle = centre(processes)
    return Bench(
        name=name,
        family=parts[0],
        kind=parts[1],
        dtype=parts[2],
        keys=dict(part.split(":", 1) for part in parts if ":" in part),
        stage=found[0].stage,
        seconds=middle,
        best_seconds=pooled[0],
        spread=(high - low) / 2 / middle,
        samples=len(samples),
        processes=len(found),
        disturbed=sum("disturbed" in sample.tags for sample in samples),
        work=found[0].work,
    )


def select(found: Iterable[Bench], family: str, kind: str, **keys: str | None) -> list[Bench]:
    """Benches of a kind; a key's value must match, None: the key must be absent."""
    return [
        bench
        for bench in found
        if (bench.family, bench.kind) == (family, kind)
        and all(bench.keys.get(key) == value for key, value in keys.items())
    ]


def curve(found: Iterable[Bench], kind: str, mode: str, dtype: str = "f32") -> list[XY]:
    """Bytes and bytes/s of one stream with all compute units and ordinary stores."""
    chosen = select(found, "bandwidth", kind, mode=mode, store=None, threads=None)
    points = [(b.number("bytes"), b.bytes_rate) for b in chosen if b.dtype == dtype]
    return sorted((float(n), rate) for n, rate in points if n and rate > 0)


def threads(found: list[Bench], units: int | None) -> list[XY]:
    """Threads and bytes/s of cold reads, all at the largest size that had fewer threads."""
    fewer = [b for b in select(found, "bandwidth", "read", mode="cold") if b.number("threads")]
    largest = max((b.number("bytes") or 0 for b in fewer), default=0)
    points = {float(b.number("threads") or 0): b.bytes_rate for b in fewer
              if b.number("bytes") == largest and b.bytes_rate > 0}  # fmt: skip
    whole = dict(curve(found, "read", "cold")).get(float(largest))
    if points and whole and units:
        points[float(units)] = whole
    return sorted(points.items())


def in_flight(found: list[Bench]) -> dict[int, list[XY]]:
    """By threads: bytes in flight on all of them together, and bytes/s of dependent lines."""
    lines: dict[int, list[XY]] = defaultdict(list)
    for bench in select(found, "bandwidth", "chains"):
        count, each = bench.number("threads"), bench.number("lines")
        if count and each and bench.bytes_rate > 0:
            lines[count].append((float(LINE_BYTES * each * count), bench.bytes_rate))
    return {count: sorted(points) for count, points in sorted(lines.items())}


def prefetch(found: list[Bench]) -> dict[tuple[int, int], list[XY]]:
    """By (threads, streams of each): bytes prefetched ahead, and bytes/s of cold reads."""
    lines: dict[tuple[int, int], list[XY]] = defaultdict(list)
    for bench in select(found, "bandwidth", "saturation"):
        count, streams, ahead = (bench.number(key) for key in ("threads", "streams", "ahead"))
        if count and streams and ahead is not None and bench.bytes_rate > 0:
            lines[count, streams].append((float(ahead), bench.bytes_rate))
    return {key: sorted(points) for key, points in sorted(lines.items())}


def chase(found: list[Bench]) -> dict[str, list[XY]]:
    """By pages (huge, small): bytes of the working set, and seconds of one dependent load."""
    lines: dict[str, list[XY]] = defaultdict(list)
    for bench in select(found, "latency", "chase"):
        count = bench.number("bytes")
        if count and bench.work.bytes_read > 0:
            step = bench.seconds * LINE_BYTES / bench.work.bytes_read
            lines[bench.keys.get("pages", "")].append((float(count), step))
    return {pages: sorted(points) for pages, points in sorted(lines.items())}


def sweep(found: list[Bench]) -> list[XY]:
    """Flops per byte and flops/s of the intensity sweep."""
    points = [(b.number("flops_per_kib"), b) for b in select(found, "intensity", "sweep")]
    return sorted(
        (f / 1024, b.flops_rate) for f, b in points if f and b.flops_rate > 0 and b.dtype == "f32"
    )
