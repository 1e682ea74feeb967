# SPDX-License-Identifier: Apache-2.0
"""llama, qwen3 and qwen3moe in plain float64, written from the models' formulas.

One token at a time, one sequence. Slow and simple on purpose: what programs compute is held against
it. Weights are taken as the file has them, exactly; only a cache of f16 is rounded, as programs do.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from weight_files import read_gguf, read_safetensors


@dataclass
class Layer:
    """Matrices are [rows out][columns in]. A dense MLP has one expert and no router."""

    attn_norm: np.ndarray
    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    o: np.ndarray
    mlp_norm: np.ndarray
    gate: np.ndarray  # [experts][rows][columns]
    up: np.ndarray
    down: np.ndarray
    router: np.ndarray | None = None
    q_norm: np.ndarray | None = None
    k_norm: np.ndarray | None = None


@dataclass
class Model:
    heads: int
    kv_heads: int
    head_dim: int
    experts_per_token: int
    epsilon: float
    frequencies: np.ndarray  # radians a position, of each pair of a head
    pairs_adjacent: bool  # pairs are (2i, 2i + 1), not (i, i + head_dim / 2)
    embedding: np.ndarray
    final_norm: np.ndarray
    head: np.ndarray
    layers: list[Layer]


@dataclass
class Sequence:
    """One sequence with its cache, of f16 or (f64) exact; counts the experts that it touches."""

    model: Model
    cache: str = "f16"
    keys: list[list[np.ndarray]] = field(default_factory=list)
    values: list[list[np.ndarray]] = field(default_factory=list)
    chosen: list[list[tuple[int, ...]]] = field(default_factory=list)  # experts [token][layer]
    router_margins: list[float] = field(default_factory=list)  # last chosen over first left out

    def __post_init__(self) -> None:
        self.keys = [[] for _ in self.model.layers]
        self.values = [[] for _ in self.model.layers]

    def next(self, token: int) -> np.ndarray:
        """The logits after one more token."""
        model = self.model
        x = model.embedding[token].copy()
        self.chosen.append([])
        for number, layer in enumerate(model.layers):
            x += self._attention(number, layer, _rms(x, layer.attn_norm, model.epsilon))
            x += self._mlp(layer, _rms(x, layer.mlp_norm, model.epsilon))
        return model.head @ _rms(x, model.final_norm, model.epsilon)

    def run(self, tokens: list[int]) -> np.ndarray:
        return np.array([self.next(token) for token in tokens])

    def greedy(self, prompt: list[int], steps: int) -> tuple[list[int], float]:
        """What it says after the prompt, and the smallest lead of a choice over the next best.

        The lead is relative to the largest logit of its step.
        """
        said, smallest = [], math.inf
        logits = self.run(prompt)[-1]
        for _ in range(steps):
            said.append(int(np.argmax(logits)))
            second, first = np.sort(logits)[-2:]
            smallest = min(smallest, (first - second) / np.abs(logits).max())
            logits = self.next(said[-1])
        return said, smallest

    def _attention(self, number: int, layer: Layer, x: np.ndarray) -> np.ndarray:
        model, position = self.model, len(self.keys[number])
        q = (layer.q @ x).reshape(model.heads, model.head_dim)
        k = (layer.k @ x).reshape(model.kv_heads, model.head_dim)
        v = (layer.v @ x).reshape(model.kv_heads, model.head_dim)
        if layer.q_norm is not None and layer.k_norm is not None:
            q, k = _rms(q, layer.q_norm, model.epsilon), _rms(k, layer.k_norm, model.epsilon)
        self.keys[number].append(self._stored(self._rotate(k, position)))
        self.values[number].append(self._stored(v))
        q = self._rotate(q, position).reshape(model.kv_heads, -1, model.head_dim)
        scores = np.einsum("hgd,thd->hgt", q, self.keys[number]) / math.sqrt(model.head_dim)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return layer.o @ np.einsum("hgt,thd->hgd", weights, self.values[number]).ravel()

    def _stored(self, values: np.ndarray) -> np.ndarray:
        return values.astype(np.float16).astype(np.float64) if self.cache == "f16" else values

    def _rotate(self, x: np.ndarray, position: int) -> np.ndarray:
        angle = position * self.model.frequencies
        cosine, sine = np.cos(angle), np.sin(angle)
        half = self.model.head_dim // 2
        adjacent = self.model.pairs_adjacent
        first, second = (
            (slice(0, None, 2), slice(1, None, 2))
            if adjacent
            else (
                slice(0, half),
                slice(half, None),
            )
        )
        turned = np.empty_like(x)
        turned[:, first] = x[:, first] * cosine - x[:, second] * sine
        turned[:, second] = x[:, second] * cosine + x[:, first] * sine
        return turned

    def _mlp(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        if layer.router is None:
            return _gated(layer, 0, x)
        scores = layer.router @ x
        chances = np.exp(scores - scores.max())
        order = np.argsort(-scores)
        best = order[: self.model.experts_per_token]
        self.chosen[-1].append(tuple(sorted(int(expert) for expert in best)))
        self.router_margins.append(scores[best[-1]] - scores[order[len(best)]])
        total = chances[best].sum()
        return sum(chances[e] / total * _gated(layer, e, x) for e in best)


def _gated(layer: Layer, expert: int, x: np.ndarray) -> np.ndarray:
    gate, up = layer.gate[expert] @ x, layer.up[expert] @ x
    return layer.down[expert] @ (gate / (1 + np.exp(-gate)) * up)


def _rms(x: np.ndarray, weight: np.ndarray, epsilon: float) -> np.ndarray:
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight


def load(path: Path) -> Model:
    """A .gguf, or a folder with config.json and model.safetensors."""
    return _from_folder(path) if path.is_dir() else _from_gguf(path)


GGUF_NAMES = {
    "attn_norm": "attn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output",
    "mlp_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
    "router": "ffn_gate_inp", "q_norm": "attn_q_norm", "k_norm": "attn_k_norm",
}  # fmt: skip


def _from_gguf(path: Path) -> Model:
    metadata, tensors, _ = read_gguf(path)
    arch = metadata["general.architecture"]

    def of(key: str, default: float | None = None) -> float:
        value = metadata.get(f"{arch}.{key}", default)
        assert value is not None, key
        return value

    def layer(number: int) -> Layer:
        found = {}
        for ours, theirs in GGUF_NAMES.items():
            for name in (f"blk.{number}.{theirs}.weight", f"blk.{number}.{theirs}_exps.weight"):
                if name in tensors:
                    found[ours] = tensors[name]
        return _layer(found)

    heads = int(of("attention.head_count"))
    head_dim = int(of("attention.key_length", of("embedding_length") // heads))
    divisors = tensors.get("rope_freqs.weight", np.ones(head_dim // 2))
    return Model(
        heads=heads,
        kv_heads=int(of("attention.head_count_kv", heads)),
        head_dim=head_dim,
        experts_per_token=int(of("expert_used_count", 0)),
        epsilon=of("attention.layer_norm_rms_epsilon"),
        frequencies=_frequencies(of("rope.freq_base", 10000.0), head_dim) / divisors,
        pairs_adjacent=arch == "llama",  # qwen3 files keep Hugging Face's halves
        embedding=tensors["token_embd.weight"],
        final_norm=tensors["output_norm.weight"],
        head=tensors.get("output.weight", tensors["token_embd.weight"]),
        layers=[layer(number) for number in range(int(of("block_count")))],
    )


HF_NAMES = {
    "attn_norm": "input_layernorm", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
    "v": "self_attn.v_proj", "o": "self_attn.o_proj", "mlp_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj",
    "q_norm": "self_attn.q_norm", "k_norm": "self_attn.k_norm", "router": "mlp.gate",
}  # fmt: skip


def _from_folder(folder: Path) -> Model:
    config = json.loads((folder / "config.json").read_text())
    tensors, _ = read_safetensors(folder / "model.safetensors")
    experts = config.get("num_experts", config.get("num_local_experts", 0))

    def layer(number: int) -> Layer:
        start = f"model.layers.{number}."
        found = {}
        for ours, theirs in HF_NAMES.items():
            if f"{start}{theirs}.weight" in tensors:
                found[ours] = tensors[f"{start}{theirs}.weight"]
        for part in ("gate", "up", "down") if experts else ():
            names = [f"{start}mlp.experts.{e}.{part}_proj.weight" for e in range(experts)]
            found[part] = np.stack([tensors[name] for name in names])
        return _layer(found)

    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    rope = {"rope_theta": config.get("rope_theta", 10000.0)}
    rope |= config.get("rope_scaling") or config.get("rope_parameters") or {}
    embedding = tensors["model.embed_tokens.weight"]
    return Model(
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        head_dim=head_dim,
        experts_per_token=config.get("num_experts_per_tok", 0),
        epsilon=config["rms_norm_eps"],
        frequencies=llama3_frequencies(_frequencies(rope["rope_theta"], head_dim), rope),
        pairs_adjacent=False,
        embedding=embedding,
        final_norm=tensors["model.norm.weight"],
        head=embedding if config["tie_word_embeddings"] else tensors["lm_head.weight"],
        layers=[layer(number) for number in range(config["num_hidden_layers"])],
    )


def _layer(found: dict[str, np.ndarray]) -> Layer:
    for part in ("gate", "up", "down"):
        if found[part].ndim == 2:
            found[part] = found[part][None]
    return Layer(**found)


def _frequencies(theta: float, head_dim: int) -> np.ndarray:
    return theta ** (-np.arange(0, head_dim, 2) / head_dim)


def llama3_frequencies(plain: np.ndarray, rope: dict) -> np.ndarray:
    """Long waves are slowed by `factor`, short ones kept, those between blended."""
    if rope.get("rope_type") != "llama3":
        return plain
    turns = rope["original_max_position_embeddings"] * plain / (2 * math.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return plain * (kept + (1 - kept) / rope["factor"])
