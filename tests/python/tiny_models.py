# SPDX-License-Identifier: Apache-2.0
"""The models of tests/fixtures with what llama.cpp and Hugging Face say; see make.py there."""

import functools
import json
from pathlib import Path

import numpy as np

import transformer
from weight_files import write_safetensors

FOLDER = Path(__file__).resolve().parents[1] / "fixtures"
ARCHITECTURES = ("llama", "qwen3", "qwen3moe")
TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0")
STEPS = 64


def gguf(architecture: str, dtype: str) -> Path:
    return FOLDER / architecture / f"{dtype}.gguf"


def hf_folder(architecture: str) -> Path:
    """As transformers wrote it, in BF16."""
    return FOLDER / architecture / "hf"


def prompt(architecture: str) -> list[int]:
    return list(_recorded()[architecture]["prompt"])


def greedy(architecture: str) -> list[int]:
    """64 tokens on which llama.cpp, Hugging Face and float64 agree, from the F32 weights."""
    return list(_recorded()[architecture]["greedy"])


@functools.cache
def _recorded() -> dict:
    return json.loads((FOLDER / "fixtures.json").read_text())["models"]


@functools.cache
def _logits(architecture: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / architecture / "logits.npz") as stored:
        return dict(stored)


def said(architecture: str, who: str) -> np.ndarray:
    """Logits after each token of the prompt; `who` such as llama.cpp/Q8_0 or hf/F16."""
    return _logits(architecture)[who]


@functools.cache
def exact(path: Path, architecture: str, cache: str = "f16") -> np.ndarray:
    """The same in float64, from the file's own weights."""
    return transformer.Sequence(transformer.load(path), cache).run(prompt(architecture))


def error(found: np.ndarray, wanted: np.ndarray) -> float:
    """Over all logits of a prompt: the norm of the difference over that of the wanted."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def write_hf_folder(architecture: str, dtype: str, folder: Path) -> Path:
    """The F32 weights as safetensors of F32 or F16, with a config.json as published ones are."""
    config = json.loads((hf_folder(architecture) / "config.json").read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope if rope["rope_type"] != "default" else None
    config["torch_dtype"] = {"F32": "float32", "F16": "float16"}[dtype]
    del config["dtype"]
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", _named_as_published(architecture), dtype)
    return folder


def _named_as_published(architecture: str) -> dict[str, np.ndarray]:
    """Hugging Face's names and order of rows, from the F32 .gguf."""
    model = transformer.load(gguf(architecture, "F32"))
    tensors = {"model.embed_tokens.weight": model.embedding, "model.norm.weight": model.final_norm}
    if model.head is not model.embedding:
        tensors["lm_head.weight"] = model.head
    for number, layer in enumerate(model.layers):
        for ours, theirs in transformer.HF_NAMES.items():
            values = getattr(layer, ours)
            if values is None:
                continue
            if ours in ("q", "k") and model.pairs_adjacent:
                pairs = values.reshape(-1, model.head_dim // 2, 2, values.shape[1])
                values = pairs.swapaxes(1, 2).reshape(values.shape)
            start = f"model.layers.{number}."
            if ours not in ("gate", "up", "down"):
                tensors[f"{start}{theirs}.weight"] = values
            elif layer.router is None:
                tensors[f"{start}{theirs}.weight"] = values[0]
            else:
                for expert, matrix in enumerate(values):
                    tensors[f"{start}mlp.experts.{expert}.{ours}_proj.weight"] = matrix
    return tensors
