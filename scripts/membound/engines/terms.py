# SPDX-License-Identifier: Apache-2.0
"""A workload's time by term: each resource's seconds at its paper rate, per token."""

import numpy as np

from membound.engines import demand
from membound.engines.demand import Demand
from membound.engines.workload import Workload

TERMS = ("weights", "experts", "kv", "matmul", "expert_matmul", "attention", "unpack", "launch",
         "expert_launch", "step", "hop", "wire", "pf_matmul", "pf_attention", "pf_launch",
         "mix_matmul", "mix_expert_matmul", "mix_attention", "mix_launch")  # fmt: skip
INDEX = {name: i for i, name in enumerate(TERMS)}
MEMORY = ("weights", "experts", "kv")
CAUSE = dict.fromkeys(MEMORY, "bytes") | {
    "matmul": "flops", "expert_matmul": "flops", "attention": "flops", "pf_matmul": "flops",
    "pf_attention": "flops", "mix_matmul": "flops", "mix_expert_matmul": "flops",
    "mix_attention": "flops", "unpack": "issue", "launch": "overhead",
    "expert_launch": "overhead", "step": "overhead",
    "pf_launch": "overhead", "mix_launch": "overhead", "hop": "communication",
    "wire": "communication",
}  # fmt: skip
MICROSECONDS10 = 1e-5
USABLE_MEMORY = 0.9
MOST_SEQUENCES = 1024.0  # that servers schedule together by default, or less


def of(work: Workload) -> tuple[np.ndarray, Demand]:
    """Seconds per token at unit coefficients, and the same as bytes and operations."""
    if work.phase == "prefill":
        batch = work.batch or 1.0
        whole = _prefill(work, batch, work.prompt, work.depth)
        return _seconds(work, Demand(), whole, Demand(), batch * work.prompt), _per(
            whole, batch * work.prompt
        )
    batch = _batch(work)
    context = work.depth + work.prompt + work.generated / 2
    running = batch
    if work.phase == "continuous":
        # The rate is batch / time of a token, whoever waits for memory or a first token meanwhile.
        running = max(1.0, min(batch * work.generating, fitting(work, context)))
    step = _decode(work, running, context)
    if work.phase == "decode":
        return _seconds(work, step, Demand(), Demand(), batch), _per(step, batch)
    if work.phase == "whole":
        prompt = _prefill(work, batch, max(1.0, work.prompt), work.depth)
        tokens = batch * max(1.0, work.generated)
        generation = step * max(1.0, work.generated)
        return _seconds(work, generation, prompt, Demand(), tokens), _per(
            generation + prompt, tokens
        )
    # Each finished request is replaced by one whose prompt is digested between the steps.
    others = running * work.prompt / max(1.0, work.generated)
    mixed = _prefill(work, 1.0, max(1.0, work.prompt), work.depth) * (
        others / max(1.0, work.prompt)
    )
    return _seconds(work, step, Demand(), mixed, batch), _per(step + mixed, batch)


def _batch(work: Workload) -> float:
    if work.batch:
        return work.batch
    context = work.depth + work.prompt + work.generated / 2
    return max(1.0, min(MOST_SEQUENCES, fitting(work, context)))


def fitting(work: Workload, context: float) -> float:
    """Sequences whose cache fits beside the weights; many where the memory is unknown."""
    if not work.device.capacity_GB:
        return MOST_SEQUENCES
    always, expert = demand.weight_bytes(work.architecture, work.kind, work.scale)
    a, where = work.architecture, work.layout
    held = always / where.shards + a.expert_layers * a.experts * expert / where.expert_shards
    free = work.device.capacity_GB * 1e9 * USABLE_MEMORY - held / where.stages
    one = demand.cache_bytes(a, context, where, _kv_bytes(work))
    return max(0.0, free / one)


def _kv_bytes(work: Workload) -> float:
    """TensorRT-LLM's 8- and 4-bit checkpoints come with an 8-bit cache."""
    return 1.0 if work.engine == "tensorrt-llm" and work.kind.family in ("f8", "f4") else 2.0


def _decode(work: Workload, batch: float, context: float) -> Demand:
    return demand.decode(
        work.architecture, work.kind, batch, context, work.layout, _kv_bytes(work), work.scale
    )


def _prefill(work: Workload, batch: float, tokens: float, depth: float) -> Demand:
    return demand.prefill(
        work.architecture, work.kind, batch, tokens, depth, work.layout, _kv_bytes(work), work.scale
    )


def _per(whole: Demand, tokens: float) -> Demand:
    return whole * (1 / tokens)


def _seconds(
    work: Workload, decode: Demand, prefill: Demand, mixed: Demand, tokens: float
) -> np.ndarray:
    device, both = work.device, decode + prefill
    read, peak = device.bandwidth_GBps * 1e9, device.f16_TFLOPS * 1e12
    multiply = peak * {"f8": device.f8_ratio, "f4": device.f4_ratio, "f32": 0.5}.get(
        work.kind.multiply, 1.0
    )
    seconds = {
        "weights": both.weight_bytes / read,
        "experts": both.expert_bytes / read,
        "kv": both.kv_bytes / read,
        "matmul": decode.matmul_flops / multiply,
        "expert_matmul": decode.expert_flops / multiply,
        "attention": decode.attention_flops / peak,
        "unpack": 2 * both.unpacked_weights / peak,
        "launch": decode.layers * MICROSECONDS10,
        "expert_launch": decode.expert_layers * MICROSECONDS10,
        "step": decode.steps * 1e-3,
        "hop": (both.hops + mixed.hops) * MICROSECONDS10,
        "wire": (both.wire_bytes + mixed.wire_bytes) / (device.link_GBps * 1e9),
        "pf_matmul": (prefill.matmul_flops + prefill.expert_flops) / multiply,
        "pf_attention": prefill.attention_flops / peak,
        "pf_launch": prefill.layers * MICROSECONDS10,
        "mix_launch": mixed.layers * MICROSECONDS10,
        "mix_matmul": mixed.matmul_flops / multiply,
        "mix_expert_matmul": mixed.expert_flops / multiply,
        "mix_attention": mixed.attention_flops / peak,
    }
    return np.array([seconds[name] for name in TERMS]) / tokens
