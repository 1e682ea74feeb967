# SPDX-License-Identifier: Apache-2.0
"""BabelStream (omp-stream): copy, mul, add, triad and dot by its CSV output, in f32 and f64.

Two arrays together have the footprint, so that copy, mul and dot meet it too. Means leave the
first pass out, as it does. Its own names are kept: mul is STREAM's scale.
"""

import csv
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
from membound.peers.works import ARRAYS, ELEMENT_BYTES, bytes_of, work

NAME = "babelstream"
PROGRAMS = ("omp-stream",)
KERNELS = {"Copy": "copy", "Mul": "scale", "Add": "add", "Triad": "triad", "Dot": "dot"}
_COLUMNS = ("n_elements", "sizeof", "min_runtime", "avg_runtime")
FEWEST_PASSES = UNKNOWN_PASSES = 3  # it wants 2, and drops one
ALIGNMENT_BYTES = 2 << 20  # aligned_alloc wants whole multiples, which it does not see to


class BabelStreamLaunch(Launch):
    """All five kernels of one type in one process."""

    def __init__(self, program: Path, side: str, setting: Setting, dtype: str) -> None:
        listed = [Kernel(side, name, work(what, dtype), dtype) for name, what in KERNELS.items()]
        super().__init__(side, listed)
        self.key += f" {dtype}"
        self._program, self._setting, self._dtype = program, setting, dtype

    def job(self, seconds: float) -> Job:
        array_bytes = self._setting.footprint_bytes // 2 + 1
        whole = -(-array_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        passes = 1 + self.passes(seconds, FEWEST_PASSES, UNKNOWN_PASSES)
        command = [
            str(self._program),
            "--csv",
            "--arraysize",
            str(whole // ELEMENT_BYTES[self._dtype]),
            "--numtimes",
            str(passes),
        ]
        return Job(command + ["--float"] * (self._dtype == "f32"), self._setting.omp())

    def read(self, job: Job, output: str) -> Reading:
        lines = output.splitlines()
        start = next((i for i, line in enumerate(lines) if line.startswith("function,")), None)
        if start is None:
            raise Unreadable("no CSV header in its output")
        values, slowest = {}, 0.0
        for row in csv.DictReader(lines[start:]):
            if row.get("function") in KERNELS:
                name = str(row["function"])
                values[name], mean = self._value(KERNELS[name], row)
                slowest = max(slowest, mean)
        if len(values) != len(KERNELS):
            raise Unreadable(f"{len(values)} of {len(KERNELS)} rows in its output")
        return Reading(values, 1 / slowest)

    def _value(self, what: str, row: dict[str, str]) -> tuple[Value, float]:
        """Of one row, and its mean seconds."""
        try:
            elements, size, best, mean = (float(row[key]) for key in _COLUMNS)
        except (KeyError, TypeError, ValueError):
            raise Unreadable(f"a row that is not as expected: {row}") from None
        if not (best > 0 and mean > 0 and elements >= 1 and size >= 1):
            raise Unreadable(f"a row that cannot be: {row}")
        amount = bytes_of(what, int(elements), int(size))
        footprint = ARRAYS[what] * int(elements) * int(size)
        okay = footprint_ok(footprint, self._setting)
        return Value(amount / mean, amount / best, footprint, okay), mean


def find(side: str, program: Path, setting: Setting) -> tuple[list[Launch], str | None]:
    """One launch for each type; its CSV output has no version."""
    return [BabelStreamLaunch(program, side, setting, dtype) for dtype in ("f32", "f64")], None
