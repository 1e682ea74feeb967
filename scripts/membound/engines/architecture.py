# SPDX-License-Identifier: Apache-2.0
"""What a decoder's config says about the work of a token: weights, KV cache, operations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from membound.errors import UsageError

LARGEST = 1 << 24
# Of a recurrent layer (Mamba-2, gated delta rule): twice the width times 128, in f32, read and
# written for every token of a sequence.
STATE_BYTES = 2 * 4 * 2 * 128
ROUTED_PART = 0.55  # of the parameters that a token of a mixture of experts uses
NESTED, MOST_NESTED = ("text_config", "llm_config", "language_config", "thinker_config"), 4
OLDER = {"n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads",
         "n_inner": "intermediate_size"}  # fmt: skip
EXPERT_KEYS = ("num_local_experts", "num_experts", "n_routed_experts")


@dataclass(frozen=True)
class Architecture:
    """Counts of elements. `known` is False when they were inferred from parameter totals alone."""

    name: str
    hidden: int
    layers: int
    heads: int
    attention_layers: int  # layers with a KV cache that grows; others are linear
    kv_elements: float  # one token and one of those layers
    score_width: float  # multiply-adds for one query head and one cached token
    kv_heads: int
    attention_weights: float  # all layers
    dense_weights: float  # MLPs that every token uses, shared experts and routers with them
    head_weights: float
    expert_weights: float = 0.0  # one routed expert of one layer
    experts: int = 0
    experts_per_token: int = 0
    expert_layers: int = 0
    embedding_weights: float = 0.0  # beside the head; 0 when tied
    shared_kv: bool = False  # every device of a tensor-parallel group holds all of the cache
    window: int | None = None
    window_layers: int = 0
    known: bool = True

    @property
    def total(self) -> float:
        """Parameters held."""
        routed = self.expert_layers * self.experts * self.expert_weights
        return self.always + routed + self.embedding_weights

    @property
    def always(self) -> float:
        """Parameters that every token multiplies with."""
        return self.attention_weights + self.dense_weights + self.head_weights

    @property
    def active(self) -> float:
        """Parameters that one token multiplies with."""
        return self.always + self.expert_layers * self.experts_per_token * self.expert_weights

    @property
    def state_bytes(self) -> float:
        """What the layers without a growing cache read and write for a token of one sequence."""
        return float((self.layers - self.attention_layers) * self.hidden * STATE_BYTES)

    def touched_experts(self, tokens: float) -> float:
        """Expected number of a layer's experts that `tokens` tokens use.

        Routers favour some experts. With popularity spread exponentially, further tokens that would
        choose y experts each on average miss one with the chance 1 / (1 + y), not exp(-y).
        """
        if not self.experts:
            return 0.0
        first = min(1.0, tokens) * self.experts_per_token
        more = self.experts_per_token * max(0.0, tokens - 1) / self.experts
        return first + (self.experts - first) * more / (1 + more)

    def cached_tokens(self, context: float) -> float:
        """Layers x tokens that one sequence reads; sliding windows end where they end."""
        full = self.attention_layers - self.window_layers
        return full * context + self.window_layers * min(context, self.window or context)


def from_config(config: Mapping[str, Any], name: str, where: str) -> Architecture:
    """Read a Hugging Face config; keys that it has and this does not know are left aside."""
    config = _of_the_decoder(config)
    read = _Reader(config, where)
    hidden, layers, heads = (
        read.number("hidden_size"),
        read.number("num_hidden_layers"),
        read.number("num_attention_heads"),
    )
    kv_heads = read.number("num_key_value_heads", heads) or heads
    head_dim = read.number("head_dim", max(1, hidden // heads))
    attention, kv_elements, width = _attention(read, hidden, heads, kv_heads, head_dim)
    full = sum(kind != "linear_attention" for kind in read.names("layer_types")) or layers
    interval = read.number("full_attention_interval", 0)
    full = max(1, layers // interval) if interval else min(full, layers)
    gate = 2 if config.get("mlp_gated") is False else 3
    experts = max((read.number(key, 0) for key in EXPERT_KEYS), default=0)
    expert_layers = 0
    dense, expert = 0.0, 0.0
    if experts > 1:
        step = read.number("interleave_moe_layer_step", 1)
        dense_layers = min(layers, read.number("first_k_dense_replace", 0))
        expert_layers = (layers - dense_layers) // max(1, step)
        inner = read.number("moe_intermediate_size", read.number("intermediate_size", 0))
        if not inner:
            raise UsageError(f"{where} has experts and no 'moe_intermediate_size'")
        expert = float(gate * hidden * inner)
        dense = expert_layers * (read.number("n_shared_experts", 0) * expert + hidden * experts)
    if layers > expert_layers:
        plain = read.number("intermediate_size_mlp", read.number("intermediate_size", 0))
        if not plain:
            raise UsageError(f"{where} has no 'intermediate_size': give a decoder's config.json")
        dense += (layers - expert_layers) * gate * hidden * plain
    vocabulary = float(read.number("vocab_size") * hidden)
    tied = config.get("tie_word_embeddings")
    window = read.number("sliding_window", 0) if config.get("use_sliding_window", True) else 0
    return Architecture(
        name=name,
        hidden=hidden,
        layers=layers,
        heads=heads,
        attention_layers=full,
        kv_elements=kv_elements,
        score_width=width,
        shared_kv=bool(config.get("kv_lora_rank")),
        kv_heads=kv_heads,
        window=window or None,
        window_layers=min(full, _window_layers(read, layers)) if window else 0,
        attention_weights=layers * attention,
        dense_weights=dense,
        expert_weights=expert,
        experts=experts if experts > 1 else 0,
        experts_per_token=min(experts, read.number("num_experts_per_tok", 2)),
        expert_layers=expert_layers,
        head_weights=vocabulary,
        embedding_weights=0.0 if tied is True else vocabulary,
    )


def _of_the_decoder(config: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """A config of several modalities holds its decoder's in another; older ones name keys apart."""
    for key in NESTED:
        inner = config.get(key)
        if isinstance(inner, Mapping) and depth < MOST_NESTED:
            return _of_the_decoder({**config, key: None, **inner}, depth + 1)
    return {**{new: config[old] for old, new in OLDER.items() if old in config}, **config}


def _attention(
    read: "_Reader", hidden: int, heads: int, kv_heads: int, head_dim: int
) -> tuple[float, float, float]:
    """Weights of a layer, cached elements of a token, multiply-adds of a head and cached token."""
    rank = read.number("kv_lora_rank", 0)
    if not rank:
        outward = 3 if read.config.get("attn_output_gate") is True else 2
        weights = hidden * (outward * heads + 2 * kv_heads) * head_dim
        return float(weights), 2.0 * kv_heads * head_dim, 2.0 * head_dim
    nope, rope = read.number("qk_nope_head_dim"), read.number("qk_rope_head_dim")
    value, query_rank = read.number("v_head_dim"), read.number("q_lora_rank", 0)
    queries = heads * (nope + rope)
    weights = hidden * query_rank + query_rank * queries if query_rank else hidden * queries
    weights += hidden * (rank + rope) + rank * heads * (nope + value) + heads * value * hidden
    # Decode multiplies with the latent itself (absorbed form): its width, not a head's.
    return float(weights), float(rank + rope), float(2 * rank + rope)


def _window_layers(read: "_Reader", layers: int) -> int:
    """From the catalogue's count, the list of layer types or the pattern; else all."""
    if read.config.get("sliding_layers") is not None:
        return min(layers, read.number("sliding_layers"))
    if kinds := read.names("layer_types"):
        return sum(kind == "sliding_attention" for kind in kinds)
    if pattern := read.number("sliding_window_pattern", 0):
        return layers - layers // pattern
    return layers


class _Reader:
    """Checked access to a config's values."""

    def __init__(self, config: Mapping[str, Any], where: str) -> None:
        self.config, self.where = config, where

    def number(self, key: str, default: int | None = None) -> int:
        value = self.config.get(key)
        if value is None:
            if default is None:
                raise UsageError(f"{self.where} has no '{key}': give a decoder's config.json")
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
            raise UsageError(
                f"{self.where}: '{key}' must be an integer up to {LARGEST}, not {str(value)[:40]}"
            )
        if default is None and value == 0:
            raise UsageError(f"{self.where}: '{key}' must not be 0")
        return value

    def names(self, key: str) -> list[str]:
        value = self.config.get(key)
        return [str(item) for item in value] if isinstance(value, list) else []


def from_totals(
    name: str, total: float, active: float | None, attending: float = 1.0
) -> Architecture:
    """A typical decoder of that many parameters, where no config is known.

    Width and depth follow what published decoders have (hidden about 128 per layer); grouped-query
    attention with 8 KV heads of 128; 8 experts for a token, of as many as the totals imply.
    `attending` is the part of the layers that keep a cache; the others are recurrent.
    """
    body = max(total, 1e6)
    dense_like = active if active and active < 0.8 * total else body
    layers = max(8, round((dense_like / (12 * 128**2)) ** (1 / 3)))
    hidden = 128 * layers
    heads = max(1, hidden // 128)
    kv_heads = min(8, heads)
    attention = float(layers * hidden * 128 * 2 * (heads + kv_heads))
    vocabulary = float(min(128000 * hidden, 0.15 * dense_like))
    experts, per_token, expert, active_body = 0, 0, 0.0, dense_like
    if active and active < 0.8 * total:
        per_token, routed = 8, ROUTED_PART * active
        experts = max(per_token + 1, round(per_token * (total - active + routed) / routed))
        expert = routed / per_token / layers
        active_body = active - routed
    attention = min(attention, 0.4 * active_body)
    return Architecture(
        name=name,
        hidden=hidden,
        layers=layers,
        heads=heads,
        attention_layers=max(1, round(attending * layers)),
        kv_elements=2.0 * kv_heads * 128,
        score_width=256.0,
        kv_heads=kv_heads,
        attention_weights=attention,
        dense_weights=max(0.0, active_body - attention - vocabulary),
        expert_weights=expert,
        experts=experts,
        experts_per_token=per_token,
        expert_layers=layers if experts else 0,
        head_weights=vocabulary,
        known=False,
    )
