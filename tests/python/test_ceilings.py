# SPDX-License-Identifier: Apache-2.0
"""What is taken out of a record: peaks by type, the read ceiling, latencies; tier C's misses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membound import ceilings_json, claims, storage, verdicts
from membound.compare import compare
from membound.model import machine, tiers
from membound.model.work import Work
from membound.record import Measurement, PredictedStep, Process, Record, WorkCounts

READ = f"bandwidth/read/f32/mode:cold/bytes:{1 << 28}"


def measured(bench, seconds=1.0, stage="ceiling", counters=None, **work):
    samples = [{"seconds": seconds, "counters": counters or {}}]
    where = {"bench": bench, "device": "cpu:0", "stage": stage, "work": work}
    return Measurement.model_validate(where | {"samples": samples})


def ceilings_of(*measurements, **device):
    record = Record(version="0", started_at="", settings={})
    record.processes = [Process(suite="ceilings", measurements=list(measurements))]
    record.devices = [{"id": "cpu:0", "compute_units": 2} | device]
    return machine.ceilings(record)["cpu:0"]


def test_the_peak_of_a_type_is_the_better_of_vectors_and_matrices():
    found = ceilings_of(
        measured("compute/fma/f32", flops={"f32": 100}),
        measured("compute/fma/bf16", flops={"bf16": 200}),
        measured("compute/matrix/bf16", flops={"bf16": 1600}),
        measured("compute/matrix/i8", flops={"i8": 3200}),
        measured("compute/library_gemm/bf16/m:1/n:1/k:1/library:onednn", flops={"bf16": 1500}),
    )
    assert found.peaks == {"f32": 100, "bf16": 1600, "i8": 3200}
    assert found.flops_rate == 100
    assert found.libraries == {"bf16": 1500}


def test_flops_of_each_type_run_at_their_own_peak():
    work = Work(f32_flops=50, matmul_flops={"bf16": 800, "f16": 10})
    peaks = {"f32": 100.0, "bf16": 1600.0}
    # f16 has no peak of its own and is widened to f32.
    assert tiers.flops_seconds(work, peaks) == pytest.approx(0.5 + 0.5 + 0.1)
    assert tiers.flops_seconds(work, {"bf16": 1600.0}) == pytest.approx(0.5)
    assert tiers.flops_seconds(work, {}) == 0


def test_quantised_weights_take_the_best_units_for_their_products():
    work = Work(matmul_flops={"q8_0": 100})
    assert tiers.flops_seconds(work, {"f32": 10.0, "bf16": 40.0, "i8": 20.0}) == 2.5
    assert tiers.flops_seconds(work, {"f32": 10.0}) == 10
    assert tiers.flops_seconds(work, {}) == 0


def test_dequantisation_has_a_ceiling_by_type_and_tokens_and_a_sentence():
    found = ceilings_of(
        measured(READ, bytes_read=50e9),
        measured("inference/dequant/q8_0/m:1/n:64/k:32", bytes_read=100e9),
        measured("inference/dequant/q8_0/m:16/n:64/k:32", bytes_read=25e9),
    )
    assert found.dequant == {"q8_0": {1: 100e9, 16: 25e9}}
    (text,) = verdicts.dequantisation(found)
    assert "1 token at 100.0 GB/s (2.00 of cold reads: bytes)" in text
    assert "16 tokens at 25.0 GB/s (0.50 of cold reads: issue)" in text


def test_paper_peaks_are_read_by_type():
    details = {"paper_f32_GFLOPS": 3, "paper_bf16_GFLOPS": 48, "paper_f64_GFLOPS": None}
    found = ceilings_of(measured("compute/fma/f32", flops={"f32": 1}), details=details)
    assert found.paper_peaks == {"f32": 3e9, "bf16": 48e9}


@pytest.mark.parametrize(("faster", "taken"), [(1.005, False), (1.05, True)])
def test_the_ceiling_is_the_grids_only_where_it_is_clearly_better(faster, taken):
    point = "bandwidth/saturation/f32/threads:2/streams:4/ahead:1024"
    one_core = "bandwidth/saturation/f32/threads:1/streams:4/ahead:1024"
    found = ceilings_of(
        measured(READ, bytes_read=1 << 28),
        measured(point, 1 / faster, bytes_read=1 << 28),
        measured(one_core, 0.5, bytes_read=1 << 28),  # fewer cores are never the ceiling
    )
    assert found.read_bench == (point if taken else READ)
    assert found.read_rate == pytest.approx((1 << 28) * (faster if taken else 1))


def test_rates_with_and_without_write_allocate():
    copy = f"bandwidth/copy/f32/mode:cold/bytes:{1 << 20}"
    work = {"bytes_read": 1 << 19, "bytes_written": 1 << 19}
    found = ceilings_of(
        measured(copy, 1e-3, write_allocate_bytes=1 << 19, **work),
        measured(f"{copy}/store:nt", 0.8e-3, **work),
        measured(copy.replace("cold", "hot"), 1e-5, **work),
        measured(copy.replace(str(1 << 20), str(1 << 10)), 1e-9, **work),
    )
    shown = ceilings_json.as_json(found, None, None, [])
    rate = (1 << 20) / 1e-3 / 1e9
    assert shown["rates_GBps"] == pytest.approx({"copy/f32": rate, "copy/f32/nt": rate / 0.8})
    assert shown["bus_rates_GBps"] == pytest.approx({"copy/f32": 1.5 * rate})


def test_latency_idle_and_loaded_and_bytes_in_flight():
    def loaded(delay, rate, seconds):
        counters = {"injected_bytes_per_second": rate, "latency_seconds": seconds}
        return measured(f"latency/loaded/none/delay:{delay}", counters=counters)

    found = ceilings_of(
        measured(READ, 0.01, bytes_read=1 << 28),
        measured("latency/chase/none/bytes:4096/pages:huge", 1e-6, bytes_read=64 * 100),
        measured("latency/chase/none/bytes:1048576/pages:huge", 9e-6, bytes_read=64 * 100),
        measured("latency/chase/none/bytes:1048576/pages:small", 12e-6, bytes_read=64 * 100),
        loaded(0, 20e9, 200e-9),
        loaded(900, 1e9, 95e-9),
    )
    shown = ceilings_json.as_json(found, None, None, [])["latency"]
    assert shown["idle_huge_pages_ns"] == pytest.approx(90)
    assert shown["idle_small_pages_ns"] == pytest.approx(120)
    assert shown["loaded_ns"] == pytest.approx(200)
    assert shown["bytes_in_flight"] == pytest.approx((1 << 28) / 0.01 * 200e-9)
    assert [at["GBps"] for at in shown["curve"]] == pytest.approx([1, 20])


def test_without_these_benches_nothing_is_claimed():
    shown = ceilings_json.as_json(ceilings_of(measured(READ, bytes_read=1 << 28)), None, None, [])
    assert shown["saturated"] is None
    assert shown["roofline"]["measured"] is False
    assert shown["latency"]["bytes_in_flight"] is None
    assert ceilings_json.ridge_text(shown) is None


fractions = st.floats(0, 1)


@given(st.floats(1e-4, 1), st.floats(0.2, 5), st.floats(0.2, 5), fractions, fractions)
def test_what_tier_c_leaves_out_sums_to_what_it_misses(measured_s, claim, kernels, issue, latency):
    step = PredictedStep(
        device="cpu:0", phase="decode", dtype="bf16", batch=1, context=1, tokens=1,
        work=WorkCounts(), tokens_per_s={"P": None, "C": 1.0, "K": 1.0},
        seconds={"P": None, "C": claim * measured_s, "K": kernels * measured_s},
        shares={
            "issue": issue / 2, "latency": latency / 2, "flops": 0.0, "overhead": 0.0,
            "bytes": 1 - issue / 2 - latency / 2,
        },
    )  # fmt: skip
    found = claims.gap(measured_s, step)
    assert found.missing_seconds == pytest.approx(measured_s * (1 - claim), abs=1e-9)
    assert sum(found.left_out.values()) * measured_s == pytest.approx(
        found.missing_seconds, abs=1e-9
    )


def test_a_miss_names_its_causes_and_the_kernels_behind_them(finished):
    found = compare(storage.load(str(finished)), "x")
    row = next(row for row in found.rows if row.phase == "prefill")
    assert row.residual_pct["C"] < -10
    assert row.claim_gap.missing_seconds > 0
    worst = row.claim_gap.kernels[0]
    assert worst.bench.startswith("inference/gemm/")
    (text,) = [t for t in found.verdicts if "batch 1, 128 tokens" in t and "tier C misses" in t]
    assert "leaves out issue (9 % of the step" in text
    assert f"{worst.bench} at 0.91" in text


def test_a_step_without_kernels_has_a_gap_but_no_causes(finished):
    record = storage.load(str(finished))
    for step in record.prediction.steps:
        step.shares, step.seconds["K"] = None, None
    found = compare(record, "x")
    assert all(row.claim_gap.left_out == {} for row in found.rows)
    assert not any("tier C misses" in text for text in found.verdicts)
