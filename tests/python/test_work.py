# SPDX-License-Identifier: Apache-2.0
"""Work per launch: against the measuring program's own, and against closed formulas."""

import json
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from membound.model import shape, work
from membound.model.shape import Shape
from membound.model.types import BLOCK, ELEMENT_BYTES, NAMES, Types, stored_bytes

PROGRAM = ROOT / "build" / "membound-bench"
MODELS = [
    *("Llama-3.2-1B", "Llama-3.1-8B", "Qwen2.5-0.5B", "Qwen3-32B", "Gemma-2-2B", "Llama-2-7B"),
    *("Qwen3-0.6B", "Qwen3-30B-A3B", "Qwen3-235B-A22B"),
]

shapes = st.builds(
    lambda kv, group, half_dim, **rest: Shape(
        id="any", heads=kv * group, kv_heads=kv, head_dim=2 * half_dim, **rest
    ),
    kv=st.integers(1, 8),
    group=st.integers(1, 8),
    half_dim=st.integers(1, 128),
    hidden_size=st.integers(1, 8192),
    intermediate_size=st.integers(1, 16384),
    layers=st.integers(1, 6),
    vocab_size=st.integers(1, 200000),
    tie_word_embeddings=st.booleans(),
    qk_norm=st.booleans(),
)
mixtures = st.builds(
    lambda s, chosen, more, inner: replace(
        s, experts=chosen + more, experts_per_token=chosen, expert_intermediate=inner
    ),
    s=shapes,
    chosen=st.integers(1, 16),
    more=st.integers(0, 500),
    inner=st.integers(1, 2048),
)

every, cached = st.sampled_from(NAMES), st.sampled_from(list(ELEMENT_BYTES))
types_of = st.builds(Types, weights=every, embedding=every, head=every, cache=cached)


def in_blocks(s: Shape) -> Shape:
    """Rows of whole blocks."""
    return replace(
        s,
        hidden_size=s.hidden_size * BLOCK,
        intermediate_size=s.intermediate_size * BLOCK,
        head_dim=s.head_dim * BLOCK,
        expert_intermediate=s.expert_intermediate * BLOCK,
    )


def norm_bytes(s: Shape) -> int:
    return 4 * (s.hidden_size * (2 * s.layers + 1) + 2 * s.head_dim * s.layers * s.qk_norm)


@pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")
@pytest.mark.parametrize(
    ("dtype", "cache"),
    [*((dtype, None) for dtype in NAMES), ("bf16", "f16"), ("q8_0", "f32"), ("q4_0", "bf16")],
)
@pytest.mark.parametrize("model", MODELS)
def test_work_equals_the_measuring_programs(model, dtype, cache):
    types = Types.of(dtype, cache)
    flags = [f"--model={model}", f"--dtype={dtype}", "--batch=1,4,32", "--context=1,128,2048"]
    flags += [f"--cache={cache}"] if cache else []
    done = subprocess.run(
        [PROGRAM, "--print-work", *flags, "--prefill=17,65,512"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    printed = json.loads(done.stdout)
    found, _ = shape.load(model)
    for key, value in found.as_dict().items():
        assert printed["model"][key] == value
    assert printed["types"] == types.as_dict()
    assert {p["phase"] for p in printed["programs"]} == {"decode", "prefill"}
    for program in printed["programs"]:
        batch = program["batch"]
        if program["phase"] == "decode":
            step = work.decode(found, types, batch, program["context"])
        else:
            step = work.prefill(found, types, batch, program["tokens"])
        ours = [(x.op, x.bench, x.work.as_dict()) for x in step.launches]
        assert [(x["op"], x["bench"], x["work"]) for x in program["launches"]] == ours
        assert program["total"] == step.total.as_dict()
        assert program["bytes_by_class"] == step.bytes_by_class
        assert program["weight_bytes"] == work.weight_bytes(found, types)
        assert program["kv_bytes"] == work.kv_bytes(found, types, batch, step.context)


@given(shapes, types_of, st.integers(1, 64), st.integers(1, 4096))
def test_decode_reads_every_weight_once_and_the_cache_of_the_context(s, types, batch, context):
    s = in_blocks(s)
    types = replace(types, head=types.embedding) if s.tie_word_embeddings else types
    total = work.decode(s, types, batch, context).total
    embedding = s.vocab_size * stored_bytes(types.embedding, s.hidden_size)
    streamed = work.weight_bytes(s, types) - (0 if s.tie_word_embeddings else embedding)
    gathered = batch * stored_bytes(types.embedding, s.hidden_size)
    cache = work.kv_bytes(s, types, batch, context)
    assert total.bytes_read == streamed + gathered + cache
    assert total.bytes_written == work.kv_bytes(s, types, batch, 1)


@given(mixtures, types_of, st.integers(1, 64), st.integers(1, 4096))
def test_a_mixture_reads_the_experts_that_it_expects_to_touch(s, types, batch, context):
    s = in_blocks(s)
    types = replace(types, head=types.embedding) if s.tie_word_embeddings else types
    total = work.decode(s, types, batch, context).total
    embedding = s.vocab_size * stored_bytes(types.embedding, s.hidden_size)
    streamed = work.weight_bytes(s, types) - (0 if s.tie_word_embeddings else embedding)
    touched = int(work.expected_experts(s, batch) + 0.5)
    assert s.experts_per_token <= touched <= min(s.experts, batch * s.experts_per_token)
    untouched = s.layers * (s.experts - touched) * work.expert_bytes(s, types)
    gathered = batch * stored_bytes(types.embedding, s.hidden_size)
    cache = work.kv_bytes(s, types, batch, context)
    assert total.bytes_read == streamed - untouched + gathered + cache


def test_expected_experts_of_known_cases():
    found, _ = shape.load("Qwen3-30B-A3B")
    assert work.expected_experts(found, 1) == 8
    assert work.expected_experts(found, 2) == 15.5
    assert work.expected_experts(found, 32) == pytest.approx(111.77, abs=0.01)
    assert work.expected_experts(found, 10**6) == 128


@given(shapes, st.integers(1, 64), st.integers(1, 2048))
def test_launches_sum_to_the_total_in_every_field(s, batch, tokens):
    step = work.prefill(s, Types.of("bf16"), batch, tokens)
    assert len(step.launches) == 9 * s.layers + 5
    for key in ("bytes_read", "bytes_written", "activation_bytes", "flops"):
        assert getattr(step.total, key) == sum(getattr(x.work, key) for x in step.launches)
    assert step.tokens == batch * tokens


@given(shapes, st.integers(1, 8), st.integers(1, 1024))
def test_f32_moves_twice_the_weight_bytes_of_bf16_with_the_same_flops(s, batch, context):
    half = work.decode(s, Types.of("bf16"), batch, context).total
    full = work.decode(s, Types.of("f32"), batch, context).total
    norms = norm_bytes(s)
    assert full.bytes_read - norms == 2 * (half.bytes_read - norms)
    assert full.flops == half.flops


@given(shapes, st.sampled_from(["bf16", "f16"]), st.integers(1, 8), st.integers(1, 1024))
def test_products_with_weights_count_as_flops_of_their_type(s, dtype, batch, context):
    types = Types.of(dtype)
    by_type = work.decode(s, types, batch, context).total.flops_by_type
    used = work.weight_bytes(s, types) - norm_bytes(s)
    embedding = s.vocab_size * s.hidden_size * 2
    used -= 0 if s.tie_word_embeddings else embedding
    assert by_type[dtype] == batch * used  # two flops for each two bytes
    assert set(by_type) == {dtype, "f32"}


def test_matmul_is_a_gemv_up_to_64_rows():
    found, _ = shape.load("Llama-3.2-1B")
    names = {b: work.decode(found, Types.of("bf16"), b, 128).launches[2].bench for b in (64, 65)}
    assert names[64] == "inference/gemv/bf16/m:64/n:3072/k:2048"
    assert names[65] == "inference/gemm/bf16/m:65/n:3072/k:2048"


@pytest.mark.parametrize(("dtype", "bits"), [("q8_0", 8.5), ("q4_0", 4.5)])
def test_scales_of_blocks_count(dtype, bits):
    assert stored_bytes(dtype, 4096) * 8 == bits * 4096


def test_a_quantised_types_cache_is_f16_unless_chosen():
    assert Types.of("q8_0") == Types("q8_0", "q8_0", "q8_0", "f16")
    assert Types.of("q4_0", "bf16").cache == "bf16"
    assert Types.of("f32").cache == "f32"
