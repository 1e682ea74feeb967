# SPDX-License-Identifier: Apache-2.0
"""Records for tests of the report: a finished record with invented ceilings added to it.

The numbers are a made-up machine's and never leave the tests.
"""

import math
from collections.abc import Iterator

from membound.record import Measurement, Process, Record

LARGEST = 1 << 28
CAPACITIES = ((32e3, 700e9), (2e6, 260e9), (6e7, 90e9), (1e15, 36e9))  # bytes, bytes/s
PEAKS = {
    "fma/f64": 210e9, "fma/f32": 430e9, "fma/f16": 840e9, "fma/bf16": 850e9, "fma/i8": 1700e9,
    "matrix/bf16": 3300e9, "matrix/i8": 6500e9,
}  # fmt: skip
FLOWS = {  # bytes/s of cold streams, whether they store
    "read": (37e9, False), "write": (16e9, True), "copy": (24e9, True), "scale": (24e9, True),
    "add": (26e9, True), "triad": (26e9, True), "dot": (36e9, False), "update": (34e9, True),
}  # fmt: skip


def measurement(
    bench: str, seconds: float, counters: dict | None = None, device: str = "cpu:0", **work: object
) -> Measurement:
    """Five samples, 1 % apart, of which the last is disturbed."""
    samples = [
        {"seconds": seconds * (1 + 0.01 * i), "tags": ["disturbed"] if i == 4 else []}
        | ({"counters": counters} if counters else {})
        for i in range(5)
    ]
    fields = {"bench": bench, "device": device, "stage": "ceiling", "dtype": bench.split("/")[2]}
    return Measurement.model_validate(
        fields | {"work": work, "samples": samples, "finished": True, "check": {"ok": True}}
    )


def moved(bench: str, rate: float, size: int, stores: bool, allocates: bool) -> Measurement:
    written = size // 2 if stores else 0
    return measurement(
        bench, size / rate, bytes_read=size - written, bytes_written=written,
        write_allocate_bytes=written if allocates else 0,
    )  # fmt: skip


def streams() -> Iterator[Measurement]:
    for kind, (rate, stores) in FLOWS.items():
        name = f"bandwidth/{kind}/f32"
        for power in range(14, 29, 2):
            size = 1 << power
            hot = next(r for limit, r in CAPACITIES if size <= limit) * rate / 37e9
            yield moved(f"{name}/mode:hot/bytes:{size}", hot, size, stores, stores)
        for power in (19, 21, 24, 28):
            size = 1 << power
            at = size / (4e-6 + size / rate)
            yield moved(f"{name}/mode:cold/bytes:{size}", at, size, stores, kind != "update")
        if stores and kind != "update":
            nt = f"{name}/mode:cold/bytes:{LARGEST}/store:nt"
            yield moved(nt, rate * 1.25, LARGEST, True, False)
    for units in (1, 2, 4):
        rate = 37e9 * (1 - math.exp(-units / 1.5))
        name = f"bandwidth/read/f32/mode:cold/bytes:{LARGEST}/threads:{units}"
        yield moved(name, rate, LARGEST, False, False)
    for row in (64, 256, 1024, 4096):
        name = f"bandwidth/gather/f32/mode:cold/row:{row}"
        yield moved(name, 34e9 * row / (row + 300), LARGEST, False, False)
    for source in (0, 1):
        for target in (0, 1):
            rate = 37e9 if source == target else 21e9
            name = f"bandwidth/numa/f32/source:{source}/target:{target}"
            yield moved(name, rate, LARGEST, False, False)


def flights() -> Iterator[Measurement]:
    for count in (1, 2, 8):
        for each in (1, 2, 4, 8, 16, 32):
            rate = 37e9 * (1 - math.exp(-64 * each * count / 105e-9 / 37e9))
            name = f"bandwidth/chains/none/threads:{count}/lines:{each}"
            yield moved(name, rate, 64 * 100000, False, False)
        for parts in (1, 4):
            for ahead in (0, 256, 1024, 4096):
                rate = 36e9 * (1 - math.exp(-count * (1 + ahead / 2048) * parts**0.3))
                name = f"bandwidth/saturation/f32/threads:{count}/streams:{parts}/ahead:{ahead}"
                yield moved(name, rate, LARGEST, False, False)


def latencies() -> Iterator[Measurement]:
    for power in range(13, 30):
        size = 1 << power
        step = 1.5e-9 + 90e-9 / (1 + math.exp(-(power - 23)))
        for pages, factor in (("huge", 1.0), ("small", 1 + 0.06 * max(0, power - 20))):
            name = f"latency/chase/none/bytes:{size}/pages:{pages}"
            yield measurement(name, step * factor * size / 64, bytes_read=size)
    for delay in (0, 10, 30, 100, 300, 1000, 3000):
        rate = 35e9 / (1 + delay / 60)
        latency = 95e-9 * (1 + 0.9 * (rate / 37e9) ** 4 / (1.04 - rate / 37e9) / 4)
        counted = {"latency_seconds": latency, "injected_bytes_per_second": rate}
        yield measurement(f"latency/loaded/none/delay:{delay}", 1e-3, counted, bytes_read=64 * 9000)


def arithmetic() -> Iterator[Measurement]:
    for name, rate in PEAKS.items():
        flops = {name.split("/")[1]: 10**9}
        yield measurement(f"compute/{name}", 1e9 / rate, flops=flops)
    gemm = "compute/library_gemm/f32/m:512/n:512/k:512/library:openblas"
    yield measurement(gemm, 1e9 / 390e9, flops={"f32": 10**9})
    for power in range(6, 19):
        intensity = 2**power / 1024
        seconds = 1 / 37e9 + (intensity / 430e9)
        name = f"intensity/sweep/f32/flops_per_kib:{2**power}"
        work = {"bytes_read": 1 << 24, "flops": {"f32": int(intensity * (1 << 24))}}
        yield measurement(name, seconds * (1 << 24), **work)


def enriched(record: Record) -> Record:
    """A copy whose first process has measured every ceiling that the report can show."""
    copy = record.model_copy(deep=True)
    process = copy.processes[0]
    added = [*streams(), *flights(), *latencies(), *arithmetic()]
    families = {m.bench.split("/")[0] for m in added}
    kept = [m for m in process.measurements if m.bench.split("/")[0] not in families]
    process.measurements = kept + added
    caches = [
        {"level": 1, "bytes": 49152, "count": 2},
        {"level": 2, "bytes": 1 << 21, "count": 2},
        {"level": 3, "bytes": 1 << 26, "count": 1},
    ]
    copy.devices[0] |= {"compute_units": 8, "details": {"caches": caches, "microcode": "0x1"}}
    return copy


def without_newer_benches(record: Record) -> Record:
    """A copy with no more ceilings than cold reads, a peak and overheads."""
    copy = record.model_copy(deep=True)
    first = ("bandwidth/read/f32/mode:cold/", "compute/fma/f32", "overhead/")
    for process in copy.processes:
        process.measurements = [
            m for m in process.measurements if m.stage != "ceiling" or m.bench.startswith(first)
        ]
    return copy


def with_second_device(record: Record, name: str) -> Record:
    """The same measurements on another device too."""
    copy = record.model_copy(deep=True)
    for process in copy.processes:
        twins = [m.model_copy(update={"device": name}, deep=True) for m in process.measurements]
        process.measurements += twins
    copy.devices.append(copy.devices[0] | {"id": name})
    return copy


def replicated(record: Record, count: int) -> Record:
    """Each process `count` times, each time 1 % slower, as profiles with replication write it."""
    copy = record.model_copy(deep=True)
    copy.processes = [
        slower(process, index) for process in record.processes for index in range(count)
    ]
    return copy


def slower(process: Process, index: int) -> Process:
    copy = process.model_copy(deep=True)
    copy.index = index
    for found in copy.measurements:
        for sample in found.samples:
            sample.seconds *= 1 + 0.01 * index
    return copy
