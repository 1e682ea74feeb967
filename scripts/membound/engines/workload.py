# SPDX-License-Identifier: Apache-2.0
"""What runs where, as a published row's columns or a user's options say it."""

from collections import Counter
from dataclasses import dataclass

from membound.engines import demand, devices, models, names, weights
from membound.engines.architecture import Architecture
from membound.engines.demand import Layout
from membound.engines.devices import Device
from membound.engines.rows import Row
from membound.engines.weights import WeightType

PROMPT, GENERATED = 512.0, 128.0  # what llama-bench and most tables use when they do not say


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
    generating: float = 1.0  # of the requests in the system, the part that is past its first token
    assumed: tuple[str, ...] = ()


def read(row: Row, skipped: Counter[str]) -> Workload | None:
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
        prompt = max(1.0, row.prompt_len or PROMPT)
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
        generating=_generating(row),
        assumed=tuple(assumed),
    )


def _generating(row: Row) -> float:
    """By Little's law: the part of a request's time that it spends generating."""
    first = row.first_token_seconds
    if first is None or not row.batch or not row.gen_len:
        return 1.0
    generating = row.gen_len * row.batch / row.tokens_per_s
    return generating / (first + generating)


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


def group_of(work: Workload) -> str:
    """The kind of workload, for scores and intervals."""
    if work.phase == "serving":
        return "serving"
    several = "" if work.devices == 1 else " on several devices"
    if work.phase == "prefill":
        return f"prefill{several}"
    alone = work.phase == "decode" and work.batch == 1 and work.devices == 1
    return "decode, one stream" if alone else "decode, batched or on several devices"
