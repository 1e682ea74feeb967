# SPDX-License-Identifier: Apache-2.0
"""The answer for one device in a few sentences, from what limits each of its rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from membound.limits import largest
from membound.record import Limit, Row
from membound.report.text import NB, percent, spread, step_labels

WORDS: dict[Limit, str] = {
    "capped": "yes",
    "bytes in flight": "no, limited by bytes in flight",
    "bytes, saturation open": "open, saturation is not shown",
    "not bandwidth alone": "not by it alone",
    "not bandwidth": "no",
    "inconclusive": "inconclusive",
    "open": "open, no kernel was measured",
}
PHRASES: dict[Limit, str] = {
    "capped": "is capped by memory bandwidth",
    "bytes in flight": "is limited by the bytes in flight, not by the memory bus",
    "bytes, saturation open": "is bound by bytes, but memory is not shown to be the cap",
    "not bandwidth alone": "is not capped by memory bandwidth alone",
    "not bandwidth": "is not capped by memory bandwidth",
    "inconclusive": "is inconclusive",
    "open": "is open: no kernel was measured",
}


@dataclass(frozen=True)
class Answer:
    """`headline`: what limits each phase in a few words; then a sentence or more each."""

    headline: str
    sentences: list[str]


def of_device(rows: Sequence[Row]) -> Answer:
    """Decode first: it is the phase that bandwidth is said to cap."""
    phases = [p for p in ("decode", "prefill") if any(row.phase == p for row in rows)]
    found, sentences = [], []
    for phase in phases:
        members = [row for row in rows if row.phase == phase]
        found.append(f"{phase.capitalize()}: {_words(members)}{_part(members)}.")
        sentences += [
            _sentence(phase, [row for row in members if row.limit == limit])
            for limit in dict.fromkeys(row.limit for row in members)
        ]
    return Answer(" ".join(found) or "Open: no step was measured.", sentences)


def _words(rows: Sequence[Row]) -> str:
    """One word where all rows agree; else each with how many rows it holds for."""
    counts = Counter(row.limit for row in rows)
    if len(counts) == 1:
        return WORDS[rows[0].limit]
    return "; ".join(f"{WORDS[limit]} ({n} of {len(rows)})" for limit, n in counts.items())


def _sentence(phase: str, rows: Sequence[Row]) -> str:
    """Of rows that one thing limits."""
    limit = rows[0].limit
    text = f"{phase.capitalize()} ({', '.join(_short(rows))}) {PHRASES[limit]}"
    if limit == "not bandwidth":
        causes = [largest(row.shares) for row in rows if row.shares]
        text += f": most of its time goes to {' or '.join(dict.fromkeys(causes))}"
    elif limit == "inconclusive":
        text += f": {'; '.join(dict.fromkeys(doubt for row in rows for doubt in row.doubts))}"
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
