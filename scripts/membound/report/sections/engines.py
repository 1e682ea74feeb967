# SPDX-License-Identifier: Apache-2.0
"""What other engines measured, beside our steps and predictions of the same work."""

from collections.abc import Sequence

from membound.record import TIERS
from membound.report.blocks import Section, Table
from membound.report.subject import Source
from membound.report.text import NONE, clipped, number, signed_percent
from membound.tables import engine_label, engine_notes


def sections(sources: Sequence[Source]) -> list[Section]:
    """One, where a record with imported results is among them."""
    rows = [row for source in sources for row in source.comparison.engines]
    if not rows:
        return []
    lead = (
        "Imported results of other engines, in tokens/s over all sequences; of whole requests, "
        "tokens generated. Ours and the predictions are from the record of the same model given "
        "with them. Residual: engine / predicted \N{MINUS SIGN} 1."
    )
    body = []
    for row in rows:
        cells = [clipped(engine_label(row.result), 80), number(row.result.tokens_per_s)]
        cells.append(NONE if row.ours is None else number(row.ours))
        cells.append(NONE if row.ratio is None else f"{row.ratio:.2f}")
        cells += [NONE if (r := row.predicted[t]) is None else number(r) for t in TIERS]
        cells += [NONE if (r := row.residual_pct[t]) is None else signed_percent(r) for t in TIERS]
        body.append(cells)
    headings = ["engine and work", "engine", "ours", "ours / engine", "P", "C", "K",
                "residual P", "residual C", "residual K"]  # fmt: skip
    notes = [clipped(text.strip(), 300) for text in engine_notes(rows)]
    return [Section("engines", "Other engines", lead, [Table(headings, body, notes=notes)])]
