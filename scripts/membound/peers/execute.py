# SPDX-License-Identifier: Apache-2.0
"""Start one process in a group of its own and take its output, with a limit on its time."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from membound.peers.launch import Job
from membound.runner import die_with_parent

POLL_SECONDS = 0.2
_STEAL = 7  # column of /proc/stat


@dataclass(frozen=True)
class Outcome:
    """`reason` says why a process counts as failed; empty: it did what it should."""

    output: str
    seconds: float
    reason: str
    steal_fraction: float = 0.0  # of all CPUs' time, taken by the hypervisor for others


def execute(job: Job, timeout_seconds: float) -> Outcome:
    """Run `job`; however this ends, nothing that it started is left running."""
    began, before = time.monotonic(), _cpu_ticks()
    with tempfile.TemporaryFile() as output:
        try:
            child = subprocess.Popen(
                job.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | job.environment,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            return Outcome("", 0.0, f"cannot start: {error.strerror}")
        try:
            reason = _wait(child, job, output, timeout_seconds)
        finally:
            _kill_group(child)
        text = _text(output)
    ticks = [after - b for after, b in zip(_cpu_ticks(), before, strict=True)]
    return Outcome(
        text,
        time.monotonic() - began,
        reason and f"{reason}{_last_line(text)}",
        ticks[_STEAL] / max(1, sum(ticks)),
    )


def _cpu_ticks() -> list[int]:
    """User, nice, system, idle, iowait, irq, softirq and steal of all CPUs together."""
    first = Path("/proc/stat").read_text().split("\n", 1)[0]
    return [int(field) for field in first.split()[1:9]]


def _wait(
    child: "subprocess.Popen[bytes]", job: Job, output: IO[bytes], timeout_seconds: float
) -> str:
    """Until the end, or until the output is enough; no polling where that cannot happen."""
    deadline = time.monotonic() + timeout_seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            code = child.wait(left if job.enough is None else min(left, POLL_SECONDS))
        except subprocess.TimeoutExpired:
            if job.enough is not None and job.enough(_text(output)):
                return ""
            continue
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}" if code else ""
    return f"hung: no end after {timeout_seconds:g} s"


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _text(output: IO[bytes]) -> str:
    # Not read(): the child writes at the offset that this descriptor shares with it.
    return os.pread(output.fileno(), os.fstat(output.fileno()).st_size, 0).decode(errors="replace")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return f" ({lines[-1].strip()[:200]})" if lines else ""
