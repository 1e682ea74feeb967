# SPDX-License-Identifier: Apache-2.0
"""mixbench-cpu: FMA chains on each element read, from none (a read) to 512.

Its table has one row for each length of chain and always comes whole; so there are two launches:
one of the footprint, ended after the first row (0 iterations: a read), and one in caches for the
highest arithmetic rate of any row. It reports the fastest of its passes and no mean.
"""

import re
from pathlib import Path

from membound.peers.launch import (
    Job,
    Kernel,
    Launch,
    Reading,
    Setting,
    Unreadable,
    Value,
    footprint_ok,
)
from membound.peers.works import work

NAME = "mixbench"
PROGRAMS = ("mixbench-cpu",)
UNIT_BYTES = 8 << 20  # of its size argument
_NUMBER = r"\s*([0-9.]+|inf|-?nan)\s*"
_ROW = re.compile(rf"^\s*(\d+),{','.join([_NUMBER] * 12)}$", re.MULTILINE)
_SIZE = re.compile(r"Working memory size: (\d+)MB")
_GFLOPS = {"f32": 3, "f64": 7}  # columns after the count of iterations, from 1
_GBPS_F32 = 4


def rows(output: str) -> list[tuple[str, ...]]:
    return [tuple(found) for found in _ROW.findall(output)]


class ReadLaunch(Launch):
    """Row 0 over the footprint: sums what it reads, once an element."""

    def __init__(self, program: Path, side: str, setting: Setting) -> None:
        super().__init__(side, [Kernel(side, "0 iterations", work("read", "f32"), "f32")])
        self._program, self._setting = program, setting

    def job(self, seconds: float) -> Job:
        size = -(-self._setting.footprint_bytes // UNIT_BYTES)
        command = [str(self._program), str(size)]
        return Job(command, self._setting.omp(), enough=lambda output: bool(rows(output)))

    def read(self, job: Job, output: str) -> Reading:
        first = next((row for row in rows(output) if row[0] == "0"), None)
        size = _SIZE.search(output)
        if first is None or size is None:
            raise Unreadable("no row of 0 iterations in its output")
        footprint = int(size.group(1)) << 20
        value = Value(
            None, _rate(first[_GBPS_F32]), footprint, footprint_ok(footprint, self._setting)
        )
        return Reading({"0 iterations": value}, None, _version(output))


class FmaLaunch(Launch):
    """The highest rate of any row, over 1 MiB a thread (8 MiB at least, its smallest size)."""

    def __init__(self, program: Path, side: str, setting: Setting) -> None:
        listed = [Kernel(side, f"mad {dtype}", work("fma", dtype), dtype) for dtype in _GFLOPS]
        super().__init__(side, listed)
        self._program, self._setting = program, setting

    def job(self, seconds: float) -> Job:
        size = max(1, self._setting.threads * (1 << 20) // UNIT_BYTES)
        return Job([str(self._program), str(size)], self._setting.omp())

    def read(self, job: Job, output: str) -> Reading:
        found = rows(output)
        if len(found) < 2:
            raise Unreadable("no table in its output")
        values = {
            f"mad {dtype}": Value(None, max(_rate(row[column]) for row in found))
            for dtype, column in _GFLOPS.items()
        }
        return Reading(values, None, _version(output))


def _rate(text: str) -> float:
    """Of a table in 1e9 a second; a pass too short for its clock shows as inf."""
    value = float(text) * 1e9
    if not 0 < value < float("inf"):
        raise Unreadable(f"a rate of {text} in its table")
    return value


def _version(output: str) -> str | None:
    found = re.search(r"mixbench-cpu \((\S+)\)", output)
    return found.group(1) if found else None


def find(side: str, program: Path, setting: Setting) -> tuple[list[Launch], str | None]:
    return [ReadLaunch(program, side, setting), FmaLaunch(program, side, setting)], None
