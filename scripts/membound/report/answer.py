# SPDX-License-Identifier: Apache-2.0
"""The answer for one step and one device: capped by memory bandwidth, and how firmly.

The same limits as in the verdicts, as a word that a headline can be made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from membound.record import Row
from membound.report.text import NB, percent, spread, step_labels
from membound.verdicts import NEAR_CEILING

PHRASES = {
    "yes": "capped by memory bandwidth",
    "in flight": "limited by the bytes in flight, not by the memory bus",
    "partly": "only partly capped by memory bandwidth",
    "no": "not capped by memory bandwidth",
    "inconclusive": "inconclusive",
}
WORDS = {"yes": "Yes", "in flight": "Partly", "partly": "Partly", "no": "No",
         "inconclusive": "Inconclusive"}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """`headline`: yes, no, partly or inconclusive for each phase; then a sentence or more each."""

    headline: str
    sentences: list[str]


def of_row(row: Row, saturated: bool | None) -> str:
    """A key of PHRASES."""
    if not row.shares or row.read_ceiling_fraction is None:
        return "inconclusive"
    cause = max(row.shares, key=row.shares.__getitem__)
    if cause not in ("bytes", "latency"):
        return "no"
    if cause == "latency" or row.read_ceiling_fraction < NEAR_CEILING:
        return "partly"
    if saturated is None:
        return "inconclusive"
    return "yes" if saturated else "in flight"


def of_device(rows: Sequence[Row], saturated: bool | None) -> Answer:
    """Decode first: it is the phase that bandwidth is said to cap."""
    phases = [p for p in ("decode", "prefill") if any(row.phase == p for row in rows)]
    found, sentences = [], []
    for phase in phases:
        members = [row for row in rows if row.phase == phase]
        kinds = [of_row(row, saturated) for row in members]
        words = list(dict.fromkeys(WORDS[kind] for kind in kinds))
        word = words[0].lower() if len(words) == 1 else "depends on batch and context"
        found.append(f"{phase.capitalize()}: {word}{_part(members)}.")
        sentences += [
            _sentence(phase, kind, [r for r, k in zip(members, kinds, strict=True) if k == kind])
            for kind in dict.fromkeys(kinds)
        ]
    return Answer(" ".join(found) or "Inconclusive: no step was measured.", sentences)


def _sentence(phase: str, kind: str, rows: Sequence[Row]) -> str:
    text = f"{phase.capitalize()} ({', '.join(_short(rows))}) is {PHRASES[kind]}"
    if kind == "no":
        causes = [max(row.shares or {}, key=(row.shares or {}).__getitem__) for row in rows]
        text += f": most of its time goes to {' or '.join(dict.fromkeys(causes))}"
    elif kind == "inconclusive":
        known = any(row.shares for row in rows)
        why = "whether memory is saturated was not measured" if known else "no kernel was measured"
        text += f": {why}"
    text += f". It runs at {spread([row.measured for row in rows])} tokens/s"
    text += _part(rows).replace(", at", ", moving bytes at")
    shares = [row.shares.get("bytes", 0.0) for row in rows if row.shares]
    if shares:
        text += f"; bytes take {_range(shares)} of its time"
    return text + "."


def _part(rows: Sequence[Row]) -> str:
    """How near to the ceiling, where that is known."""
    fractions = [f for row in rows if (f := row.read_ceiling_fraction) is not None]
    return f", at {_range(fractions)} of the read ceiling" if fractions else ""


def _range(fractions: Sequence[float]) -> str:
    low, high = percent(min(fractions)), percent(max(fractions))
    return low if low == high else f"{low.removesuffix(f'{NB}%')} to {high}"


def _short(rows: Sequence[Row]) -> list[str]:
    return [label.removeprefix(f"{rows[0].phase} ") for label in step_labels(rows)]
