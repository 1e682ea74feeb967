# SPDX-License-Identifier: Apache-2.0
"""Parameters of a model from its config, mixtures of experts and latent attention included."""

from collections.abc import Mapping


def count(config: Mapping[str, int]) -> int:
    """Matrix parameters in all; norms and biases (below 0.1 %) are left out."""
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    embeddings = config["vocab_size"] * hidden * (1 if config.get("tie_word_embeddings") else 2)
    return layers * _attention(config) + _mlps(config) + embeddings


def _attention(config: Mapping[str, int]) -> int:
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    if not config.get("kv_lora_rank"):
        head_dim = config.get("head_dim") or hidden // heads
        kv_heads = config.get("num_key_value_heads") or heads
        return 2 * hidden * head_dim * (heads + kv_heads)
    rank, rope = config["kv_lora_rank"], config["qk_rope_head_dim"]
    nope, value = config["qk_nope_head_dim"], config["v_head_dim"]
    q_rank = config.get("q_lora_rank") or 0
    q_out = heads * (nope + rope)
    query = q_rank * (hidden + q_out) if q_rank else hidden * q_out
    return query + hidden * (rank + rope) + rank * heads * (nope + value) + heads * value * hidden


def _mlps(config: Mapping[str, int]) -> int:
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    matrices = 2 if config.get("mlp_gated") is False else 3
    dense = matrices * hidden * config["intermediate_size"]
    experts = config.get("num_experts") or 0
    if not experts:
        return layers * dense
    width = config.get("moe_intermediate_size") or config["intermediate_size"]
    expert = matrices * hidden * width
    dense_layers = config.get("first_k_dense_replace") or 0
    sparse = (experts + (config.get("n_shared_experts") or 0)) * expert + experts * hidden
    return dense_layers * dense + (layers - dense_layers) * sparse
