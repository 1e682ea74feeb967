# SPDX-License-Identifier: Apache-2.0
"""Experts that a run touched, beside those that are to be expected."""

import pytest

from membound import experts
from membound.model import shape, work
from membound.model.types import Types
from membound.record import Measurement, Row, Sample

QWEN, _ = shape.load("Qwen3-30B-A3B")
TYPES = Types.of("bf16")


def measurement(*touched: tuple[float, int]) -> Measurement:
    samples = [
        Sample(seconds=1, launches=launches, counters={"experts_touched": mean})
        for mean, launches in touched
    ]
    return Measurement(bench="inference/decode", device="cpu:0", stage="step", samples=samples)


def row(**changes: object) -> Row:
    plain = {
        "bench": "inference/decode/bf16/model:Qwen3-30B-A3B/batch:4/context:128",
        "device": "cpu:0", "model": "Qwen3-30B-A3B", "dtype": "bf16", "batch": 4, "context": 128,
        "phase": "decode", "measured": 1.0, "predicted": {}, "residual_pct": {}, "shares": None,
        "seconds": 1.0, "interval95": (1, 1), "interval_basis": "", "achieved_GBps": 1,
        "read_ceiling_fraction": None,
    }  # fmt: skip
    return Row.model_validate(plain | changes)


def test_samples_weigh_by_their_launches():
    found = experts.counted([measurement((28, 1)), measurement((32, 3))], QWEN, TYPES, 4)
    assert found is not None
    assert found.touched == 31
    assert found.expected == pytest.approx(29.123, abs=0.001)
    # The work has 29 experts; two more were read in each of 48 layers.
    assert found.beyond_work_bytes == 48 * 2 * 3 * 768 * 2048 * 2
    assert work.expert_bytes(QWEN, TYPES) == 3 * 768 * 2048 * 2


def test_nothing_is_said_where_nothing_was_counted():
    dense, _ = shape.load("Qwen3-0.6B")
    assert experts.counted([measurement((28, 1))], dense, TYPES, 4) is None
    assert experts.counted([measurement()], QWEN, TYPES, 4) is None
    assert experts.counted([measurement((28, 1))], None, TYPES, 4) is None
    assert experts.sentence([row()]) is None


def test_all_steps_are_one_sentence():
    found = experts.counted([measurement((26.2, 1))], QWEN, TYPES, 4)
    text = experts.sentence([row(experts=found), row(), row(experts=found, phase="prefill")])
    assert text is not None
    assert "decode b4 c128 26.2 of 29.1 (-10 %)" in text
    assert "prefill b4 t128" in text
    assert text.startswith("of 128 experts")
