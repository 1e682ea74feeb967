# SPDX-License-Identifier: Apache-2.0
"""Machine, build, conduct of the run and caveats. What is not known is 'unknown'."""

import shlex
from collections import Counter
from collections.abc import Sequence

from membound.options import PAPER_FLAGS, SETTLED
from membound.record import Record
from membound.report.blocks import Block, Code, Heading, Note, Section, Table
from membound.report.sections import device
from membound.report.sections.device import text
from membound.report.subject import Source, Subject
from membound.report.text import UNKNOWN, clipped, signed_percent


def section(subjects: Sequence[Subject]) -> Section:
    lead = "What the figures rest on. Nothing here is guessed: what could not be read is unknown."
    blocks: list[Block] = []
    for subject in subjects:
        facts = [[name, text] for name, text in device.facts(subject)]
        caption = f"Device {subject.label}"
        blocks.append(Table([], facts, caption, text_columns=2, wide_last=True))
    sources = list({id(s.source): s.source for s in subjects}.values())
    for source in sources:
        blocks += (
            [Heading(f"{source.letter}: {source.comparison.record}")] if len(sources) > 1 else []
        )
        blocks += _run(source)
    return Section("machine", "Machine and caveats", lead, blocks)


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
