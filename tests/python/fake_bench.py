#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for membound-bench: a scripted machine that writes the same journals.

The machine reads at 40 GB/s with all cores and 30 GB/s with one, computes at 200 GFLOP/s and
needs 1 us for a barrier. $FAKE_BENCH changes its behaviour, as `what` or `what:suite`:
slow (0.1 s a sample), crash (SIGKILL to itself midway), hang (says nothing more midway),
refuse (exit 3), garbage (a line that is no JSON), drift (the anchor reads 10 % slower),
saturated (one core reads as fast as two), flight (and more bytes in flight read faster), unvaried
(nothing but cores was varied), disturbed (neighbours take half of the samples), suspended (one
sample a bench of 1000 times its length), cached (footprints too small), plain (no bench that
current machines need not have), counted (hardware counts 2 % more traffic than defined, with
write-allocate), elsewhere (another host), other (another device).
"""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from membound.model import overlap, work
from membound.model import shape as shapes
from membound.model.types import Types

READ_RATE, ONE_CORE_RATE, FLOPS_RATE = 40e9, 30e9, 200e9
BARRIER, RAMP = 1e-6, 2e-6
SAMPLES = 6
LARGEST = 1 << 28
LIST = {
    "backends": [
        {
            "name": "fake",
            "loaded": True,
            "devices": 1,
            "reason": "",
            "architectures": {"avx512": "run"},
        },
        {"name": "cuda", "loaded": False, "devices": 0, "reason": "no driver"},
    ],
    "benches": [
        {"name": "bandwidth/read", "devices": ["cpu:0"], "question": "how fast is memory read?"}
    ],
    "glibc_floor": "2.34",
}


Bench = tuple[str, str, dict, float]  # name, stage, work, seconds


def counts(read: int = 0, written: int = 0, allocated: int = 0, **flops: int) -> dict:
    return {
        "bytes_read": read,
        "bytes_written": written,
        "write_allocate_bytes": allocated,
        "flops": flops,
    }


def read_benches(behaviour: str) -> list[Bench]:
    """Reads of three sizes, with one core, and over bytes in flight."""
    found = []
    for size in (1 << 19, 1 << 24, LARGEST):
        name = f"bandwidth/read/f32/mode:cold/bytes:{size}"
        found.append((name, "ceiling", counts(size), RAMP + size / READ_RATE))
    flat = behaviour in ("saturated", "flight", "unvaried")
    one_core = READ_RATE if flat else ONE_CORE_RATE
    name = f"bandwidth/read/f32/mode:cold/bytes:{LARGEST}/threads:1"
    found.append((name, "ceiling", counts(LARGEST), RAMP + LARGEST / one_core))
    if behaviour in ("plain", "unvaried"):
        return found
    for threads, rate in ((1, one_core), (2, READ_RATE)):
        for ahead in (0, 512, 4096):
            name = f"bandwidth/saturation/f32/threads:{threads}/streams:4/ahead:{ahead}"
            gain = 1.1 if behaviour == "flight" and ahead == 4096 else 1
            seconds = RAMP + LARGEST / rate / gain
            found.append((name, "ceiling", counts(LARGEST), seconds))
        for lines in (1, 16):
            name = f"bandwidth/chains/none/threads:{threads}/lines:{lines}"
            seconds = LARGEST / min(rate, 64 * threads * lines / 90e-9)
            found.append((name, "ceiling", counts(LARGEST), seconds))
    return found


def other_ceilings() -> list[Bench]:
    """Stores, peaks of two types, the knee with p = 2, latencies."""
    size = LARGEST // 2
    found = [
        (f"bandwidth/copy/f32/mode:cold/bytes:{LARGEST}", counts(size, size, size), 1.5),
        (f"bandwidth/copy/f32/mode:cold/bytes:{LARGEST}/store:nt", counts(size, size), 1.0),
        (f"bandwidth/triad/f64/mode:cold/bytes:{LARGEST}", counts(size, size), 1.4),
    ]
    found = [(name, work_, LARGEST / READ_RATE * slower) for name, work_, slower in found]
    found.append(("compute/matrix/bf16", counts(bf16=10**10), 10**10 / FLOPS_RATE))
    found.append(("compute/fma/bf16", counts(bf16=10**10), 10**10 / (FLOPS_RATE / 2)))
    for shift in range(13):
        per_kib = 64 << shift
        flops = LARGEST // 1024 * per_kib
        seconds = overlap.combine(LARGEST / READ_RATE, flops / FLOPS_RATE, 2.0)
        found.append(
            (f"intensity/sweep/f32/flops_per_kib:{per_kib}", counts(LARGEST, f32=flops), seconds)
        )
    for pages, step in (("huge", 90e-9), ("small", 120e-9)):
        name = f"latency/chase/none/bytes:{LARGEST}/pages:{pages}"
        found.append((name, counts(LARGEST), step * LARGEST / 64))
    found.append(("latency/loaded/none/delay:0", counts(1 << 20), 2e-3))
    return [(name, "ceiling", work_, seconds) for name, work_, seconds in found]


def kernel_seconds(launch: work.Launch) -> float:
    compute = launch.work.flops / FLOPS_RATE
    return BARRIER + RAMP + max(launch.work.memory_bytes / READ_RATE * 1.02, compute * 1.1)


def step_benches(steps: list[work.Step], behaviour: str) -> list[Bench]:
    rate = READ_RATE * (0.9 if behaviour == "drift" else 1)
    anchor = f"bandwidth/read/f32/mode:cold/bytes:{LARGEST}"
    found = [(anchor, "anchor", counts(LARGEST), RAMP + LARGEST / rate)]
    for step in steps:
        seconds = 1.05 * sum(kernel_seconds(launch) for launch in step.launches)
        size = "context" if step.phase == "decode" else "tokens"
        name = f"inference/{step.phase}/{step.dtype}/model:{step.shape.id}"
        name += f"/batch:{step.batch}/{size}:{step.context}"
        found.append((name, "step", step.total.as_dict(), seconds))
    return found


def benches_of(suite: str, steps: list[work.Step], behaviour: str) -> list[Bench]:
    if suite == "steps":
        return step_benches(steps, behaviour)
    found = read_benches(behaviour)
    if behaviour != "plain":
        found += other_ceilings()
    found.append(("compute/fma/f32", "ceiling", counts(f32=10**9), 10**9 / FLOPS_RATE))
    found.append(("overhead/barrier/none", "ceiling", counts(), BARRIER))
    found.append(("overhead/launch/none", "ceiling", counts(), BARRIER / 2))
    launches = {launch.bench: launch for step in steps for launch in step.launches}
    # The argmax kernel is left out, so that tier K has something to interpolate.
    found += [
        (name, "kernel", launch.work.as_dict(), kernel_seconds(launch))
        for name, launch in launches.items()
        if launch.op != "argmax"
    ]
    return found


def main() -> int:
    flags = dict(a[2:].split("=", 1) if "=" in a else (a[2:], "") for a in sys.argv[1:])
    behaviour, _, only = os.environ.get("FAKE_BENCH", "").partition(":")
    if "list" in flags:
        print(json.dumps(LIST))
        return 0
    suite = flags["suite"]
    behaviour = behaviour if only in ("", suite) else ""
    if behaviour == "refuse" or flags.get("device", "cpu:0") != "cpu:0":
        device = flags.get("device")
        print(f"membound-bench: error: no device '{device}', see --list", file=sys.stderr)
        return 3
    print("a table that nobody should see")
    shape, _ = shapes.load(flags["model"])
    lists = {
        key: [int(n) for n in flags[key].split(",")] for key in ("batch", "context", "prefill")
    }
    types = Types.of(flags["dtype"], flags["cache"])
    steps = [work.decode(shape, types, b, c) for b in lists["batch"] for c in lists["context"]]
    steps += [work.prefill(shape, types, b, t) for b in lists["batch"] for t in lists["prefill"]]
    chosen = re.compile(flags.get("benchmark_filter", ""))
    benches = [b for b in benches_of(suite, steps, behaviour) if chosen.search(b[0])]
    return FakeRun(flags["out"], suite, behaviour).measure(benches, shape.as_dict())


class FakeRun:
    def __init__(self, out: str, suite: str, behaviour: str) -> None:
        self.out = Path(out).open("a")  # noqa: SIM115  # until the process ends
        self.suite, self.behaviour = suite, behaviour
        self.stopped = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self.stopped = True

    def write(self, kind: str, **line: object) -> None:
        self.out.write(json.dumps({"type": kind, **line}) + "\n")
        self.out.flush()

    def measure(self, benches: list[Bench], shape: dict) -> int:
        name = "other" if self.behaviour == "other" else "fake"
        self.write(
            "header",
            process=self.suite,
            started_at="2026-01-01T00:00:00Z",
            hostname="elsewhere" if self.behaviour == "elsewhere" else "fake",
            model=shape,
            backends=LIST["backends"],
            devices=[self.device(name, allocated=0)],
            planned=[{"bench": b[0], "device": "cpu:0", "samples": SAMPLES} for b in benches],
        )
        for index, bench in enumerate(benches):
            if index == len(benches) // 2:
                self.misbehave()
            if self.stopped or not self.one(*bench):
                self.write("end", status="partial", reason="interrupted", exit_code=2)
                return 2
        devices = [self.device(name, allocated=1 << 30)]
        self.write("end", status="complete", reason="", exit_code=0, devices=devices)
        return 0

    def device(self, name: str, allocated: int) -> dict:
        """A quarter of what is allocated lies in huge pages."""
        counter = "a fake counter" if self.behaviour == "counted" else "absent: a fake machine"
        details = {
            "allocated_bytes": allocated,
            "huge_page_bytes": allocated // 4,
            "traffic_counter": counter,
        }
        return {"id": "cpu:0", "name": name, "compute_units": 2, "details": details}

    def misbehave(self) -> None:
        if self.behaviour == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.behaviour == "hang":
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            time.sleep(60)
        elif self.behaviour == "garbage":
            self.out.write("not json\n")

    def one(self, name: str, stage: str, work_: dict, seconds: float) -> bool:
        where = {"bench": name, "device": "cpu:0"}
        dtype, fits = name.split("/")[2], self.behaviour != "cached"
        self.write("bench", **where, stage=stage, dtype=dtype, work=work_, footprint_ok=fits)
        for index in range(SAMPLES):
            if self.behaviour == "slow":
                time.sleep(0.1)
            if self.stopped:
                return False
            jitter = 1 + 0.004 * ((index * 7 + len(name)) % 5 - 2)
            extra: dict[str, object] = {}
            if self.behaviour == "disturbed" and index % 2:
                jitter *= 1.1
                extra = {"tags": ["disturbed"], "telemetry": {"steal_fraction": 0.2}}
            if self.behaviour == "suspended" and index == 3:
                jitter = 1000.0
            if self.behaviour == "counted":
                moved = work_["bytes_read"] + work_["bytes_written"]
                moved += work_.get("write_allocate_bytes", 0)
                extra = {"launches": 8, "telemetry": {"counted_bytes": 8 * 1.02 * moved}}
            if name.startswith("latency/loaded"):
                counters = {"latency_seconds": 150e-9, "injected_bytes_per_second": 30e9}
                extra["counters"] = counters
            self.write(
                "sample", **where, index=index, seconds=seconds * jitter, at=index * 0.1, **extra
            )
        self.write("done", **where, samples=SAMPLES, stop_reason="sample cap")
        return True


if __name__ == "__main__":
    sys.exit(main())
