# SPDX-License-Identifier: Apache-2.0
"""Machine, build, conduct of the run and caveats. What is not known is 'unknown'."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from membound.options import PAPER_FLAGS, SETTLED
from membound.record import Record
from membound.report.blocks import Block, Code, Heading, Note, Section, Table
from membound.report.subject import Source, Subject, whole
from membound.report.text import UNKNOWN, clipped, number, percent, signed_percent, size

SHOWN_APART = {"caches", "extensions", "allocated_bytes", "huge_page_bytes", "microcode",
               "governor", "numa_domains", "numa_balancing", "transparent_huge_pages",
               "cores_allowed", "hardware_threads_allowed", "cpu_quota_cores", "memory_modules",
               "queried_bandwidth_bytes_per_s", "traffic_counter"}  # fmt: skip
Fact = tuple[str, str]


def section(subjects: Sequence[Subject]) -> Section:
    lead = "What the figures rest on. Nothing here is guessed: what could not be read is unknown."
    blocks: list[Block] = []
    for subject in subjects:
        facts = [[name, text] for name, text in device_facts(subject)]
        caption = f"Device {subject.label}"
        blocks.append(Table([], facts, caption, text_columns=2, wide_last=True))
    sources = list({id(s.source): s.source for s in subjects}.values())
    for source in sources:
        blocks += (
            [Heading(f"{source.letter}: {source.comparison.record}")] if len(sources) > 1 else []
        )
        blocks += _run(source)
    return Section("machine", "Machine and caveats", lead, blocks)


def device_facts(subject: Subject) -> Iterator[Fact]:
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


def _run(source: Source) -> list[Block]:
    record, header = source.record, source.header
    prediction = record.prediction
    settings = record.settings
    count = Counter(process.suite for process in record.processes)
    tags = Counter(
        tag for p in record.processes for m in p.measurements for s in m.samples for tag in s.tags
    )
    samples = sum(len(m.samples) for p in record.processes for m in p.measurements)
    facts = [
        ("record", record.status + (f": {record.reason}" if record.reason else "")),
        ("started, ended", f"{text(record.started_at)}, {text(record.ended_at)}"),
        ("host", text(header.get("hostname"))),
        ("operating system", text(header.get("os"))),
        ("virtualisation", text(header.get("virtualisation"))),
        ("compiler", f"{text(header.get('compiler'))}, flags {text(header.get('flags'))}"),
        ("glibc", text(header.get("glibc"))),
        ("program, git revision", f"{text(record.version)}, {text(header.get('git_revision'))}"),
        ("profile", text(settings.get("profile"))),
        ("processes", ", ".join(f"{n} x {suite}" for suite, n in count.items()) or UNKNOWN),
        ("samples", str(samples)),
        ("tagged samples", ", ".join(f"{n} {t}" for t, n in sorted(tags.items())) or "none"),
        ("checks of results", _checks(record)),
        ("drift of the cold read", _drift(source)),
        ("prediction", _prediction(source)),
    ]
    blocks: list[Block] = [
        Table([], [list(fact) for fact in facts], "Run", text_columns=2, wide_last=True)
    ]
    notes = prediction.notes if prediction else []
    if notes:
        blocks += [Note("The prediction's own caveats: " + "; ".join(notes) + ".")]
    blocks += _absent(record) + _reproduce(record)
    return blocks


def _checks(record: Record) -> str:
    checks = [m.check for p in record.processes for m in p.measurements if m.check is not None]
    if not checks:
        return UNKNOWN
    right = sum(check.get("ok") is True for check in checks)
    return f"{right} of {len(checks)} benches computed right results"


def _drift(source: Source) -> str:
    found = [(c["device"], c.get("drift_pct")) for c in source.comparison.ceilings["by_device"]]
    known = [f"{device} {signed_percent(pct)}" for device, pct in found if pct is not None]
    return ", ".join(known) or UNKNOWN


def _prediction(source: Source) -> str:
    prediction = source.record.prediction
    if prediction is None:
        return "none stored"
    return f"made {prediction.made_at}, SHA-256 of its inputs {prediction.sha256}"


def _absent(record: Record) -> list[Block]:
    """What was skipped or failed, and backends without a device."""
    rows = [
        [clipped(f.bench, 90), text(f.device), "skipped" if f.kind == "skip" else "failed",
         clipped(f.reason, 200)]
        for process in record.processes
        for f in process.failures
    ]  # fmt: skip
    rows += [
        [f"backend {clipped(backend.get('name'))}", "", "no device",
         clipped(backend.get("reason"), 200)]
        for backend in record.backends
        if backend.get("reason")
    ]  # fmt: skip
    unique = [list(row) for row in dict.fromkeys(tuple(row) for row in rows)]
    if not unique:
        return [Note("Nothing was skipped and nothing failed.")]
    heads = ["what", "device", "", "reason"]
    return [Table(heads, unique, "Not measured, and why", text_columns=4, wide_last=True)]


def _reproduce(record: Record) -> list[Block]:
    """The command of the whole run, from its settings, then each process's own."""
    settings = record.settings
    words = ["./membound", "run"]
    for key in SETTLED:
        value = settings.get(key)
        if isinstance(value, list):
            value = ",".join(map(str, value))
        if value not in (None, ""):
            words += [f"--{PAPER_FLAGS.get(key, key)}", str(value)]
    lines = [shlex.join(words)] if settings.get("model") else []
    for process in record.processes:
        command = process.header.get("command")
        if isinstance(command, list):
            lines.append(f"# {process.suite} {process.index + 1}: {shlex.join(map(str, command))}")
    return [Note("To reproduce:"), Code("\n".join(lines))] if lines else []
