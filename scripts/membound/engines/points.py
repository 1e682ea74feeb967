# SPDX-License-Identifier: Apache-2.0
"""A published row as the fit sees it."""

from dataclasses import dataclass, field

import numpy as np

from membound.engines import terms, workload
from membound.engines.demand import Demand
from membound.engines.rows import Row, Table
from membound.engines.workload import Workload, group_of


@dataclass(frozen=True)
class Point:
    """One measurement: `seconds` per token by term at unit coefficients."""

    row: Row
    work: Workload
    seconds: np.ndarray = field(repr=False)
    total: Demand = field(repr=False)  # per token

    @property
    def log_seconds(self) -> float:
        return -float(np.log(self.row.tokens_per_s))

    @property
    def group(self) -> str:
        """Rows that are scored together."""
        return group_of(self.work)


def build(table: Table) -> list[Point]:
    """Points of all rows that can be predicted; the others are counted in the table."""
    points = []
    for row in table.rows:
        work = workload.read(row, table.skipped)
        if work is not None:
            seconds, total = terms.of(work)
            points.append(Point(row, work, seconds, total))
    return points
