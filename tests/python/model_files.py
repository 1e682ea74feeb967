# SPDX-License-Identifier: Apache-2.0
"""Tiny weights files for tests of the command line; as a program, seeds for the fuzz targets.

python tests/python/model_files.py FOLDER
"""

import json
import struct
import sys
from collections.abc import Mapping
from math import prod
from pathlib import Path

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, MLP, VOCAB = 32, 2, 1, 16, 64, 8
EXPERTS, CHOSEN, EXPERT_MLP = 4, 2, 32
# GGUF's number of a type, elements and bytes of a block.
GGUF_TYPES = {
    "f32": (0, 1, 4), "f16": (1, 1, 2), "q4_0": (2, 32, 18), "q4_1": (3, 32, 20),
    "q5_0": (6, 32, 22), "q5_1": (7, 32, 24), "q8_0": (8, 32, 34), "q8_1": (9, 32, 36),
    "q2_k": (10, 256, 84), "q3_k": (11, 256, 110), "q4_k": (12, 256, 144), "q5_k": (13, 256, 176),
    "q6_k": (14, 256, 210), "q8_k": (15, 256, 292), "iq2_xxs": (16, 256, 66),
    "iq2_xs": (17, 256, 74), "iq3_xxs": (18, 256, 98), "iq1_s": (19, 256, 50),
    "iq4_nl": (20, 32, 18), "iq3_s": (21, 256, 110), "iq2_s": (22, 256, 82),
    "iq4_xs": (23, 256, 136), "f64": (28, 1, 8), "iq1_m": (29, 256, 56), "bf16": (30, 1, 2),
    "tq1_0": (34, 256, 54), "tq2_0": (35, 256, 66), "mxfp4": (39, 32, 17), "nvfp4": (40, 64, 36),
    "q1_0": (41, 128, 18), "q2_0": (42, 64, 18),
}  # fmt: skip
ALIGNMENT = 32

HF_NAMES = {
    "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "ffn_gate_inp": "mlp.gate",
}  # fmt: skip


def tensors(architecture: str, layers: int = 1, hidden: int = HIDDEN) -> dict[str, list[int]]:
    """Names without ".weight" and shapes, outermost first, of a model with a head of its own."""
    heads = HEADS * HEAD_DIM
    all_ = {"token_embd": [VOCAB, hidden], "output_norm": [hidden], "output": [VOCAB, hidden]}
    for layer in range(layers):
        block = {
            "attn_norm": [hidden], "attn_q": [heads, hidden], "attn_k": [HEAD_DIM, hidden],
            "attn_v": [HEAD_DIM, hidden], "attn_output": [hidden, heads], "ffn_norm": [hidden],
        }  # fmt: skip
        if architecture != "llama":
            block |= {"attn_q_norm": [HEAD_DIM], "attn_k_norm": [HEAD_DIM]}
        if architecture == "qwen3moe":
            rows = [EXPERTS, EXPERT_MLP, hidden]
            block |= {"ffn_gate_inp": [EXPERTS, hidden], "ffn_gate_exps": rows}
            block |= {"ffn_up_exps": rows, "ffn_down_exps": [EXPERTS, hidden, EXPERT_MLP]}
        else:
            block |= {"ffn_gate": [MLP, hidden], "ffn_up": [MLP, hidden], "ffn_down": [hidden, MLP]}
        all_ |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    return all_


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def _pair(key: str, value: str | int | float) -> bytes:
    if isinstance(value, str):
        return _text(key) + struct.pack("<I", 8) + _text(value)
    if isinstance(value, int):
        return _text(key) + struct.pack("<II", 4, value)
    return _text(key) + struct.pack("<If", 6, value)


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def gguf(
    architecture: str = "llama",
    dtype: str = "f32",
    types: Mapping[str, str] | None = None,
    layers: int = 1,
    hidden: int = HIDDEN,
    **changed: str | int | float,
) -> bytes:
    """A whole file; `types` overrides the type of matrices by name, `changed` metadata."""
    metadata: dict[str, str | int | float] = {
        "embedding_length": hidden, "block_count": layers, "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS, "attention.key_length": HEAD_DIM,
        "attention.value_length": HEAD_DIM, "feed_forward_length": MLP,
        "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 1e4,
    }  # fmt: skip
    if architecture == "qwen3moe":
        metadata |= {"expert_count": EXPERTS, "expert_used_count": CHOSEN}
        metadata |= {"expert_feed_forward_length": EXPERT_MLP}
    metadata |= changed
    pairs = [_pair("general.architecture", architecture)]
    pairs += [_pair(f"{architecture}.{key}", value) for key, value in metadata.items()]
    entries, end = b"", 0
    shapes = tensors(architecture, layers, hidden)
    for name, shape in shapes.items():
        plain = len(shape) == 1 or name.endswith("ffn_gate_inp")
        kind = "f32" if plain else (types or {}).get(name.rsplit(".", 1)[-1], dtype)
        number, elements, block_bytes = GGUF_TYPES[kind]
        entries += _text(f"{name}.weight") + struct.pack("<I", len(shape))
        entries += struct.pack(f"<{len(shape)}Q", *reversed(shape))
        entries += struct.pack("<IQ", number, end)
        end = _padded(end + prod(shape) // elements * block_bytes)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(pairs)) + b"".join(pairs) + entries
    return head.ljust(_padded(len(head)), b"\0") + b"\x11" * end


def hf_name(name: str) -> str:
    """Hugging Face's name of one of `tensors`."""
    if not name.startswith("blk."):
        return f"{HF_NAMES[name]}.weight"
    _, layer, part = name.split(".")
    return f"model.layers.{layer}.{HF_NAMES[part]}.weight"


def safetensors(architecture: str = "llama") -> bytes:
    """A whole file in bf16; a mixture has an expert in each tensor."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in _separate_experts(architecture).items():
        begin, end = end, end + 2 * prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return struct.pack("<Q", len(text)) + text + b"\x11" * end


def _separate_experts(architecture: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, shape in tensors(architecture).items():
        if not name.endswith("_exps"):
            found[hf_name(name)] = shape
            continue
        projection = {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}
        part = projection[name.split("_")[-2]]
        for expert in range(shape[0]):
            found[f"model.layers.0.mlp.experts.{expert}.{part}.weight"] = shape[1:]
    return found


def config(architecture: str = "llama") -> dict[str, object]:
    """The config.json beside it."""
    values: dict[str, object] = {
        "model_type": {"qwen3moe": "qwen3_moe"}.get(architecture, architecture),
        "hidden_size": HIDDEN, "intermediate_size": MLP, "num_hidden_layers": 1,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM,
        "vocab_size": VOCAB, "tie_word_embeddings": False, "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
    }  # fmt: skip
    if architecture == "llama":
        values["rope_scaling"] = {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        }  # fmt: skip
    if architecture == "qwen3moe":
        values |= {"num_experts": EXPERTS, "num_experts_per_tok": CHOSEN, "norm_topk_prob": True}
        values |= {"moe_intermediate_size": EXPERT_MLP, "decoder_sparse_step": 1}
    return values


def index(architecture: str = "llama") -> dict[str, object]:
    names = _separate_experts(architecture)
    return {"weight_map": {name: f"part{i % 2}.safetensors" for i, name in enumerate(names)}}


def write_seeds(folder: Path) -> None:
    """A corpus for each fuzz target."""
    for architecture in ("llama", "qwen3", "qwen3moe"):
        seeds = {
            "gguf": gguf(architecture, "q8_0"),
            "safetensors": safetensors(architecture),
            "config": json.dumps(config(architecture)).encode(),
            "index": json.dumps(index(architecture)).encode(),
        }
        for target, seed in seeds.items():
            (folder / target).mkdir(parents=True, exist_ok=True)
            (folder / target / architecture).write_bytes(seed)


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
