# SPDX-License-Identifier: Apache-2.0
"""A machine's ceilings and kernel times, taken out of a record."""

import re
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from membound.record import Measurement, Record
from membound.statistics import centre

COLD_READ = re.compile(r"bandwidth/read/f32/mode:cold/bytes:[1-9]\d*(/threads:[1-9]\d*)?")
Samples = list[list[float]]


@dataclass
class Ceilings:
    """Rates in bytes/s and flops/s, times in seconds, of one device; None: not measured."""

    device: str
    read_rate: float | None = None
    read_best_rate: float | None = None
    read_bytes: int | None = None
    cold_read_seconds: dict[int, float] = field(default_factory=dict)
    fewer_units: dict[int, tuple[int, float]] = field(default_factory=dict)  # bytes, rate
    compute_units: int | None = None
    flops_rate: float | None = None
    barrier_seconds: float | None = None
    launch_seconds: float | None = None
    paper_read_rate: float | None = None
    paper_flops_rate: float | None = None
    kernels: dict[str, "Kernel"] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        plain = {key: value for key, value in vars(self).items() if key != "kernels"}
        return plain | {"kernels": {name: vars(k) for name, k in self.kernels.items()}}


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


def ceilings(record: Record) -> dict[str, Ceilings]:
    """Every device's ceilings and kernels; whole steps and anchors are never among them."""
    found: dict[str, Ceilings] = {}
    for (device, bench), measurements in group(record, {"ceiling", "kernel"}).items():
        entry = found.setdefault(device, Ceilings(device))
        _take(entry, bench, measurements[0], seconds_of(measurements))
    for info in record.devices:
        details = info.get("details") or {}
        if (known := found.get(str(info.get("id")))) is not None:
            known.compute_units = info.get("compute_units")
            known.paper_read_rate = _scaled(details.get("paper_bandwidth_GBps"))
            known.paper_flops_rate = _scaled(details.get("paper_f32_GFLOPS"))
    return found


def anchors(record: Record) -> dict[str, list[float]]:
    """Rates of the cold read measured again between the steps, by device, over processes."""
    rates: dict[str, list[float]] = defaultdict(list)
    for (device, bench), measurements in group(record, {"anchor"}).items():
        if COLD_READ.fullmatch(bench):
            size = keys_of(bench)["bytes"]
            rates[device] += [size / statistics.median(s) for s in seconds_of(measurements)]
    return rates


def _take(entry: Ceilings, bench: str, first: Measurement, samples: Samples) -> None:
    seconds = centre(samples)
    if COLD_READ.fullmatch(bench):
        keys = keys_of(bench)
        size = keys["bytes"]
        if (units := keys.get("threads")) is not None:
            if size >= entry.fewer_units.get(units, (0, 0.0))[0]:
                entry.fewer_units[units] = size, size / seconds
        else:
            entry.cold_read_seconds[size] = seconds
            if size >= (entry.read_bytes or 0):
                entry.read_bytes, entry.read_rate = size, size / seconds
                entry.read_best_rate = size / min(min(s) for s in samples)
    elif bench == "compute/fma/f32":
        entry.flops_rate = first.work.flops.get("f32", 0) / seconds or None
    elif bench == "overhead/barrier/none":
        entry.barrier_seconds = seconds
    elif bench == "overhead/launch/none":
        entry.launch_seconds = seconds
    if first.stage == "kernel":
        entry.kernels[bench] = _kernel(first, samples, seconds)


def _kernel(first: Measurement, samples: Samples, seconds: float) -> Kernel:
    pooled = sorted(value for process in samples for value in process)
    low, high = pooled[len(pooled) // 20], pooled[-1 - len(pooled) // 20]
    work = first.work
    all_bytes = work.bytes_read + work.bytes_written + work.activation_bytes
    return Kernel(seconds, (high - low) / 2 / seconds, all_bytes, work.flops.get("f32", 0))


def _scaled(giga: float | None) -> float | None:
    return None if giga is None else float(giga) * 1e9
