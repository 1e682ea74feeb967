# SPDX-License-Identifier: Apache-2.0
"""The one rule of what limits a step."""

import pytest

from membound import compare, limits, storage
from membound.model.machine import Reading
from membound.model.saturation import Gain, Saturation

READING = Reading("bandwidth/read", 1.0, 1.0, 1, [[1.0]])


def gain(low, high):
    return Gain(READING, READING, (low + high) / 2, (low, high))


FLAT, HELPS, WIDE = gain(0.99, 1.01), gain(1.2, 1.3), gain(0.99, 1.2)
SATURATED = Saturation(1, 2, FLAT, FLAT)


@pytest.fixture
def row(finished):
    row = compare.compare(storage.load(str(finished)), "").rows[0]
    near = {"read_ceiling_fraction": 0.95, "shares": {"bytes": 0.9, "issue": 0.1}}
    return row.model_copy(update=near)


@pytest.mark.parametrize(
    ("units", "flight", "found"),
    [
        (FLAT, FLAT, "capped"),
        (HELPS, FLAT, "bytes in flight"),
        (FLAT, HELPS, "bytes in flight"),
        (HELPS, WIDE, "bytes in flight"),
        (FLAT, WIDE, "bytes, saturation open"),
        (FLAT, None, "bytes, saturation open"),
        (None, FLAT, "bytes, saturation open"),
    ],
)
def test_capped_needs_both_demonstrations(row, units, flight, found):
    assert limits.limit(row, Saturation(1, 2, units, flight)) == found


def test_without_any_demonstration_it_is_open(row):
    assert limits.limit(row, None) == "bytes, saturation open"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"read_ceiling_fraction": 0.5}, "not bandwidth alone"),
        ({"shares": {"latency": 0.6, "bytes": 0.4}}, "not bandwidth alone"),
        ({"shares": {"overhead": 0.6, "bytes": 0.4}}, "not bandwidth"),
        ({"shares": None}, "open"),
        ({"read_ceiling_fraction": None}, "open"),
        ({"doubts": ["x"]}, "inconclusive"),
        ({"doubts": ["x"], "shares": None}, "inconclusive"),
        ({"doubts": ["x"], "shares": {"flops": 1.0}}, "inconclusive"),
    ],
)
def test_what_comes_before_saturation(row, change, found):
    assert limits.limit(row.model_copy(update=change), SATURATED) == found


def test_the_limit_is_in_what_compare_prints_as_json(finished):
    dumped = compare.compare(storage.load(str(finished)), "").model_dump()
    assert {row["limit"] for row in dumped["rows"]} == {"bytes in flight", "not bandwidth"}
