# SPDX-License-Identifier: Apache-2.0
"""What may be said about saturation, about samples in doubt, and about a prediction."""

import json

import pytest

from membound import quality, storage
from membound.compare import compare
from membound.model.machine import Ceilings, Reading
from membound.model.saturation import saturation
from membound.record import Measurement

SIZE = 1 << 28


def reading(bench, rate, noise=0.001, size=SIZE):
    samples = [[size / rate * (1 + noise * k) for k in (-2, -1, 0, 1, 2)]]
    return Reading(bench, rate, rate * 1.01, size, samples)


def plain(rate, units=None, noise=0.001):
    name = f"bandwidth/read/f32/mode:cold/bytes:{SIZE}"
    return reading(name if units is None else f"{name}/threads:{units}", rate, noise)


def point(units, ahead, rate, noise=0.001):
    return reading(f"bandwidth/saturation/f32/threads:{units}/streams:2/ahead:{ahead}", rate, noise)


def machine_with(units, rate_of, grid=()):
    fewer = [plain(rate_of(n), n) for n in (units // 4, units // 2, units - 1) if 0 < n < units]
    reads = [plain(rate_of(units)), *fewer]
    return Ceilings("cpu:0", compute_units=units, reads=reads, grid=list(grid))


@pytest.mark.parametrize("units", [2, 8, 64, 192])
def test_a_rate_that_grows_with_every_core_is_never_saturated(units):
    found = saturation(machine_with(units, lambda n: n * 1e9))
    assert found.shown is False
    assert found.fewer <= 0.75 * units


@pytest.mark.parametrize("units", [2, 8, 64])
def test_flat_over_cores_alone_shows_nothing_yet(units):
    found = saturation(machine_with(units, lambda n: 1e11 * (1 + 0.0001 * n)))
    assert found.units.flat is True
    assert found.flight is None
    assert found.shown is None


@pytest.mark.parametrize(("with_many", "shown"), [(1e11, True), (1.02e11, True), (1.1e11, False)])
def test_saturated_only_where_bytes_in_flight_do_not_help_either(with_many, shown):
    grid = [point(8, 0, 1e11), point(8, 512, 1e11), point(8, 4096, with_many)]
    assert saturation(machine_with(8, lambda n: 1e11, grid)).shown is shown


def test_noise_around_the_threshold_leaves_it_open():
    grid = [point(8, 0, 1e11, noise=0.03), point(8, 4096, 1.03e11, noise=0.03)]
    found = saturation(machine_with(8, lambda n: 1e11, grid))
    assert found.flight.flat is None
    assert found.shown is None


def test_the_grid_decides_over_cores_where_it_has_fewer():
    """Half the cores reach the full rate with enough in flight: the plain read would not show."""
    grid = [point(n, ahead, 1e11) for n in (4, 8) for ahead in (0, 4096)]
    found = saturation(machine_with(8, lambda n: n * 1e10, grid))
    assert found.units.flat is True


def test_random_lines_refute_but_never_show():
    base = machine_with(8, lambda n: 1e11, [point(8, 0, 1e11), point(8, 4096, 1e11)])
    name = "bandwidth/chains/none/threads:8/lines:16"
    base.chains = [reading(name, 5e10)]
    assert saturation(base).shown is True
    base.chains = [reading(name, 1.2e11)]
    assert saturation(base).shown is False


def test_one_core_shows_nothing():
    assert saturation(machine_with(1, lambda n: 1e9)) is None


def measurement(tags, seconds=1.0, fits=True, steal=0.3):
    samples = [
        {"seconds": seconds * (1.2 if tag else 1), "tags": [tag] if tag else [],
         "telemetry": {"steal_fraction": steal if tag else 0.0}}
        for tag in tags
    ]  # fmt: skip
    where = {"bench": "x", "device": "cpu:0", "stage": "step", "footprint_ok": fits}
    return Measurement.model_validate(where | {"samples": samples})


def test_a_quarter_of_disturbed_samples_is_borne_more_is_not():
    few, many = measurement(["disturbed", "", "", ""]), measurement(["disturbed", "disturbed", ""])
    assert quality.doubts([few], "it") == []
    (said,) = quality.doubts([many], "it")
    assert "up to 30 % of the cores' time in 2 of 3 samples of it" in said
    assert "footprint" in quality.doubts([measurement([""], fits=False)], "it")[0]


def test_undisturbed_samples_stand_beside_all_only_where_they_differ():
    assert quality.undisturbed_seconds([measurement(["disturbed", "disturbed", ""])]) == 1.0
    assert quality.undisturbed_seconds([measurement(["disturbed", "", ""])]) is None
    assert quality.undisturbed_seconds([measurement(["disturbed"])]) is None


@pytest.mark.parametrize(
    ("drift", "fraction", "residual", "open_"),
    [
        (-2.9, 0.95, -1.0, False),  # within 3 %
        (-10.0, 0.95, -5.0, True),  # the corrected residual is +5.6 %
        (-10.0, 0.95, -25.0, False),
        (-10.0, 0.75, -25.0, True),  # 0.75 / 0.9 is over what capped needs
        (+10.0, 0.95, -5.0, False),
        (None, 0.95, -5.0, False),
    ],
)
def test_drift_matters_where_it_would_change_the_verdict(drift, fraction, residual, open_):
    assert (quality.drift_doubt(drift, fraction, 0.8, residual) is not None) is open_


def run(cli, behaviour):
    done = cli("run", "--model", "Qwen2.5-0.5B", "--out", "o", "--json", behaviour=behaviour)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("behaviour", ["disturbed:ceilings", "disturbed:steps", "cached:ceilings"])
def test_doubtful_samples_carry_no_verdict(cli, behaviour):
    found = run(cli, behaviour)
    steps = [text for text in found["verdicts"] if text.startswith(("decode", "prefill"))]
    assert len(steps) == len(found["rows"]) == 4
    for text in steps:
        assert "inconclusive: " in text
        assert "capped" not in text


def test_disturbed_samples_are_kept_and_the_others_shown_beside(cli):
    row = run(cli, "disturbed:steps")["rows"][0]
    assert row["undisturbed"] == pytest.approx(row["measured"] * 1.047, rel=0.01)
    assert row["marks"] == ["disturbed (3 of 6 samples)"]


def test_a_suspended_machine_changes_no_number(cli, finished):
    calm = compare(storage.load(str(finished)), "x")
    found = run(cli, "suspended")
    for before, after in zip(calm.rows, found["rows"], strict=True):
        assert after["measured"] == pytest.approx(before.measured, rel=0.02)
        assert after["interval95"][0] > 0.95 * after["measured"]
        assert after["marks"] == ["suspended (1 of 6 samples)"]
    assert found["ceilings"]["saturation"]["gain"] == pytest.approx(4 / 3, rel=0.02)
    assert found["ceilings"]["saturated"] is False


def test_a_changed_or_late_prediction_is_noticed(finished):
    record = storage.load(str(finished))
    assert not any("prediction" in text for text in compare(record, "x").verdicts)
    record.prediction.inputs["version"] = "9"
    record.prediction.made_at = "2999-01-01T00:00:00.000000Z"
    texts = " ".join(compare(record, "x").verdicts)
    assert "does not match its hash" in texts
    assert "younger than the first measured step" in texts


def test_processes_of_different_builds_are_noticed(finished):
    record = storage.load(str(finished))
    record.processes[0].header["git_revision"] = "abc"
    assert any("different builds" in text for text in compare(record, "x").verdicts)


def test_paper_figures_come_from_the_devices_details(finished):
    record = storage.load(str(finished))
    record.prediction = None
    record.devices[0]["details"] = {"paper_bandwidth_GBps": 50, "paper_f32_GFLOPS": 300}
    row = compare(record, "x").rows[0]
    assert row.predicted["P"] > row.predicted["C"]
