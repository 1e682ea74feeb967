# SPDX-License-Identifier: Apache-2.0
"""An engine's file as JSON objects, and fields of these with bounds."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from membound.errors import UsageError

LARGEST_BYTES = 64 << 20
MOST_TOKENS = 1 << 24
MOST_SAMPLES = 1 << 20


@dataclass(frozen=True)
class Given:
    """What the command line says; it stands in for what a file leaves out, and wins over it."""

    model: str | None = None
    dtype: str | None = None
    device: str | None = None
    batch: int | None = None
    prompt: int | None = None
    generated: int | None = None


def read_text(path: Path) -> str:
    """The whole file, which must be text of a bounded size."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(
                f"{path} is larger than {LARGEST_BYTES >> 20} MiB: no engine's results"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not text: give an engine's results") from None


def objects(path: Path, what: str) -> list[dict[str, Any]]:
    """A JSON object, a list of them, or one on each line; `what` says how to make such a file."""
    text = read_text(path)
    found = _parse(text)
    if found is None:
        found = [_parse(line) for line in text.splitlines() if line.strip()]
    rows = found if isinstance(found, list) else [found]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path} does not hold JSON results: give {what}")
    return rows


def _parse(text: str) -> Any:
    """None where it is no JSON; NaN and infinities are none."""

    def refuse(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


class Fields:
    """One object's fields; `where` names it in errors."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.values, self.where = values, where

    def fail(self, text: str) -> NoReturn:
        raise UsageError(f"{self.where}: {text}")

    def text(self, *names: str) -> str:
        """The first of these that is text; empty without."""
        found = (self.values.get(name) for name in names)
        return next((value[:200] for value in found if isinstance(value, str) and value), "")

    def whole(self, name: str, default: int | None = None, low: int = 0) -> int:
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            self.fail(f"{name} is missing")
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= MOST_TOKENS:
            self.fail(f"{name} must be a whole number from {low} to {MOST_TOKENS}")
        return value

    def seconds(self, name: str, unit: float) -> float | None:
        """A time in `unit` seconds; None where it is missing or 0, as engines write "no value"."""
        value = self.values.get(name)
        return None if value is None or value == 0 else self._positive(value, name) * unit

    def samples(self, name: str, unit: float) -> list[float]:
        """Times in `unit` seconds; empty where it is missing."""
        values = self.values.get(name)
        if values is None:
            return []
        if not isinstance(values, list) or len(values) > MOST_SAMPLES:
            self.fail(f"{name} must be a list of times")
        return [self._positive(value, name) * unit for value in values]

    def _positive(self, value: Any, name: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"{name} must be a number above 0")
        if not (math.isfinite(value) and value > 0):
            self.fail(f"{name} must be a number above 0")
        return float(value)
