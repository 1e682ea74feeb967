# SPDX-License-Identifier: Apache-2.0
"""Assemble the page: sections in their order, into one HTML text with everything inline."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from membound import __version__
from membound.report.blocks import Figure, Section
from membound.report.sections import (
    answer,
    bandwidth,
    engines,
    machine,
    roofline,
    saturation,
    steps,
)
from membound.report.subject import Source, Subject, lettered, subjects
from membound.report.text import clipped

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Page:
    """The HTML and the charts in it, by file name without suffix."""

    html: str
    charts: dict[str, bytes]


def build(sources: Sequence[Source]) -> Page:
    """The same records give the same page, byte for byte."""
    sources = lettered(sources)
    # A record of another engine's results has no device of its own to report on.
    found = subjects([s for s in sources if not s.record.engine_results] or sources)
    sections = [
        answer.section(found),
        steps.predicted(found),
        *engines.sections(sources),
        steps.by_cause(found),
        roofline.section(found),
        bandwidth.curves(found),
        saturation.section(found),
        bandwidth.streams(found),
        answer.verdicts(found),
        machine.section(found),
    ]
    charts = {
        block.name: block.png
        for section in sections
        for block in section.blocks
        if isinstance(block, Figure)
    }
    return Page(_html(sources, found, sections), charts)


def _html(sources: Sequence[Source], found: Sequence[Subject], sections: list[Section]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("template.html.j2").render(
        title=_title(sources),
        subtitle=[_subtitle(source) for source in sources],
        sections=sections,
        # Our own files and figures, which escape what they contain, and nothing else.
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        svgs={
            block.name: Markup(block.svg)
            for section in sections
            for block in section.blocks
            if isinstance(block, Figure)
        },
        version=__version__,
    )


def _title(sources: Sequence[Source]) -> str:
    hosts = list(dict.fromkeys(source.hostname for source in sources))
    return f"membound: {', '.join(hosts[:4])}{' and others' * (len(hosts) > 4)}"


def _subtitle(source: Source) -> str:
    record = source.record
    if record.engine_results:
        engines_of = ", ".join(dict.fromkeys(r.engine for r in record.engine_results))
        name = f"{source.letter}: " if source.letter else ""
        return f"{name}results of {clipped(engines_of, 60)}"
    model = clipped((record.model or {}).get("id") or "no model", 40)
    name = f"{source.letter}: {source.hostname}" if source.letter else source.hostname
    parts = [name, model, clipped(record.settings.get("dtype") or "", 12)]
    parts.append(f"profile {clipped(record.settings.get('profile') or 'unknown', 20)}")
    parts.append(record.started_at[:16].replace("T", " ") + " UTC" if record.started_at else "")
    parts.append("partial" if record.status == "partial" else "")
    return " \N{MIDDLE DOT} ".join(part for part in parts if part)
