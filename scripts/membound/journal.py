# SPDX-License-Identifier: Apache-2.0
"""Fold a journal of the measuring program (JSON Lines) into a Process, line by line."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from membound.errors import UsageError
from membound.record import Failure, Measurement, Process, Sample


class Journal:
    """Takes lines as they come; `process` is valid after every one of them."""

    def __init__(self, process: Process, where: str) -> None:
        self.process = process
        self._where = where
        self._number = 0
        self._open: dict[tuple[str, str], Measurement] = {}

    def add(self, text: str) -> dict[str, Any]:
        """Fold one line in and return it parsed; unknown types are left alone."""
        self._number += 1
        try:
            line = json.loads(text)
            kind = line["type"]
            handler = getattr(self, f"_on_{kind}", None)
            if handler:
                handler({key: value for key, value in line.items() if key != "type"})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise self._bad(f"{place}: {first['msg']}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._bad(f"not a line that membound knows ({error})") from None
        return dict(line)

    def _bad(self, what: str) -> UsageError:
        return UsageError(f"{self._where} line {self._number}: {' '.join(what.split())}")

    def _on_header(self, line: dict[str, Any]) -> None:
        self.process.header = line

    def _on_bench(self, line: dict[str, Any]) -> None:
        key = (line["bench"], line["device"])
        if key not in self._open:
            self._open[key] = Measurement.model_validate(line)
            self.process.measurements.append(self._open[key])

    def _on_sample(self, line: dict[str, Any]) -> None:
        sample = Sample.model_validate({k: v for k, v in line.items() if k not in _NAMES})
        self._open[line["bench"], line["device"]].samples.append(sample)

    def _on_done(self, line: dict[str, Any]) -> None:
        measurement = self._open[line["bench"], line["device"]]
        measurement.finished = True
        measurement.stop_reason = line.get("stop_reason")

    def _on_skip(self, line: dict[str, Any]) -> None:
        self.process.failures.append(Failure.model_validate({"kind": "skip", **line}))

    def _on_error(self, line: dict[str, Any]) -> None:
        self.process.failures.append(Failure.model_validate({"kind": "error", **line}))

    def _on_end(self, line: dict[str, Any]) -> None:
        self.process.status = "complete" if line.get("status") == "complete" else "partial"
        self.process.reason = str(line.get("reason") or "")
        self.process.exit_code = line.get("exit_code")
        devices = line.get("devices")
        self.process.devices_at_end = devices if isinstance(devices, list) else []


_NAMES = ("bench", "device")


def read(path: Path, process: Process) -> Process:
    """Fold a whole file; a last line torn by a kill is not an error."""
    journal = Journal(process, str(path))
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for line in lines[:-1]:
        if line.strip():
            journal.add(line)
    return process
