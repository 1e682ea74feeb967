# SPDX-License-Identifier: Apache-2.0
"""Progress on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

import math
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_EVERY_SECONDS = 5.0


class Lines:
    """Plain lines, one every few seconds, for logs."""

    def __init__(self) -> None:
        self._stage, self._planned, self._done, self._cap = "", 0, 0, math.inf
        self._began = self._last = time.monotonic()

    def begin(self, stage: str) -> None:
        self._stage, self._planned, self._done = stage, 0, 0
        self._began = self._last = time.monotonic()
        self.say(f"{stage}: started")

    def line(self, line: dict[str, Any]) -> None:
        """Take one journal line into account."""
        if line["type"] == "header":
            self._planned = planned_samples(line)
            self._cap = float(line.get("time_cap_seconds") or math.inf)
        elif line["type"] == "sample":
            self._done += 1
            if time.monotonic() - self._last >= LINE_EVERY_SECONDS:
                self._last = time.monotonic()
                self.say(f"{self._stage}: {self._state()}")

    def end(self) -> None:
        elapsed = time.monotonic() - self._began
        self.say(f"{self._stage}: {self._done} samples in {elapsed:.0f} s")

    def close(self) -> None:
        """Nothing is held."""

    def say(self, text: str) -> None:
        print(f"membound: {text}", file=sys.stderr, flush=True)

    def _state(self) -> str:
        elapsed = time.monotonic() - self._began
        text = f"{self._done} of {self._planned} samples, {elapsed:.0f} s"
        # The first samples carry the preparation of everything: too early to extrapolate.
        if 0.1 * self._planned < self._done < self._planned:
            left = elapsed / self._done * (self._planned - self._done)
            text += f", about {max(0.0, min(left, self._cap - elapsed)):.0f} s left"
        return text


class Bar:
    """A bar for each process of the measuring program; redrawn only when a line arrives."""

    def __init__(self) -> None:
        # No refresh thread: it would take time from the cores that are being measured.
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} samples"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._progress.start()
        self._task = TaskID(0)
        self._drawn = 0.0

    def begin(self, stage: str) -> None:
        self._task = self._progress.add_task(stage, total=None)
        self._progress.refresh()

    def line(self, line: dict[str, Any]) -> None:
        """Take one journal line into account."""
        if line["type"] == "header":
            self._progress.update(self._task, total=planned_samples(line))
        elif line["type"] == "sample":
            self._progress.advance(self._task)
            # Benches that have not settled get further samples, beyond the plan.
            task = self._progress.tasks[self._task]
            if task.total is not None and task.completed > task.total:
                self._progress.update(self._task, total=task.completed)
        if time.monotonic() - self._drawn >= 0.5:
            self._drawn = time.monotonic()
            self._progress.refresh()

    def end(self) -> None:
        done = self._progress.tasks[self._task].completed
        self._progress.update(self._task, total=done)
        self._progress.refresh()

    def close(self) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        self._progress.console.print(f"membound: {text}", highlight=False)


def planned_samples(header: dict[str, Any]) -> int:
    return sum(int(plan.get("samples") or 0) for plan in header.get("planned") or [])


def make() -> Lines | Bar:
    return Bar() if sys.stderr.isatty() else Lines()
