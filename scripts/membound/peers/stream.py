# SPDX-License-Identifier: Apache-2.0
"""STREAM 5.10: sizes, passes and type are compiled in, and read from its output.

One process measures copy, scale, add and triad. Means leave its first pass out, as it does.
Its arrays are static: they get huge pages only where the system gives them unasked.
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
from membound.peers.works import ARRAYS, bytes_of, work

NAME = "stream"
PROGRAMS = ("stream_c.exe", "stream_c", "stream")
KERNELS = {"Copy": "copy", "Scale": "scale", "Add": "add", "Triad": "triad"}
_ROW = re.compile(
    r"^(Copy|Scale|Add|Triad):\s+([0-9.]+)\s+([0-9.]+)\s+([0-9.]+)\s+([0-9.]+)\s*$", re.MULTILINE
)


class StreamLaunch(Launch):
    """The whole program: it takes no arguments."""

    def __init__(self, program: Path, side: str, setting: Setting, dtype: str) -> None:
        listed = [Kernel(side, name, work(what, dtype), dtype) for name, what in KERNELS.items()]
        super().__init__(side, listed)
        self._program, self._setting, self._dtype = program, setting, dtype

    def job(self, seconds: float) -> Job:
        return Job([str(self._program)], self._setting.omp())

    def read(self, job: Job, output: str) -> Reading:
        element_bytes = _integer(r"uses (\d+) bytes per array element", output)
        elements = _integer(r"Array size = (\d+)", output)
        if (element_bytes == 4) != (self._dtype == "f32"):
            raise Unreadable(f"its elements have {element_bytes} bytes: not {self._dtype}")
        if "Solution Validates" not in output:
            raise Unreadable("its solution did not validate")
        values = {}
        for name, _rate, mean, best, _worst in _ROW.findall(output):
            amount = bytes_of(KERNELS[name], elements, element_bytes)
            footprint = ARRAYS[KERNELS[name]] * elements * element_bytes
            if not float(mean) > 0 or not float(best) > 0:
                raise Unreadable(f"{name} took no time: its arrays are too small")
            values[name] = Value(
                amount / float(mean),
                amount / float(best),
                footprint,
                footprint_ok(footprint, self._setting),
            )
        if len(values) != len(KERNELS):
            raise Unreadable(f"{len(values)} of {len(KERNELS)} rows in its output")
        version = re.search(r"\$Revision: (\S+)", output)
        unasked = self._setting.transparent_huge_pages == "always"
        marks = () if unasked else ("small pages: static arrays",)
        return Reading(values, None, version.group(1) if version else None, marks)


def _integer(pattern: str, output: str) -> int:
    found = re.search(pattern, output)
    if not found or int(found.group(1)) < 1:
        raise Unreadable(f"nothing like '{pattern}' in its output")
    return int(found.group(1))


def find(side: str, program: Path, setting: Setting) -> tuple[list[Launch], str | None]:
    """Doubles, as nearly every STREAM has; a build for floats says so when it is read."""
    return [StreamLaunch(program, side, setting, "f64")], None
