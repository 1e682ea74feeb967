# SPDX-License-Identifier: Apache-2.0
"""Experts of a mixture: how many a step touched, beside how many were to be expected."""

from collections.abc import Sequence

from membound.model import work
from membound.model.shape import Shape
from membound.model.types import Types
from membound.record import Experts, Measurement, Row

COUNTER = "experts_touched"  # of a layer, mean over a sample's steps


def counted(
    measurements: Sequence[Measurement], shape: Shape | None, types: Types, tokens: int
) -> Experts | None:
    """None for a dense model or one whose experts were not counted; each launch weighs the same."""
    if shape is None or not shape.experts:
        return None
    samples = [s for m in measurements for s in m.samples if s.counters.get(COUNTER)]
    launches = sum(s.launches or 1 for s in samples)
    if not launches:
        return None
    touched = sum((s.counters[COUNTER] or 0) * (s.launches or 1) for s in samples) / launches
    expected = work.expected_experts(shape, tokens)
    # The step's own work counts a whole number of them.
    missed = touched - int(expected + 0.5)
    return Experts(
        of=shape.experts,
        touched=touched,
        expected=expected,
        beyond_work_bytes=round(shape.layers * missed * work.expert_bytes(shape, types)),
    )


def sentence(rows: Sequence[Row]) -> str | None:
    """All steps in one line; None without a mixture."""
    parts, of = [], 0
    for row in rows:
        if (found := row.experts) is not None:
            of = found.of
            size = f"{'c' if row.phase == 'decode' else 't'}{row.context}"
            change = (found.touched / found.expected - 1) * 100
            parts.append(
                f"{row.phase} b{row.batch} {size} {found.touched:.1f} of {found.expected:.1f} "
                f"({change:+.0f} %)"
            )
    if not parts:
        return None
    rule = "E[unique] = N(1-(1-k/N)^tokens)"
    return f"of {of} experts a layer touched, beside {rule}: {'; '.join(parts)}"
