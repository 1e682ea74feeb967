# SPDX-License-Identifier: Apache-2.0
"""Summaries: processes are the unit, and an interval says what it covers."""

from hypothesis import given
from hypothesis import strategies as st

from membound import statistics

values = st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=8)


def test_one_long_process_does_not_outvote_the_others():
    assert statistics.centre([[1.0], [2.0], [9.0] * 50]) == 2.0


def test_the_basis_is_named():
    assert statistics.summarise([[1.0, 2.0]]).basis == "within one process"
    assert statistics.summarise([[1.0], [2.0]]).basis == "within two processes"
    assert statistics.summarise([[1.0], [2.0], [3.0]]).basis == "3 processes"


@given(st.lists(values, min_size=1, max_size=4))
def test_the_interval_lies_within_the_samples(processes):
    found = statistics.summarise(processes)
    pooled = [value for samples in processes for value in samples]
    low, high = found.interval95
    assert min(pooled) == found.best <= found.median <= max(pooled)
    assert min(pooled) <= low <= high <= max(pooled)


def test_the_same_samples_give_the_same_interval():
    samples = [[1.0, 1.1, 1.3, 1.2]]
    assert statistics.summarise(samples) == statistics.summarise(samples)
