# SPDX-License-Identifier: Apache-2.0
"""Keeps record.json on disk in step with a run, so that a kill loses nothing that finished."""

import time
from pathlib import Path
from typing import Any

from membound.record import Record
from membound.storage import write_atomically

FINISHED_EVERY_SECONDS = 0.25
SAMPLES_EVERY_SECONDS = 2.0  # less often: writing takes time from the cores being measured


class Recorder:
    """Writes `record` when journal lines have changed it, at most a few times a second."""

    def __init__(self, record: Record, folder: Path) -> None:
        self.record = record
        self.path = folder / "record.json"
        self._written = 0.0
        self._pending = 0.0  # seconds to wait since the last write; 0: nothing is pending

    def line(self, line: dict[str, Any]) -> None:
        """Note one journal line; `tick` lines only give a chance to write."""
        kind = line.get("type")
        if kind in ("done", "skip", "error", "end"):
            self._pending = FINISHED_EVERY_SECONDS
        elif kind in ("header", "sample") and not self._pending:
            self._pending = SAMPLES_EVERY_SECONDS
        if self._pending and time.monotonic() - self._written >= self._pending:
            self.save()

    def save(self) -> None:
        header = next((p.header for p in self.record.processes if p.header), {})
        self.record.devices = header.get("devices", self.record.devices)
        self.record.backends = header.get("backends", self.record.backends)
        write_atomically(self.path, self.record.model_dump_json(indent=1) + "\n")
        self._written, self._pending = time.monotonic(), 0.0
