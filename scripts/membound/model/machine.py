# SPDX-License-Identifier: Apache-2.0
"""A machine's ceilings and kernel times, taken out of a record."""

import math
import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from membound.model import overlap, paper
from membound.record import Measurement, Record
from membound.statistics import awake, centre

COLD_READ = re.compile(r"bandwidth/read/f32/mode:cold/bytes:[1-9]\d*(/threads:[1-9]\d*)?")
BETTER_BY = 1.01  # another way of reading must beat the read bench by this to be the ceiling
CACHE_LINE_BYTES = 64
Samples = list[list[float]]


@dataclass(frozen=True)
class Reading:
    """Rate in bytes/s of one bench: of the median, and of the best sample."""

    bench: str
    rate: float
    best_rate: float
    size: int
    samples: Samples = field(repr=False)
    write_allocate: int = 0
    counted_ratio: float | None = None
    footprint_ok: bool = True

    @property
    def keys(self) -> dict[str, int]:
        return keys_of(self.bench)


@dataclass
class Ceilings:
    """Rates in bytes/s and flops/s, times in seconds, of one device; None: not measured.

    `read_rate` is the best sustained cold read with all units and `read_bench` what gave it.
    """

    device: str
    read_rate: float | None = None
    read_best_rate: float | None = None
    read_bench: str | None = None
    read_bytes: int | None = None  # of the largest launch of the read bench
    cold_read_seconds: dict[int, float] = field(default_factory=dict)
    reads: list[Reading] = field(default_factory=list)  # the read bench, all or fewer units
    grid: list[Reading] = field(default_factory=list)  # threads x streams x prefetch distance
    chains: list[Reading] = field(default_factory=list)  # random lines, bytes in flight exact
    streams: dict[str, Reading] = field(default_factory=dict)  # largest cold, by kind
    compute_units: int | None = None
    peaks: dict[str, float] = field(default_factory=dict)  # by operand type
    libraries: dict[str, float] = field(default_factory=dict)  # flops/s of vendors' GEMMs
    sweep: list[overlap.Point] = field(default_factory=list)
    knee: overlap.Fit | None = None
    knee_why_not: str = "the intensity sweep was not measured"
    barrier_seconds: float | None = None
    launch_seconds: float | None = None
    dequant: dict[str, dict[int, float]] = field(default_factory=dict)  # bytes/s by type, tokens
    idle_latency: dict[str, tuple[int, float]] = field(default_factory=dict)  # bytes, seconds
    loaded_latency: list[tuple[float, float]] = field(default_factory=list)  # bytes/s, seconds
    paper_read_rate: float | None = None
    paper_peaks: dict[str, float] = field(default_factory=dict)
    paper_sources: dict[str, str] = field(default_factory=dict)  # of bandwidth and each peak
    kernels: dict[str, "Kernel"] = field(default_factory=dict)

    @property
    def flops_rate(self) -> float | None:
        """The f32 peak."""
        return self.peaks.get("f32")

    @property
    def overlap_p(self) -> float | None:
        """Exponent of `overlap.combine`; None: not measured, taken as infinite."""
        return self.knee.p if self.knee else None

    def as_dict(self) -> dict[str, Any]:
        """All that a prediction rests on, without samples."""
        plain = {
            key: value
            for key, value in vars(self).items()
            if key not in ("kernels", "reads", "grid", "chains", "streams", "sweep", "knee")
        }
        return plain | {
            "knee": vars(self.knee) if self.knee else None,
            "kernels": {name: vars(k) for name, k in self.kernels.items()},
        }


@dataclass(frozen=True)
class Kernel:
    """Median seconds of one launch with its ramp and barrier, and the work it stands for.

    `spread` is half the range from the 5th to the 95th percentile of its samples, relative.
    """

    seconds: float
    spread: float
    all_bytes: int
    flops: int


def group(record: Record, stages: set[str]) -> dict[tuple[str, str], list[Measurement]]:
    """Measurements with samples by (device, bench), one for each process."""
    groups: dict[tuple[str, str], list[Measurement]] = defaultdict(list)
    for process in record.processes:
        for measurement in process.measurements:
            if measurement.stage in stages and measurement.samples:
                groups[measurement.device, measurement.bench].append(measurement)
    return groups


def keys_of(bench: str) -> dict[str, int]:
    """The whole-number keys in a bench's name."""
    pairs = (part.split(":", 1) for part in bench.split("/") if ":" in part)
    return {key: int(value) for key, value in pairs if value.isdecimal()}


def seconds_of(measurements: list[Measurement]) -> Samples:
    return [[sample.seconds for sample in m.samples] for m in measurements]


def counted_ratio(measurements: Sequence[Measurement]) -> float | None:
    """Median over samples of counted bytes over bytes by definition; None: nothing was counted.

    A sample's counter covers all its launches; what ordinary stores read beforehand is in it.
    """
    ratios = []
    for m in measurements:
        defined = m.work.bytes_read + m.work.bytes_written
        for sample in m.samples:
            counted = sample.telemetry.get("counted_bytes")
            if isinstance(counted, int | float) and defined and sample.launches:
                ratios.append(counted / sample.launches / defined)
    known = [ratio for ratio in ratios if math.isfinite(ratio)]
    return statistics.median(known) if known else None


def ceilings(record: Record) -> dict[str, Ceilings]:
    """Every device's ceilings and kernels; whole steps and anchors are never among them."""
    found: dict[str, Ceilings] = {}
    for (device, bench), measurements in group(record, {"ceiling", "kernel"}).items():
        entry = found.setdefault(device, Ceilings(device))
        _take(entry, bench, measurements)
    for info in record.devices:
        if (known := found.get(str(info.get("id")))) is not None:
            known.compute_units = info.get("compute_units")
    _take_paper(found, record)
    for entry in found.values():
        _choose_read(entry)
        entry.knee, entry.knee_why_not = overlap.fit(entry.sweep)
    return found


def anchors(record: Record) -> dict[str, list[tuple[int, float]]]:
    """Bytes and rate of the cold read measured again between the steps, by device."""
    rates: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for (device, bench), measurements in group(record, {"anchor"}).items():
        if COLD_READ.fullmatch(bench):
            size = keys_of(bench)["bytes"]
            medians = (statistics.median(s) for s in seconds_of(measurements))
            rates[device] += [(size, size / seconds) for seconds in medians]
    return rates


def _take_paper(found: dict[str, Ceilings], record: Record) -> None:
    infos = {str(info.get("id")): info.get("details") or {} for info in record.devices}
    details = [infos.get(name, {}) for name in found]
    figures = paper.with_sources(details, record.settings)
    for entry, own in zip(found.values(), figures, strict=True):
        entry.paper_sources = {key: source for key, (_, source) in own.items()}
        rates = {key: rate for key, (rate, _) in own.items()}
        entry.paper_read_rate = rates.pop("bandwidth", None)
        entry.paper_peaks = rates


def _take(entry: Ceilings, bench: str, measurements: list[Measurement]) -> None:
    """Put one bench where it belongs; a bench that nothing rests on is left out."""
    first, samples = measurements[0], seconds_of(measurements)
    family, kind, dtype = [*bench.split("/"), "", ""][:3]
    if first.stage == "kernel":
        entry.kernels[bench] = _kernel(first, samples)
    elif kind == "dequant":
        tokens = keys_of(bench).get("m", 1)
        entry.dequant.setdefault(dtype, {})[tokens] = first.work.bytes_read / centre(samples)
    elif family == "bandwidth":
        _take_bandwidth(entry, bench, measurements)
    elif family == "latency":
        _take_latency(entry, bench, measurements)
    elif family == "compute":
        rate = sum(first.work.flops.values()) / centre(samples)
        best = entry.libraries if kind == "library_gemm" else entry.peaks
        if rate > 0 and kind in ("fma", "matrix", "library_gemm"):
            best[dtype] = max(rate, best.get(dtype, 0.0))
    elif bench.startswith("intensity/sweep/f32/"):
        size = first.work.bytes_read + first.work.bytes_written
        flops = sum(first.work.flops.values())
        if size > 0 and flops > 0:
            entry.sweep.append(overlap.Point(size, flops, samples))
    elif bench == "overhead/barrier/none":
        entry.barrier_seconds = centre(samples)
    elif bench == "overhead/launch/none":
        entry.launch_seconds = centre(samples)


def _take_bandwidth(entry: Ceilings, bench: str, measurements: list[Measurement]) -> None:
    reading = _reading(bench, measurements)
    if reading is None:
        return
    kind, dtype = bench.split("/")[1:3]
    keys = reading.keys
    if kind == "saturation":
        entry.grid.append(reading)
    elif kind == "chains":
        entry.chains.append(reading)
    elif "/mode:cold/" in bench and "threads" not in keys and "bytes" in keys:
        name = f"{kind}/{dtype}" + ("/nt" if "/store:nt" in bench else "")
        if name not in entry.streams or keys["bytes"] > entry.streams[name].keys["bytes"]:
            entry.streams[name] = reading
    if COLD_READ.fullmatch(bench):
        entry.reads.append(reading)
        if "threads" not in keys:
            entry.cold_read_seconds[keys["bytes"]] = centre(reading.samples)


def _take_latency(entry: Ceilings, bench: str, measurements: list[Measurement]) -> None:
    if bench.startswith("latency/chase/"):
        reading = _reading(bench, measurements)
        pages = "small" if "/pages:small" in bench else "huge"
        size = keys_of(bench).get("bytes", 0)
        if reading and size > entry.idle_latency.get(pages, (0, 0.0))[0]:
            entry.idle_latency[pages] = size, CACHE_LINE_BYTES / reading.rate
    elif bench.startswith("latency/loaded/"):
        counters = [sample.counters for m in measurements for sample in m.samples]
        pairs = [
            (rate, latency)
            for c in counters
            if (rate := c.get("injected_bytes_per_second")) is not None
            and (latency := c.get("latency_seconds")) is not None
        ]
        if pairs:
            rate, latency = (statistics.median(values) for values in zip(*pairs, strict=True))
            entry.loaded_latency = sorted([*entry.loaded_latency, (rate, latency)])


def _reading(bench: str, measurements: list[Measurement]) -> Reading | None:
    work, samples = measurements[0].work, seconds_of(measurements)
    size = work.bytes_read + work.bytes_written or keys_of(bench).get("bytes", 0)
    if not size:
        return None
    return Reading(
        bench,
        size / centre(samples),
        size / min(min(s) for s in samples),
        size,
        samples,
        work.write_allocate_bytes,
        counted_ratio(measurements),
        all(m.footprint_ok for m in measurements),
    )


def _choose_read(entry: Ceilings) -> None:
    """The read bench's largest launch, unless a point of the grid with all units beats it."""
    everywhere = [r for r in entry.reads if "threads" not in r.keys]
    if not everywhere:
        return
    chosen = max(everywhere, key=lambda reading: reading.keys["bytes"])
    entry.read_bytes = chosen.keys["bytes"]
    full = [r for r in entry.grid if r.keys.get("threads") == entry.compute_units]
    best = max(full, key=lambda reading: reading.rate, default=chosen)
    if best.rate > BETTER_BY * chosen.rate:
        chosen = best
    entry.read_rate, entry.read_best_rate = chosen.rate, chosen.best_rate
    entry.read_bench = chosen.bench


def _kernel(first: Measurement, samples: Samples) -> Kernel:
    seconds = centre(samples)
    pooled = sorted(awake(samples))
    low, high = pooled[len(pooled) // 20], pooled[-1 - len(pooled) // 20]
    work = first.work
    all_bytes = work.bytes_read + work.bytes_written + work.activation_bytes
    return Kernel(seconds, (high - low) / 2 / seconds, all_bytes, sum(work.flops.values()))
