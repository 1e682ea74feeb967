# SPDX-License-Identifier: Apache-2.0
"""A published row as the model sees it: seconds per token by term, and what it has in common."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from membound.engines import demand, devices, models, names, weights
from membound.engines.architecture import Architecture
from membound.engines.demand import Demand, Layout
from membound.engines.devices import Device
from membound.engines.rows import Row, Table
from membound.engines.weights import WeightType

TERMS = ("weights", "experts", "kv", "matmul", "attention", "unpack", "launch", "expert_launch",
         "step", "hop", "wire", "pf_matmul", "pf_attention", "pf_launch",
         "mix_matmul", "mix_attention", "mix_launch")  # fmt: skip
INDEX = {name: i for i, name in enumerate(TERMS)}
MEMORY = ("weights", "experts", "kv")
CAUSE = dict.fromkeys(MEMORY, "bytes") | {
    "matmul": "flops", "attention": "flops", "pf_matmul": "flops", "pf_attention": "flops",
    "mix_matmul": "flops", "mix_attention": "flops", "unpack": "issue", "launch": "overhead",
    "expert_launch": "overhead", "step": "overhead",
    "pf_launch": "overhead", "mix_launch": "overhead", "hop": "communication",
    "wire": "communication",
}  # fmt: skip
MICROSECONDS10 = 1e-5
PROMPT, GENERATED = 512.0, 128.0  # what llama-bench and most tables use when they do not say
USABLE_MEMORY = 0.9
MOST_SEQUENCES = 1024.0  # that servers schedule together by default, or less


@dataclass(frozen=True)
class Workload:
    """What runs where: all that a prediction needs."""

    device: Device
    devices: int
    engine: str
    build: str
    architecture: Architecture
    kind: WeightType
    phase: names.Phase
    batch: float | None
    prompt: float
    generated: float
    depth: float
    layout: Layout
    scale: float = 1.0  # stored bytes over nominal
    assumed: tuple[str, ...] = ()


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


def group_of(work: Workload) -> str:
    """The kind of workload, for scores and intervals."""
    if work.phase == "serving":
        return "serving"
    several = "" if work.devices == 1 else " on several devices"
    if work.phase == "prefill":
        return f"prefill{several}"
    alone = work.phase == "decode" and work.batch == 1 and work.devices == 1
    return "decode, one stream" if alone else "decode, batched or on several devices"


def build(table: Table) -> list[Point]:
    """Points of all rows that can be predicted; the others are counted in the table."""
    points = []
    for row in table.rows:
        work = workload(row, table.skipped)
        if work is not None:
            seconds, total = terms(work)
            points.append(Point(row, work, seconds, total))
    return points


def workload(row: Row, skipped: Counter[str]) -> Workload | None:
    """Read a row's columns; None, with the reason counted, where too much is missing."""
    phase = names.phase(row.phase)
    device = devices.describe(row.device, row.mem_bw_GBps, row.peak_tflops_fp16)
    architecture = models.describe(row.model, row.params_B, row.active_params_B)
    kind = weights.parse(row.weight_dtype)
    if kind is None and row.weight_bytes_GB and architecture:
        kind = _by_size(8 * row.weight_bytes_GB * 1e9 / architecture.total)
    if phase is None or device is None or architecture is None or kind is None:
        unknown = {
            "unknown phase": phase,
            "device unknown and no mem_bw_GBps": device,
            "model unknown and no params_B": architecture,
            "weight_dtype unknown and no weight_bytes_GB": kind,
        }
        skipped[next(reason for reason, value in unknown.items() if value is None)] += 1
        return None
    if reason := _lacks(row, phase, device):
        skipped[reason] += 1
        return None
    family, build = names.engine(row.engine)
    split = row.layer_split.casefold() in ("yes", "true", "1", "layer")
    assumed = [name for name in ("prompt_len", "gen_len") if getattr(row, name) is None]
    prompt = row.prompt_len if row.prompt_len is not None else 0.0
    if phase == "prefill":
        prompt = row.prompt_len or PROMPT
    elif row.depth is not None and row.prompt_len == row.depth:
        prompt = 0.0  # the prompt is what is cached already
    return Workload(
        device=device,
        devices=round(row.n_devices),
        engine=family,
        build=f"{build} {row.date[:4]}".strip(),
        architecture=architecture,
        kind=kind,
        phase=phase,
        batch=row.batch or (1.0 if phase == "prefill" else None),
        prompt=prompt,
        generated=row.gen_len if row.gen_len is not None else GENERATED,
        depth=row.depth or 0.0,
        layout=demand.layout(
            round(row.n_devices), split, row.tp, row.ep, star=family == "llama.cpp"
        ),
        scale=_scale(row, architecture, kind),
        assumed=tuple(assumed),
    )


def _lacks(row: Row, phase: names.Phase, device: Device) -> str | None:
    """What a row of this phase needs and does not say."""
    if phase == "serving" and (row.prompt_len is None or row.gen_len is None):
        return "serving without prompt_len and gen_len"
    if phase == "serving" and not row.batch and not device.capacity_GB:
        return "serving without batch on a device of unknown memory"
    if phase in ("continuous", "whole") and not (row.batch and row.gen_len):
        return "decode with prefill in its time, without batch or gen_len"
    if phase == "prefill" and row.batch is None and row.n_devices > 1:
        return "prefill on several devices without batch"
    if phase == "decode" and row.batch is None:
        return "decode without batch"
    return None


def _by_size(bits: float) -> WeightType | None:
    """For a type that no rule reads: the bits that its size implies."""
    for most, family in ((3.8, "q3"), (6.0, "i4"), (10.0, "i8"), (18.0, "f16"), (34.0, "f32")):
        if 1.0 < bits <= most:
            return WeightType(bits, family)
    return None


def _scale(row: Row, architecture: Architecture, kind: WeightType) -> float:
    """Stored bytes over nominal, where the row states them and they are of the same order."""
    if not row.weight_bytes_GB:
        return 1.0
    plain = WeightType(kind.bits, kind.family, kind.multiply, kind.rest_bits)
    always, expert = demand.weight_bytes(architecture, plain)
    nominal = always + architecture.expert_layers * architecture.experts * expert
    nominal += architecture.embedding_weights * (kind.rest_bits or kind.bits) / 8
    ratio = row.weight_bytes_GB * 1e9 / nominal
    return ratio if 0.6 < ratio < 1.7 else 1.0


def terms(work: Workload) -> tuple[np.ndarray, Demand]:
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
        running = max(1.0, min(batch, fitting(work, context)))
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
        "attention": decode.attention_flops / peak,
        "unpack": 2 * both.unpacked_weights / peak,
        "launch": decode.layers * MICROSECONDS10,
        "expert_launch": decode.expert_layers * MICROSECONDS10,
        "step": decode.steps * 1e-3,
        "hop": (both.hops + mixed.hops) * MICROSECONDS10,
        "wire": (both.wire_bytes + mixed.wire_bytes) / (device.link_GBps * 1e9),
        "pf_matmul": prefill.matmul_flops / multiply,
        "pf_attention": prefill.attention_flops / peak,
        "pf_launch": prefill.layers * MICROSECONDS10,
        "mix_launch": mixed.layers * MICROSECONDS10,
        "mix_matmul": mixed.matmul_flops / multiply,
        "mix_attention": mixed.attention_flops / peak,
    }
    return np.array([seconds[name] for name in TERMS]) / tokens
