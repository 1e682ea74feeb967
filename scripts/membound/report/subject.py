# SPDX-License-Identifier: Apache-2.0
"""What the page is about: one device of one record, or several of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from membound.record import Comparison, Record, Row
from membound.report import data
from membound.report.text import UNKNOWN, clipped


@dataclass(frozen=True)
class Cache:
    """`count` caches of `each_bytes` at one level."""

    level: str
    each_bytes: int
    count: int


@dataclass(frozen=True)
class Source:
    """One record and its comparison; `letter` tells several records of a page apart."""

    record: Record
    comparison: Comparison
    letter: str = ""

    @property
    def header(self) -> dict[str, Any]:
        """Of the first process that wrote one."""
        return next((p.header for p in self.record.processes if p.header), {})

    @property
    def hostname(self) -> str:
        named = self.header.get("hostname") or self.record.settings.get("imported_on")
        return clipped(named or "unknown host", 40)


@dataclass(frozen=True)
class Subject:
    """One device of one record; `label` tells it apart, `slug` begins its files' names."""

    source: Source
    device: str
    label: str
    slug: str

    @property
    def info(self) -> dict[str, Any]:
        known = self.source.record.devices
        return next((d for d in known if str(d.get("id")) == self.device), {})

    @property
    def details(self) -> dict[str, Any]:
        found = self.info.get("details")
        return found if isinstance(found, dict) else {}

    @property
    def details_at_end(self) -> list[tuple[str, dict[str, Any]]]:
        """By process that got that far: what the device said with everything allocated."""
        found = []
        for process in self.source.record.processes:
            for info in process.devices_at_end:
                details = info.get("details") if str(info.get("id")) == self.device else None
                if isinstance(details, dict):
                    found.append((f"{process.suite} {process.index + 1}", details))
        return found

    @property
    def compute_units(self) -> int | None:
        return whole(self.info.get("compute_units"))

    @property
    def caches(self) -> list[Cache]:
        """As the system reports them; entries that make no sense are left out."""
        listed = self.details.get("caches")
        found = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
        return [
            Cache(clipped(c.get("level"), 8), each, whole(c.get("count")) or 1)
            for c in found
            if (each := whole(c.get("bytes")))
        ]

    @property
    def rows(self) -> list[Row]:
        return [row for row in self.source.comparison.rows if row.device == self.device]

    @property
    def ceilings(self) -> dict[str, Any]:
        """As the comparison states them, in GB/s, GFLOP/s and us."""
        known = self.source.comparison.ceilings.get("by_device", [])
        return next((c for c in known if c["device"] == self.device), {})

    @property
    def read_rate(self) -> float | None:
        """The cold read ceiling in bytes/s."""
        found = self.ceilings.get("read_GBps")
        return None if found is None else float(found) * 1e9

    @cached_property
    def benches(self) -> list[data.Bench]:
        return data.benches(self.source.record, self.device)

    @property
    def name(self) -> str:
        return clipped(self.info.get("name") or UNKNOWN)


def whole(value: object) -> int | None:
    """Of what a device says of itself, only positive whole numbers are taken as such."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def subjects(sources: Sequence[Source]) -> list[Subject]:
    """Every device that has measurements (or, where none has, is listed), record by record."""
    found = []
    for source in sources:
        devices = _devices(source.record)
        for position, device in enumerate(devices, 1):
            label = clipped(device, 40)
            slug = ""
            if source.letter:
                label = f"{source.letter}: {source.hostname} {label}"
                slug = f"{source.letter.lower()}-"
            if len(devices) > 1:
                slug += f"{position}-" + re.sub(r"[^a-z0-9]+", "-", device.lower())[:24] + "-"
            found.append(Subject(source, device, label, slug))
    return found


def lettered(sources: Sequence[Source]) -> list[Source]:
    """Several records as A, B, ..., after Z by number; one record needs no name."""
    if len(sources) == 1:
        return list(sources)
    return [
        replace(source, letter=chr(ord("A") + index) if index < 26 else str(index + 1))
        for index, source in enumerate(sources)
    ]


def _devices(record: Record) -> list[str]:
    measured = [m.device for p in record.processes for m in p.measurements if m.samples]
    listed = [str(info.get("id")) for info in record.devices if info.get("id")]
    return list(dict.fromkeys(measured)) or listed or ["no device"]
