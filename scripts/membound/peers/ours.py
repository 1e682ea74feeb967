# SPDX-License-Identifier: Apache-2.0
"""membound-bench as one side: its benches of the same works, each in a process of its own.

A process per bench keeps no more than one pool of arrays in memory, and makes ours as fresh as
the peer's. Each takes samples that share `seconds`; mean and best are over samples. Those of a
ceiling are as short as a pass of most peers: the best of few long samples would never be theirs.
"""

import os
import re
import statistics
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from membound import journal, paths
from membound.errors import CannotMeasure, UsageError
from membound.peers.execute import execute
from membound.peers.launch import SAFETY, Job, Kernel, Launch, Reading, Setting, Unreadable, Value
from membound.peers.works import DTYPES, MOST_ARRAYS, MOVES, MOVES_DTYPE, STEPS, WORDS, Work, work
from membound.record import Measurement, Process

SIDE = "membound"
DEVICE = "cpu:0"
SAMPLES = 5  # at least
SHORTEST_SAMPLE_SECONDS = 0.01
PROBE = "overhead/launch/none"  # allocates nothing; only its journal's header is wanted
TIMEOUT_SECONDS = 120.0
_STREAM = re.compile(
    rf"bandwidth/({'|'.join(WORDS)})/({'|'.join(DTYPES)})/mode:cold/bytes:(\d+)(/store:nt)?"
)
READ = work("read", MOVES_DTYPE)
_FMA = re.compile(rf"compute/fma/({'|'.join(DTYPES)})")


class OurLaunch(Launch):
    """One bench; `extra` are flags without which the program does not have it.

    With `read` the same process measures that bench too: what the bus allows at that time.
    """

    def __init__(
        self,
        kernel: Kernel,
        folder: Path,
        extra: tuple[str, ...] = (),
        samples: int | None = None,
        read: str = "",
    ) -> None:
        super().__init__(kernel.side, [kernel])
        if kernel.work.model:
            self.key += f" of {kernel.work.model}"  # two files may hold models of one name
        self._bench, self._folder, self._extra = kernel.name, folder, extra
        self._samples, self._read, self._count = samples, read, 0

    def job(self, seconds: float) -> Job:
        self._count += 1
        label = re.sub(r"[^A-Za-z0-9]+", "-", self._bench)
        path = self._folder / f"{label}-{self._count}.jsonl"
        samples = self._samples or max(SAMPLES, round(seconds / SHORTEST_SAMPLE_SECONDS))
        sample_seconds = max(SHORTEST_SAMPLE_SECONDS, seconds / samples)
        command = [
            *_command(self._extra),
            f"--benchmark_filter={'|'.join(map(_only, filter(None, (self._bench, self._read))))}",
            f"--sample-seconds={sample_seconds:g}",
            f"--min-samples={samples}",
            f"--max-samples={samples}",
            f"--time-cap={max(30.0, 10 * seconds):g}",
            f"--out={path}",
        ]
        return Job(command, journal=path)

    def read(self, job: Job, output: str) -> Reading:
        assert job.journal is not None
        process = _read_journal(job.journal)
        found = next((m for m in process.measurements if m.bench == self._bench), None)
        if found is None or not found.samples:
            said = [f.reason for f in process.failures] or [process.reason or "no samples"]
            raise Unreadable(said[0])
        if found.check and not found.check.get("ok"):
            raise Unreadable("its result is wrong")
        value = _value(found, self.kernels[0].work)
        reads = [m for m in process.measurements if m.bench == self._read and m.samples]
        if reads and value.mean:
            bytes_per_second = _value(reads[0], READ).mean or 0.0
            bytes_per_unit = found.work.bytes_read / tokens_of(found.bench)
            value = replace(value, bus_rate=bytes_per_second / bytes_per_unit)
        return Reading(
            {self._bench: value},
            version=process.header.get("version"),
        )


def _value(found: Measurement, compared: Work) -> Value:
    counts = found.work
    if compared.name in STEPS:
        amount = tokens_of(found.bench)
    elif compared.name in WORDS:
        amount = counts.bytes_read + counts.bytes_written
    else:
        amount = sum(counts.flops.values())
    seconds = [sample.seconds for sample in found.samples]
    memory = compared.name in (*WORDS, "decode")
    footprint = getattr(found, "footprint_bytes", None) if memory else None
    mean, best = amount / statistics.fmean(seconds), amount / min(seconds)
    return Value(mean, best, footprint, found.footprint_ok)


def tokens_of(bench: str) -> int:
    """That one launch of a step takes in: a prompt's, or one of a decode."""
    found = re.search(r"inference/prefill/.*/tokens:(\d+)", bench)
    return int(found.group(1)) if found else 1


def _command(extra: Iterable[str]) -> list[str]:
    program = str(paths.bench_program())
    return [program, "--suite=ceilings", "--profile=full", f"--device={DEVICE}", *extra]


def _only(bench: str) -> str:
    """A filter that matches this bench alone; models' names may hold anything."""
    plain = re.sub(r"[.+*?(){}|$]", r"[\g<0>]", bench)
    return f"^{plain}/{DEVICE}(/|$)"


def list_benches(extra: tuple[str, ...] = ()) -> list[str]:
    """Names of all benches that the program would measure on the CPU. Raises CannotMeasure, and
    UsageError where the program says that what it was given is no good."""
    command = [*_command(extra), "--benchmark_list_tests"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotMeasure(f"{command[0]} lists no benches: {error}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        if done.returncode == UsageError.exit_code:
            raise UsageError(said[0].removeprefix("membound-bench: error: "))
        raise CannotMeasure(f"{command[0]} lists no benches: {said[0]}")
    return [
        line.split(f"/{DEVICE}", 1)[0] for line in done.stdout.splitlines() if f"/{DEVICE}" in line
    ]


def kernels(benches: Iterable[str]) -> list[Kernel]:
    """For each work the largest cold bench, with ordinary and with non-temporal stores."""
    largest: dict[tuple[Work, bool], tuple[int, str, str]] = {}
    found = []
    for bench in benches:
        if matched := _STREAM.fullmatch(bench):
            name, dtype, size, streaming = matched.groups()
            if name in MOVES and dtype != MOVES_DTYPE:
                continue
            key = work(name, dtype), bool(streaming)
            largest[key] = max(largest.get(key, (0, "", "")), (int(size), bench, dtype))
        elif matched := _FMA.fullmatch(bench):
            dtype = matched.group(1)
            found.append(Kernel(SIDE, bench, work("fma", dtype), dtype))
    streams = [
        Kernel(SIDE, bench, compared, dtype) for (compared, _), (_, bench, dtype) in largest.items()
    ]
    return streams + found


def setting(folder: Path) -> tuple[Setting, dict[str, Any]]:
    """The machine from the header of a journal, and the header's device."""
    path = folder / "probe.jsonl"
    command = [*_command(()), f"--benchmark_filter={_only(PROBE)}", f"--out={path}"]
    outcome = execute(Job(command), TIMEOUT_SECONDS)
    try:
        devices = _read_journal(path).header.get("devices") or []
        device = next(d for d in devices if d.get("id") == DEVICE)
        cores = int(device["compute_units"])
        llc_bytes = int(device["llc_bytes"])
    except (Unreadable, StopIteration, KeyError, TypeError, ValueError):
        said = outcome.reason or outcome.output.strip()[-200:] or "no header in its journal"
        raise CannotMeasure(f"{command[0]} does not tell of {DEVICE}: {said}") from None
    cpus = tuple(sorted(os.sched_getaffinity(0)))
    footprint = MOST_ARRAYS * SAFETY * llc_bytes  # caches keep a part of less
    pages = str((device.get("details") or {}).get("transparent_huge_pages") or "")
    chosen = re.search(r"\[(\w+)\]", pages)
    return (
        Setting(
            threads=cores,
            cpus=cpus,
            threads_per_core=max(1, len(cpus) // max(1, cores)),
            llc_bytes=llc_bytes,
            footprint_bytes=_cap(footprint),
            transparent_huge_pages=chosen.group(1) if chosen else "unknown",
        ),
        dict(device),
    )


def _cap(footprint: int) -> int:
    """At most a quarter of what is free: BabelStream's three arrays need 1.5 times as much."""
    free = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return min(footprint, int(free.group(1)) * 1024 // 4) if free else footprint


def _read_journal(path: Path) -> Process:
    process = Process(suite="ceilings", journal=path.name, reason="")
    try:
        return journal.read(path, process)
    except OSError:
        raise Unreadable("it wrote no journal") from None
    except UsageError as error:
        raise Unreadable(str(error)) from None
