# SPDX-License-Identifier: Apache-2.0
"""What one step asks of one device: bytes, operations, launches and messages, by definition."""

import math
from dataclasses import dataclass

from membound.engines.architecture import Architecture
from membound.engines.devices import NODE
from membound.engines.weights import WeightType

CHUNK_TOKENS = 2048  # of a prefill that goes through the layers together
ACTIVATION_BYTES = 2


@dataclass(frozen=True)
class Layout:
    """How a model lies over devices. `shards` devices share each layer; `stages` take turns.

    `star`: one device hands out activations and collects results, instead of a ring.
    """

    shards: int = 1
    expert_shards: int = 1
    stages: int = 1
    star: bool = False


@dataclass(frozen=True)
class Demand:
    """Of one device and one step (or one prefill)."""

    weight_bytes: float = 0.0
    expert_bytes: float = 0.0
    kv_bytes: float = 0.0
    matmul_flops: float = 0.0
    expert_flops: float = 0.0  # of experts that a router chose: small products, unevenly loaded
    attention_flops: float = 0.0
    unpacked_weights: float = 0.0
    layers: float = 0.0  # passes through a layer: each is a few launches
    expert_layers: float = 0.0
    steps: float = 0.0
    hops: float = 0.0  # waits for other devices
    wire_bytes: float = 0.0

    def __add__(self, other: "Demand") -> "Demand":
        return Demand(*(getattr(self, k) + getattr(other, k) for k in self.__dataclass_fields__))

    def __mul__(self, times: float) -> "Demand":
        return Demand(*(times * getattr(self, k) for k in self.__dataclass_fields__))


def layout(
    devices: int, layer_split: bool, tp: float | None, ep: float | None, star: bool = False
) -> Layout:
    """From a row's columns; experts lie over all devices, matrices within a node at most."""
    if layer_split:
        return Layout(stages=devices)
    shards = int(tp) if tp and tp <= devices else min(devices, NODE)
    return Layout(shards=shards, expert_shards=max(devices, int(ep or 1)), star=star)


def weight_bytes(a: Architecture, kind: WeightType, scale: float = 1.0) -> tuple[float, float]:
    """Bytes of what every token reads, and of one expert; `scale` is stored over nominal."""
    rest = kind.rest_bits if kind.rest_bits and a.experts else kind.bits
    return scale * a.always * rest / 8, scale * a.expert_weights * kind.bits / 8


def decode(
    a: Architecture,
    kind: WeightType,
    batch: float,
    context: float,
    where: Layout,
    kv_element_bytes: float = 2.0,
    scale: float = 1.0,
) -> Demand:
    """One token for each of `batch` sequences, each with `context` tokens in its cache."""
    always, expert = weight_bytes(a, kind, scale)
    touched = a.touched_experts(batch) * a.expert_layers
    kv = batch * a.cached_tokens(context) * a.kv_elements * kv_element_bytes
    kv_shards = 1 if a.shared_kv else min(where.shards, a.kv_heads)
    state = batch * a.state_bytes / where.shards
    pairs = batch * a.cached_tokens(context)
    routed = a.expert_layers * a.experts_per_token * a.expert_weights
    return Demand(
        weight_bytes=always / where.shards,
        expert_bytes=touched * expert / where.expert_shards,
        kv_bytes=kv / kv_shards + state,
        matmul_flops=2 * batch * a.always / where.shards,
        expert_flops=2 * batch * routed / where.expert_shards,
        attention_flops=2 * pairs * a.heads * a.score_width / where.shards,
        unpacked_weights=_unpacked(a, kind, touched, where),
        layers=a.layers,
        expert_layers=a.expert_layers,
        steps=1,
    ) + _messages(a, batch, where)


def prefill(
    a: Architecture,
    kind: WeightType,
    batch: float,
    tokens: float,
    depth: float,
    where: Layout,
    kv_element_bytes: float = 2.0,
    scale: float = 1.0,
) -> Demand:
    """`tokens` tokens of each of `batch` sequences, behind `depth` tokens that are cached."""
    total = max(1.0, batch * tokens)
    chunks = max(1.0, total / CHUNK_TOKENS)
    always, expert = weight_bytes(a, kind, scale)
    touched = a.touched_experts(total / chunks) * a.expert_layers
    mean_context = depth + (tokens + 1) / 2
    pairs = total * a.cached_tokens(mean_context)
    kv = batch * a.cached_tokens(mean_context) * a.kv_elements * kv_element_bytes
    routed = a.expert_layers * a.experts_per_token * a.expert_weights
    body = (a.always - a.head_weights) / where.shards
    return Demand(
        weight_bytes=chunks * always / where.shards,
        expert_bytes=chunks * touched * expert / where.expert_shards,
        kv_bytes=max(1.0, tokens / CHUNK_TOKENS) * kv / min(where.shards, a.kv_heads),
        matmul_flops=2 * total * body,
        expert_flops=2 * total * routed / where.expert_shards,
        attention_flops=2 * pairs * a.heads * a.score_width / where.shards,
        unpacked_weights=chunks * _unpacked(a, kind, touched, where),
        layers=chunks * a.layers,
        expert_layers=chunks * a.expert_layers,
        steps=chunks,
    ) + _messages(a, total, where, chunks)


def _unpacked(a: Architecture, kind: WeightType, touched: float, where: Layout) -> float:
    if not kind.unpacked:
        return 0.0
    return a.always / where.shards + touched * a.expert_weights / where.expert_shards


def _messages(a: Architecture, tokens: float, where: Layout, chunks: float = 1.0) -> Demand:
    """Two all-reduces a layer within shards; one hand-over between stages."""
    if where.stages > 1:
        payload = (where.stages - 1) * tokens * a.hidden * ACTIVATION_BYTES
        return Demand(hops=chunks * (where.stages - 1), wire_bytes=payload)
    if max(where.shards, where.expert_shards) == 1:
        return Demand()
    n = max(where.shards, where.expert_shards)
    # A ring moves 2 (n - 1) / n of the payload and waits about log2 n times; a star's centre talks
    # to each of the others in turn.
    moved, waits = (n, n) if where.star else (2 * (n - 1) / n, (2 + math.log2(n)) / 3)
    payload = 2 * a.layers * tokens * a.hidden * ACTIVATION_BYTES * moved
    return Demand(hops=chunks * 2 * a.layers * waits, wire_bytes=payload)


def cache_bytes(a: Architecture, context: float, where: Layout, element_bytes: float) -> float:
    """Of one sequence, on one device."""
    shards = 1 if a.shared_kv else min(where.shards, a.kv_heads)
    return a.cached_tokens(context) * a.kv_elements * element_bytes / shards
