# SPDX-License-Identifier: Apache-2.0
"""What may be said about saturation and about a prediction."""

import pytest

from membound import storage
from membound.compare import compare
from membound.model.machine import Ceilings
from membound.verdicts import saturation

SIZE = 1 << 28


def machine_with(units, rate_of):
    fewer = {n: (SIZE, rate_of(n)) for n in (units // 4, units // 2, units - 1) if 0 < n < units}
    return Ceilings(
        "cpu:0",
        compute_units=units,
        cold_read_seconds={SIZE: SIZE / rate_of(units)},
        fewer_units=fewer,
    )


@pytest.mark.parametrize("units", [2, 8, 64, 192])
def test_a_rate_that_grows_with_every_core_is_never_saturated(units):
    found = saturation(machine_with(units, lambda n: n * 1e9))
    assert found.shown is False
    assert found.fewer <= 0.75 * units


@pytest.mark.parametrize("units", [2, 8, 64])
def test_a_rate_that_stays_is_saturated(units):
    assert saturation(machine_with(units, lambda n: 1e11 * (1 + 0.0001 * n))).shown is True


def test_one_core_shows_nothing():
    assert saturation(machine_with(1, lambda n: 1e9)) is None


def test_a_changed_or_late_prediction_is_noticed(finished):
    record = storage.load(str(finished))
    assert not any("prediction" in text for text in compare(record, "x").verdicts)
    record.prediction.inputs["version"] = "9"
    record.prediction.made_at = "2999-01-01T00:00:00.000000Z"
    texts = " ".join(compare(record, "x").verdicts)
    assert "does not match its hash" in texts
    assert "younger than the first measured step" in texts


def test_paper_figures_come_from_the_devices_details(finished):
    record = storage.load(str(finished))
    record.prediction = None
    record.devices[0]["details"] = {"paper_bandwidth_GBps": 50, "paper_f32_GFLOPS": 300}
    row = compare(record, "x").rows[0]
    assert row.predicted["P"] > row.predicted["C"]
