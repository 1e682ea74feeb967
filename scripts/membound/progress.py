# SPDX-License-Identifier: Apache-2.0
"""Progress on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

import math
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

LINE_EVERY_SECONDS = 5.0


class Count:
    """How far one process of the measuring program is, told from its journal.

    Every bench gets its planned samples; those that have not settled get further ones until the
    time cap. So a bench counts twice: its planned samples, and as much again once it has settled.
    """

    def __init__(self) -> None:
        self.samples = self.planned = self.settled = self.benches = 0
        self.cap_seconds = math.inf
        self.began = time.monotonic()
        self.first_sample: float | None = None

    def line(self, line: dict[str, Any]) -> None:
        kind = line["type"]
        if kind == "header":
            plan = line.get("planned") or []
            self.benches = len(plan)
            self.planned = sum(int(entry.get("samples") or 0) for entry in plan)
            self.cap_seconds = float(line.get("time_cap_seconds") or math.inf)
        elif kind == "sample":
            self.samples += 1
            self.first_sample = self.first_sample or time.monotonic()
        elif kind in ("done", "skip", "error"):
            self.settled += 1

    def fraction(self) -> float:
        if not self.planned or not self.benches:
            return 0.0
        first = min(1.0, self.samples / self.planned)
        return (first + min(1.0, self.settled / self.benches)) / 2

    def seconds_left(self) -> float | None:
        """None while too little is done to tell."""
        fraction = self.fraction()
        if fraction < 0.05 or self.first_sample is None:
            return None
        measured = time.monotonic() - self.first_sample
        return max(0.0, min(measured * (1 - fraction) / fraction, self.cap_seconds - measured))

    def text(self) -> str:
        if self.samples < self.planned:
            text = f"{self.samples} of {self.planned} samples"
        else:
            text = f"{self.samples} samples, {self.settled} of {self.benches} benches settled"
        left = self.seconds_left()
        return text if left is None else f"{text}, about {left:.0f} s left"


class Lines:
    """Plain lines, one every few seconds, for logs."""

    def __init__(self) -> None:
        self._stage, self._count = "", Count()
        self._last = time.monotonic()

    def begin(self, stage: str) -> None:
        self._stage, self._count = stage, Count()
        self._last = time.monotonic()
        self.say(f"{stage}: started")

    def line(self, line: dict[str, Any]) -> None:
        """Take one journal line into account."""
        self._count.line(line)
        if line["type"] == "sample" and time.monotonic() - self._last >= LINE_EVERY_SECONDS:
            self._last = time.monotonic()
            self.say(f"{self._stage}: {self._count.text()}")

    def end(self) -> None:
        elapsed = time.monotonic() - self._count.began
        self.say(f"{self._stage}: {self._count.samples} samples in {elapsed:.0f} s")

    def close(self) -> None:
        """Nothing is held."""

    def say(self, text: str) -> None:
        print(f"membound: {text}", file=sys.stderr, flush=True)


class Bar:
    """A bar for each process of the measuring program; redrawn only when a line arrives."""

    def __init__(self) -> None:
        # No refresh thread: it would take time from the cores that are being measured.
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._progress.start()
        self._task = TaskID(0)
        self._count = Count()
        self._drawn = 0.0

    def begin(self, stage: str) -> None:
        self._count = Count()
        self._task = self._progress.add_task(stage, total=None, state="preparing")
        self._progress.refresh()

    def line(self, line: dict[str, Any]) -> None:
        """Take one journal line into account."""
        self._count.line(line)
        if self._count.samples and time.monotonic() - self._drawn >= 0.5:
            self._drawn = time.monotonic()
            fraction = self._count.fraction()
            self._progress.update(
                self._task, total=1.0, completed=fraction, state=self._count.text()
            )
            self._progress.refresh()

    def end(self) -> None:
        elapsed = time.monotonic() - self._count.began
        state = f"{self._count.samples} samples in {elapsed:.0f} s"
        self._progress.update(self._task, total=1.0, completed=1.0, state=state)
        self._progress.refresh()

    def close(self) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        self._progress.console.print(f"membound: {text}", highlight=False)


def make() -> Lines | Bar:
    return Bar() if sys.stderr.isatty() else Lines()
