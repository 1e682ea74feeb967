# SPDX-License-Identifier: Apache-2.0
"""Properties that the engine model has whatever it was fitted to."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.engines import (
    answer,
    architecture,
    demand,
    devices,
    models,
    natural,
    profile,
    terms,
    weights,
)
from membound.engines.demand import Layout

NAMES = ["Llama-2-7B", "Llama-3.1-8B", "Mixtral-8x7B", "DeepSeek-V3", "Gemma-3-4B", "gpt-oss-20b"]
MODELS = st.sampled_from(NAMES)
TYPES = st.sampled_from(["bf16", "q4_0", "fp8", "mxfp4", "awq"])
PHASES = st.sampled_from(["decode", "prefill"])
ENGINES = st.sampled_from(["vllm 0.12", "llama.cpp", "somebody's new one"])
BATCHES = st.integers(1, 256)
CONTEXTS = st.integers(1, 32768)
DEVICES = st.sampled_from(["h100_sxm", "rtx4090", "mi300x", "apple_m2_ultra_76_core"])
COUNTS = st.sampled_from([1, 2, 4, 8])


def seconds(work):
    at, _ = terms.of(work)
    return float(np.exp(profile.predict(work, at, "decode").log_seconds))


def work_of(engine, device, model, count, phase, batch, context, dtype):
    return answer.workload(engine, device, model, count, phase, batch, context, context, dtype)


WORKS = st.builds(work_of, ENGINES, DEVICES, MODELS, COUNTS, PHASES, BATCHES, CONTEXTS, TYPES)


@settings(max_examples=60, deadline=None)
@given(WORKS, st.floats(1.0, 10.0))
def test_more_bandwidth_or_compute_is_never_slower(work, factor):
    for field in ("bandwidth_GBps", "f16_TFLOPS", "link_GBps"):
        more = {field: factor * getattr(work.device, field)}
        faster = replace(work, device=work.device.model_copy(update=more))
        assert seconds(faster) <= seconds(work) * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(WORKS, st.integers(1, 256))
def test_a_larger_batch_is_a_longer_step_and_a_higher_rate(work, more):
    if work.phase != "decode":
        return
    larger = replace(work, batch=work.batch + more)
    assert seconds(larger) <= seconds(work) * (1 + 1e-9)
    assert seconds(larger) * larger.batch >= seconds(work) * work.batch * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(WORKS, st.integers(1, 10000))
def test_a_longer_context_is_never_faster(work, more):
    longer = replace(work, depth=work.depth + more)
    assert seconds(longer) >= seconds(work) * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(MODELS, TYPES, BATCHES, BATCHES, CONTEXTS, COUNTS)
def test_bytes_of_the_cache_and_operations_add_over_sequences(model, dtype, a, b, context, count):
    shape, kind = models.load(model), weights.parse(dtype)
    where = Layout(shards=count, expert_shards=count)
    one, two, both = (demand.decode(shape, kind, n, context, where) for n in (a, b, a + b))
    for name in ("kv_bytes", "matmul_flops", "expert_flops", "attention_flops"):
        assert getattr(one, name) + getattr(two, name) == pytest.approx(getattr(both, name))
    assert both.weight_bytes == one.weight_bytes
    assert max(one.expert_bytes, two.expert_bytes) <= both.expert_bytes + 1e-9
    assert both.expert_bytes <= one.expert_bytes + two.expert_bytes + 1e-6


@settings(max_examples=60, deadline=None)
@given(WORKS)
def test_shares_sum_to_1_and_the_interval_holds_the_prediction(work):
    found = answer.answer(work)
    assert sum(found["shares"].values()) == pytest.approx(1)
    assert set(found["shares"]) <= {"bytes", "flops", "issue", "overhead", "communication"}
    low, high = found["interval90"]
    assert 0 < low < found["tokens_per_s"] < high
    assert found["bound"] == max(found["shares"], key=found["shares"].get)


def test_an_unknown_engine_device_or_model_widens_the_interval():
    def width(engine="llama.cpp", shape=None, **device):
        work = work_of(engine, "rtx4090", "Llama-2-7B", 1, "decode", 1, 128, "q4_0")
        work = replace(work, device=work.device.model_copy(update=device))
        work = replace(work, architecture=replace(work.architecture, **(shape or {})))
        found = answer.answer(work)
        return found["interval90"][1] / found["interval90"][0]

    assert width(engine="nobody's") > width()
    assert width(name="never seen") > width()
    assert width(shape={"name": "never seen", "known": False}) > width()


def test_weights_of_a_token():
    shape = models.load("Llama-3.1-8B")
    step = demand.decode(shape, weights.parse("bf16"), 1, 1, Layout())
    # All but the input embedding: 8.030e9 parameters less 128256 x 4096.
    assert step.weight_bytes == pytest.approx(2 * (8.030e9 - 128256 * 4096), rel=1e-3)
    two = demand.decode(shape, weights.parse("bf16"), 1, 1, Layout(shards=2, expert_shards=2))
    assert two.weight_bytes == step.weight_bytes / 2


def test_latent_attention_caches_its_latent_on_every_device():
    shape = models.load("DeepSeek-V3")
    for shards in (1, 8):
        where = Layout(shards=shards, expert_shards=shards)
        step = demand.decode(shape, weights.parse("fp8"), 1, 1000, where)
        assert step.kv_bytes == 61 * 576 * 2 * 1000


def test_sliding_windows_end():
    shape = models.load("Gemma-3-4B")
    near, far = (shape.cached_tokens(tokens) for tokens in (1024, 11024))
    assert far - near == 5 * 10000  # 29 of 34 layers see no more than 1024 tokens


def test_experts_touched():
    shape = models.load("Mixtral-8x7B")
    assert shape.touched_experts(1) == pytest.approx(2)
    # Routed with equal chance 32 tokens would touch 7.999 of 8; some experts are favourites.
    assert 7 < shape.touched_experts(32) < 7.9
    assert 7.99 < shape.touched_experts(1e5) < 8


def test_layers_without_a_cache_keep_a_state():
    plain, hybrid = (architecture.from_totals("x", 8e9, None, part) for part in (1.0, 0.1))
    growth = [one.cached_tokens(9000) - one.cached_tokens(1000) for one in (plain, hybrid)]
    assert growth[1] == pytest.approx(0.1 * growth[0], rel=0.15)
    kind, where = weights.parse("bf16"), Layout()
    empty = [demand.decode(one, kind, 1, 0, where).kv_bytes for one in (plain, hybrid)]
    assert empty[0] == 0
    # 30 of 34 layers: 2 x 4352 x 128 numbers of four bytes, read and written.
    recurrent = hybrid.layers - hybrid.attention_layers
    assert empty[1] == recurrent * 2 * hybrid.hidden * 128 * 4 * 2


def test_requests_that_wait_for_their_first_token_are_not_in_the_batch():
    work = work_of("vllm", "h100_sxm", "Llama-3.1-8B", 1, "decode", 64, 1000, "bf16")
    busy = replace(work, phase="continuous", prompt=1000.0, generated=500.0, depth=0.0)
    waiting = replace(busy, generating=0.25)
    step = {name: terms.of(one)[0][terms.INDEX["kv"]] for name, one in
            {"busy": busy, "waiting": waiting}.items()}  # fmt: skip
    assert step["waiting"] == pytest.approx(step["busy"] / 4)
    assert seconds(waiting) < seconds(busy)


def test_links_through_the_host_are_less_certain():
    def width(link):
        work = work_of("vllm", "h100_sxm", "Llama-3.1-70B", 4, "decode", 16, 1000, "fp8")
        found = replace(work, device=work.device.model_copy(update={"link_GBps": link}))
        answered = answer.answer(found)["interval90"]
        return answered[1] / answered[0]

    assert width(32) > width(900)


def test_causes_sum_terms():
    parts = np.zeros(len(terms.TERMS))
    parts[terms.INDEX["kv"]] = parts[terms.INDEX["weights"]] = 1.0
    parts[terms.INDEX["hop"]] = 2.0
    assert natural.causes(parts) == {"bytes": 0.5, "communication": 0.5}


def test_a_device_without_a_peak_is_marked():
    assert not devices.describe("RX 7900 XTX").peak_known
    assert devices.describe("MI300X").peak_known
