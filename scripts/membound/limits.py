# SPDX-License-Identifier: Apache-2.0
"""What limits a step, as one word: the rule that every sentence and headline follows."""

from collections.abc import Mapping

from membound.model.saturation import Saturation
from membound.record import Limit, Row

NEAR_CEILING = 0.8  # a step below this part of the read ceiling is not capped by it alone


def largest(shares: Mapping[str, float]) -> str:
    """The cause that takes most of the time."""
    return max(shares, key=lambda cause: shares[cause])


def bound_by_bytes(row: Row) -> bool:
    """Bytes, or waiting for them, take most of the step."""
    return bool(row.shares) and largest(row.shares or {}) in ("bytes", "latency")


def limit(row: Row, found: Saturation | None) -> Limit:
    """Needs the row's shares, fraction of the read ceiling and doubts; `found` of its device."""
    if row.doubts:
        return "inconclusive"
    if not row.shares or row.read_ceiling_fraction is None:
        return "open"
    if not bound_by_bytes(row):
        return "not bandwidth"
    if largest(row.shares) == "latency" or row.read_ceiling_fraction < NEAR_CEILING:
        return "not bandwidth alone"
    shown = found.shown if found else None
    if shown is None:
        return "bytes, saturation open"
    # Memory is the cap only where neither more cores nor more bytes in flight raise the rate.
    return "capped" if shown else "bytes in flight"
