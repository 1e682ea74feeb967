# SPDX-License-Identifier: Apache-2.0
"""Writes a .gguf file of a model's shape with random weights, where the real ones aren't at hand.

    python -m membound.peers.random_weights --model Llama-3.2-1B --dtype q4_0 FILE.gguf

All matrices have the type, the head too; norms and routers are f32: what llama.cpp's
`llama-quantize --pure` writes. Weights are random bits of the types' own blocks, scaled so that
activations stay finite. It has no vocabulary: engines run it, and can't turn its tokens into text.
"""

import math
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import numpy as np
import typer

from membound.errors import MemboundError, UsageError
from membound.model import shape as shapes
from membound.model.shape import Shape

ALIGNMENT = 32
BLOCK = 32  # values that share a scale in q8_0 and q4_0
VALUES = 1 << 24  # that are made at a time
ROUTER = "ffn_gate_inp"
_U32, _F32, _TEXT = 4, 6, 8  # numbers of GGUF's types of metadata
Array = np.ndarray[Any, Any]


def _float32(random: np.random.Generator, count: int, deviation: float) -> Array:
    values: Array = random.standard_normal(count, np.float32) * np.float32(deviation)
    return values


def _float16(random: np.random.Generator, count: int, deviation: float) -> Array:
    return _float32(random, count, deviation).astype(np.float16)


def _bfloat16(random: np.random.Generator, count: int, deviation: float) -> Array:
    return (_float32(random, count, deviation).view(np.uint32) >> 16).astype(np.uint16)


def _q8_0(random: np.random.Generator, count: int, deviation: float) -> Array:
    blocks = _blocks(random, count // BLOCK, BLOCK, deviation * math.sqrt(12) / 255)
    # Quantisation never gives -128, and kernels may count on that.
    blocks["values"] = random.integers(-127, 128, blocks["values"].shape, np.int8).view(np.uint8)
    return blocks


def _q4_0(random: np.random.Generator, count: int, deviation: float) -> Array:
    blocks = _blocks(random, count // BLOCK, BLOCK // 2, deviation * math.sqrt(12) / 16)
    blocks["values"] = random.integers(0, 256, blocks["values"].shape, np.uint8)
    return blocks


def _blocks(random: np.random.Generator, count: int, length: int, scale: float) -> Array:
    """A scale in f16, about `scale`, and room for `length` bytes of values."""
    blocks = np.empty(count, [("scale", "<f2"), ("values", "u1", length)])
    blocks["scale"] = scale * random.uniform(0.5, 1.5, count)
    return blocks


# Of each type: GGML's number, llama.cpp's number of a file of it, bytes of a block, values of one.
_TYPES = {
    "f32": (0, 0, 4, 1, _float32),
    "f16": (1, 1, 2, 1, _float16),
    "bf16": (30, 32, 2, 1, _bfloat16),
    "q8_0": (8, 7, 34, BLOCK, _q8_0),
    "q4_0": (2, 2, 18, BLOCK, _q4_0),
}


def architecture(shape: Shape) -> str:
    if shape.experts:
        return "qwen3moe"
    return "qwen3" if shape.qk_norm else "llama"


def tensors(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and dimensions, columns last. Vectors are norms."""
    hidden, inner = shape.hidden_size, shape.intermediate_size
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    yield "token_embd", (shape.vocab_size, hidden)
    for layer in range(shape.layers):
        start = f"blk.{layer}."
        yield f"{start}attn_norm", (hidden,)
        yield f"{start}attn_q", (queries, hidden)
        yield f"{start}attn_k", (keys, hidden)
        yield f"{start}attn_v", (keys, hidden)
        if shape.qk_norm:
            yield f"{start}attn_q_norm", (shape.head_dim,)
            yield f"{start}attn_k_norm", (shape.head_dim,)
        yield f"{start}attn_output", (hidden, queries)
        yield f"{start}ffn_norm", (hidden,)
        if shape.experts:
            experts, inner = shape.experts, shape.expert_intermediate
            yield f"{start}{ROUTER}", (experts, hidden)
            yield f"{start}ffn_gate_exps", (experts, inner, hidden)
            yield f"{start}ffn_up_exps", (experts, inner, hidden)
            yield f"{start}ffn_down_exps", (experts, hidden, inner)
        else:
            yield f"{start}ffn_gate", (inner, hidden)
            yield f"{start}ffn_up", (inner, hidden)
            yield f"{start}ffn_down", (hidden, inner)
    yield "output_norm", (hidden,)
    if not shape.tie_word_embeddings:
        yield "output", (shape.vocab_size, hidden)


def metadata(shape: Shape, dtype: str) -> dict[str, int | float | str]:
    arch = architecture(shape)
    mixture: dict[str, int | float | str] = {
        f"{arch}.expert_count": shape.experts,
        f"{arch}.expert_used_count": shape.experts_per_token,
        f"{arch}.expert_feed_forward_length": shape.expert_intermediate,
    }
    return {
        "general.architecture": arch,
        "general.name": f"{shape.id} (random weights)",
        "general.file_type": _TYPES[dtype][1],
        "tokenizer.ggml.model": "no_vocab",
        f"{arch}.block_count": shape.layers,
        f"{arch}.context_length": 131072,
        f"{arch}.embedding_length": shape.hidden_size,
        f"{arch}.feed_forward_length": shape.intermediate_size,
        f"{arch}.attention.head_count": shape.heads,
        f"{arch}.attention.head_count_kv": shape.kv_heads,
        f"{arch}.attention.key_length": shape.head_dim,
        f"{arch}.attention.value_length": shape.head_dim,
        f"{arch}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{arch}.rope.dimension_count": shape.head_dim,
        f"{arch}.rope.freq_base": 500000.0,
        f"{arch}.vocab_size": shape.vocab_size,
        **(mixture if shape.experts else {}),
    }


def write(path: Path, shape: Shape, dtype: str, seed: int = 0) -> None:
    random = np.random.default_rng(seed)
    described = metadata(shape, dtype)
    listed = [(name, sizes, _type_of(name, sizes, dtype)) for name, sizes in tensors(shape)]
    header = struct.pack("<IIQQ", 0x46554747, 3, len(listed), len(described))
    header += b"".join(_text(key) + _value(value) for key, value in described.items())
    offset = 0
    for name, sizes, kind in listed:
        number, _, block_bytes, block, _ = _TYPES[kind]
        if sizes[-1] % block:
            raise UsageError(f"{name} has {sizes[-1]} columns: {dtype} needs multiples of {block}")
        header += _text(f"{name}.weight") + struct.pack("<I", len(sizes))
        header += struct.pack(f"<{len(sizes)}QIQ", *reversed(sizes), number, offset)
        offset += _aligned(math.prod(sizes) // block * block_bytes)
    with path.open("wb") as out:
        out.write(header)
        _pad(out)
        for _, sizes, kind in listed:
            if len(sizes) == 1:
                out.write(np.ones(sizes, np.float32).tobytes())
            else:
                _write_random(out, random, sizes, kind)
            _pad(out)


def _type_of(name: str, sizes: tuple[int, ...], dtype: str) -> str:
    return "f32" if len(sizes) == 1 or name.endswith(ROUTER) else dtype


def _write_random(
    out: BinaryIO, random: np.random.Generator, sizes: tuple[int, ...], dtype: str
) -> None:
    count, make = math.prod(sizes), _TYPES[dtype][-1]
    for start in range(0, count, VALUES):
        part = min(VALUES, count - start)
        out.write(make(random, part, 1 / math.sqrt(sizes[-1])).tobytes())


def _aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


def _pad(out: BinaryIO) -> None:
    out.write(bytes(_aligned(out.tell()) - out.tell()))


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: int | float | str) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", _TEXT) + _text(value)
    if isinstance(value, int):
        return struct.pack("<II", _U32, value)
    return struct.pack("<If", _F32, value)


def main(
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    model: Annotated[str, typer.Option(help="Catalogue id or config.json.")] = "Llama-3.2-1B",
    dtype: Annotated[str, typer.Option(help=", ".join(_TYPES))] = "f16",
    seed: int = 0,
) -> None:
    """Write random weights of a model's shape."""
    if dtype not in _TYPES:
        raise UsageError(f"--dtype {dtype} is not one of {', '.join(_TYPES)}")
    found, _ = shapes.load(model)
    write(out, found, dtype, seed)


if __name__ == "__main__":
    try:
        typer.run(main)
    except MemboundError as error:
        print(f"membound: error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
