#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for membound-bench: a scripted machine that writes the same journals.

The machine reads at 40 GB/s with all cores and 30 GB/s with one, computes at 200 GFLOP/s and
needs 1 us for a barrier. $FAKE_BENCH changes its behaviour, as `what` or `what:suite`:
slow (0.1 s a sample), crash (SIGKILL to itself midway), hang (says nothing more midway),
refuse (exit 3), garbage (a line that is no JSON), drift (the anchor reads 10 % slower),
saturated (one core reads as fast as two).
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from membound.model import shape as shapes
from membound.model import work

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


def read_benches(one_core_rate: float) -> list[tuple]:
    benches = []
    for size in (1 << 19, 1 << 24, LARGEST):
        name = f"bandwidth/read/f32/mode:cold/bytes:{size}"
        benches.append((name, "ceiling", work.Work(bytes_read=size), RAMP + size / READ_RATE))
    name = f"bandwidth/read/f32/mode:cold/bytes:{LARGEST}/threads:1"
    seconds = RAMP + LARGEST / one_core_rate
    return [*benches, (name, "ceiling", work.Work(bytes_read=LARGEST), seconds)]


def kernel_seconds(launch: work.Launch) -> float:
    compute = launch.work.flops / FLOPS_RATE
    return BARRIER + RAMP + max(launch.work.memory_bytes / READ_RATE * 1.02, compute * 1.1)


def benches_of(suite: str, steps: list[work.Step], behaviour: str) -> list[tuple]:
    if suite == "steps":
        rate = READ_RATE * (0.9 if behaviour == "drift" else 1)
        anchor = f"bandwidth/read/f32/mode:cold/bytes:{LARGEST}"
        found = [(anchor, "anchor", work.Work(bytes_read=LARGEST), RAMP + LARGEST / rate)]
        for step in steps:
            seconds = 1.05 * sum(kernel_seconds(launch) for launch in step.launches)
            size = "context" if step.phase == "decode" else "tokens"
            name = f"inference/{step.phase}/{step.dtype}/model:{step.shape.id}"
            name += f"/batch:{step.batch}/{size}:{step.context}"
            found.append((name, "step", step.total, seconds))
        return found
    found = read_benches(READ_RATE if behaviour == "saturated" else ONE_CORE_RATE)
    fma = work.Work(f32_flops=10**9)
    found.append(("compute/fma/f32", "ceiling", fma, fma.flops / FLOPS_RATE))
    found.append(("overhead/barrier/none", "ceiling", work.Work(), BARRIER))
    found.append(("overhead/launch/none", "ceiling", work.Work(), BARRIER / 2))
    launches = {launch.bench: launch for step in steps for launch in step.launches}
    # The argmax kernel is left out, so that tier K has something to interpolate.
    found += [
        (name, "kernel", launch.work, kernel_seconds(launch))
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
    dtype = flags["dtype"]
    steps = [work.decode(shape, dtype, b, c) for b in lists["batch"] for c in lists["context"]]
    steps += [work.prefill(shape, dtype, b, t) for b in lists["batch"] for t in lists["prefill"]]
    return FakeRun(flags["out"], suite, behaviour).measure(
        benches_of(suite, steps, behaviour), shape.as_dict()
    )


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

    def measure(self, benches: list[tuple], shape: dict) -> int:
        self.write(
            "header",
            process=self.suite,
            started_at="2026-01-01T00:00:00Z",
            hostname="fake",
            model=shape,
            backends=LIST["backends"],
            devices=[{"id": "cpu:0", "name": "fake", "compute_units": 2, "details": {}}],
            planned=[{"bench": b[0], "device": "cpu:0", "samples": SAMPLES} for b in benches],
        )
        for index, bench in enumerate(benches):
            if index == len(benches) // 2:
                self.misbehave()
            if self.stopped or not self.one(*bench):
                self.write("end", status="partial", reason="interrupted", exit_code=2)
                return 2
        self.write("end", status="complete", reason="", exit_code=0)
        return 0

    def misbehave(self) -> None:
        if self.behaviour == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.behaviour == "hang":
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            time.sleep(60)
        elif self.behaviour == "garbage":
            self.out.write("not json\n")

    def one(self, name: str, stage: str, counts: work.Work, seconds: float) -> bool:
        where = {"bench": name, "device": "cpu:0"}
        dtype = name.split("/")[2]
        self.write("bench", **where, stage=stage, dtype=dtype, work=counts.as_dict())
        for index in range(SAMPLES):
            if self.behaviour == "slow":
                time.sleep(0.1)
            if self.stopped:
                return False
            jitter = 1 + 0.004 * ((index * 7 + len(name)) % 5 - 2)
            self.write("sample", **where, index=index, seconds=seconds * jitter, at=index * 0.1)
        self.write("done", **where, samples=SAMPLES, stop_reason="sample cap")
        return True


if __name__ == "__main__":
    sys.exit(main())
