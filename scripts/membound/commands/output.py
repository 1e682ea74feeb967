# SPDX-License-Identifier: Apache-2.0
"""What commands print: JSON and nothing else, or tables."""

import json
import sys
from collections.abc import Callable
from typing import Any


def print_answer(
    found: dict[str, Any], as_json: bool, print_tables: Callable[[dict[str, Any]], None]
) -> None:
    if as_json:
        print_json(found)
    else:
        print_tables(found)


def print_comparisons(comparisons: list[Any], as_json: bool, tolerance: float | None) -> int:
    """Print comparisons; 1 when a residual is over the tolerance, else 0."""
    from membound import compare as comparing

    if as_json:
        print_json(comparing.merge(comparisons))
    else:
        from membound import tables

        for comparison in comparisons:
            tables.print_comparison(comparison)
    if tolerance is None:
        return 0
    over = [row for c in comparisons for row in comparing.beyond(c.rows, tolerance)]
    for row in over:
        residual = comparing.finest_residual(row)
        print(f"membound: {row.bench}: residual {residual:+.1f} %", file=sys.stderr)
    return 1 if over else 0


def print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=1, allow_nan=False))
