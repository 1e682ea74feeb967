# SPDX-License-Identifier: Apache-2.0
"""What a device says of itself, and what paper says of it. What is not known is 'unknown'."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from membound.report.subject import Subject, whole
from membound.report.text import UNKNOWN, clipped, number, percent, size

SHOWN_APART = {"caches", "extensions", "allocated_bytes", "huge_page_bytes", "microcode",
               "governor", "numa_domains", "numa_balancing", "transparent_huge_pages",
               "cores_allowed", "hardware_threads_allowed", "cpu_quota_cores", "memory_modules",
               "queried_bandwidth_bytes_per_s", "traffic_counter"}  # fmt: skip
Fact = tuple[str, str]


def facts(subject: Subject) -> Iterator[Fact]:
    info, details = subject.info, subject.details
    yield "name", subject.name
    yield "code path", text(info.get("architecture"))
    yield "instruction sets", text(details.get("extensions"))
    yield "compute units used", text(info.get("compute_units"))
    yield (
        "cores and hardware threads allowed",
        (" and ".join(text(details.get(k)) for k in ("cores_allowed", "hardware_threads_allowed"))),
    )
    yield "quota of cores", _quota(details)
    yield "caches", _caches(subject)
    memory, free = (whole(info.get(key)) for key in ("memory_bytes", "memory_free_bytes"))
    yield "memory", f"{size(memory)}, {size(free)} free at the start"
    yield "memory modules", _modules(details.get("memory_modules"))
    yield "memory bandwidth on paper", _paper(subject)
    yield "memory bandwidth queried", _queried(details.get("queried_bandwidth_bytes_per_s"))
    yield "peaks on paper", _paper_peaks(subject)
    yield "memory traffic counter", text(details.get("traffic_counter"))
    yield "NUMA domains", text(details.get("numa_domains", info.get("memory_domains")))
    yield "NUMA balancing", text(details.get("numa_balancing"))
    yield "huge pages obtained", _huge_pages(subject)
    yield "transparent huge pages", text(details.get("transparent_huge_pages"))
    yield "microcode", text(details.get("microcode"))
    yield "frequency governor", text(details.get("governor"))
    emulated = info.get("emulated")
    yield "emulated", "yes: its timings are no results" if emulated is True else text(emulated)
    for name, value in details.items():
        if name not in SHOWN_APART and not name.startswith("paper"):
            yield clipped(name.replace("_", " "), 40), text(value)


def text(value: object) -> str:
    """As it was recorded; nothing, an empty text or list: unknown."""
    if isinstance(value, list):
        return ", ".join(clipped(item) for item in value) or UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return UNKNOWN
    return clipped(value, 160)


def _caches(subject: Subject) -> str:
    listed = [f"L{c.level} {c.count} x {size(c.each_bytes)}" for c in subject.caches]
    return ", ".join(listed) or UNKNOWN


def _quota(details: dict[str, Any]) -> str:
    """Of a control group; null where there is none."""
    if "cpu_quota_cores" not in details:
        return UNKNOWN
    quota = details["cpu_quota_cores"]
    return "none" if quota is None else text(quota)


def _modules(listed: object) -> str:
    """Modules alike are counted; a virtual machine lists none."""
    if not isinstance(listed, list) or not listed:
        return f"{UNKNOWN}: the firmware lists none to us"
    counts = Counter(_module(module) for module in listed if isinstance(module, dict))
    return ", ".join(f"{count} x {name}" for name, count in counts.items()) or UNKNOWN


def _module(module: dict[str, Any]) -> str:
    rate, bits = whole(module.get("transfers_per_s")), whole(module.get("data_bits"))
    speed = f"{number(rate / 1e6, 4)} MT/s" if rate else "speed unknown"
    wide = f", {bits} bit" if bits else ""
    return f"{text(module.get('type'))} {size(whole(module.get('bytes')))} at {speed}{wide}"


def _queried(rate: object) -> str:
    """All modules at their configured rate; not a paper figure, since channels may be shared."""
    found = whole(rate)
    return f"{number(found / 1e9)} GB/s, all modules together" if found else UNKNOWN


def _paper(subject: Subject) -> str:
    paper = subject.ceilings.get("paper_GBps")
    source = (subject.ceilings.get("paper_sources") or {}).get("bandwidth")
    return f"{number(paper)} GB/s, {source}" if paper else UNKNOWN


def _paper_peaks(subject: Subject) -> str:
    peaks = subject.ceilings.get("paper_GFLOPS") or {}
    sources = subject.ceilings.get("paper_sources") or {}
    parts = [f"{clipped(k, 12)} {number(v)} GFLOP/s, {sources[k]}" for k, v in peaks.items()]
    return "; ".join(parts) or UNKNOWN


def _huge_pages(subject: Subject) -> str:
    """With everything allocated: what the system says before is about nothing."""
    parts = []
    for process, details in subject.details_at_end:
        if (allocated := whole(details.get("allocated_bytes"))) and "huge_page_bytes" in details:
            share = percent((whole(details["huge_page_bytes"]) or 0) / allocated)
            parts.append(f"{process}: {share} of {size(allocated)}")
    return ", ".join(parts) or f"{UNKNOWN}: no process told what it held at its end"
