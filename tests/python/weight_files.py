# SPDX-License-Identifier: Apache-2.0
"""Weights files as float64, read from their formats' descriptions and from nothing that they check.

GGUF version 3 (llama.cpp docs/gguf.md) and safetensors. Trusts its input: for the tests' own files.
"""

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

_SCALARS = "BbHhIif?sAQqd"  # of GGUF's value types 0 to 12; s and A: a string, an array
_STRING, _ARRAY = 8, 9
BLOCK = 32  # values that share a scale in Q4_0 and Q8_0


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def scalar(self, code: str) -> Any:
        (value,) = struct.unpack_from(f"<{code}", self.data, self.at)
        self.at += struct.calcsize(code)
        return value

    def text(self) -> str:
        length = self.scalar("Q")
        self.at += length
        return self.data[self.at - length : self.at].decode()

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            inner, count = self.scalar("I"), self.scalar("Q")
            return [self.value(inner) for _ in range(count)]
        return self.scalar(_SCALARS[kind])


def _bfloat16(raw: bytes) -> np.ndarray:
    return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").astype(np.float64)


def _q8_0(raw: bytes) -> np.ndarray:
    """A block is a scale in f16 and 32 signed bytes."""
    blocks = np.frombuffer(raw, [("d", "<f2"), ("q", "i1", BLOCK)])
    return (blocks["d"].astype(np.float64)[:, None] * blocks["q"]).ravel()


def _q4_0(raw: bytes) -> np.ndarray:
    """A block is a scale in f16 and 16 bytes: values 0 to 15 in low halves, 16 to 31 in high."""
    blocks = np.frombuffer(raw, [("d", "<f2"), ("q", "u1", BLOCK // 2)])
    halves = np.concatenate([blocks["q"] & 15, blocks["q"] >> 4], axis=1).astype(np.float64)
    return (blocks["d"].astype(np.float64)[:, None] * (halves - 8)).ravel()


def _plain(code: str):
    return lambda raw: np.frombuffer(raw, code).astype(np.float64)


# GGML's number of a type: its name, bytes of a block, values of a block, how it is widened.
_GGML = {
    0: ("F32", 4, 1, _plain("<f4")),
    1: ("F16", 2, 1, _plain("<f2")),
    2: ("Q4_0", 18, BLOCK, _q4_0),
    8: ("Q8_0", 34, BLOCK, _q8_0),
    30: ("BF16", 2, 1, _bfloat16),
}
_SAFETENSORS = {"F32": _plain("<f4"), "F16": _plain("<f2"), "BF16": _bfloat16}


def read_gguf(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, str]]:
    """Metadata, tensors with their rows first, and each one's type."""
    reader = _Reader(path.read_bytes())
    magic, version, tensors, pairs = (reader.scalar(code) for code in ("I", "I", "Q", "Q"))
    assert (magic, version) == (0x46554747, 3), path
    metadata: dict[str, Any] = {}
    for _ in range(pairs):
        key = reader.text()
        metadata[key] = reader.value(reader.scalar("I"))
    listed = []
    for _ in range(tensors):
        name = reader.text()
        shape = [reader.scalar("Q") for _ in range(reader.scalar("I"))][::-1]
        listed.append((name, shape, reader.scalar("I"), reader.scalar("Q")))
    alignment = metadata.get("general.alignment", 32)
    start = -(-reader.at // alignment) * alignment
    found, types = {}, {}
    for name, shape, kind, offset in listed:
        types[name], size, count, widen = _GGML[kind]
        length = math.prod(shape) // count * size
        raw = reader.data[start + offset : start + offset + length]
        found[name] = widen(raw).reshape(shape)
    return metadata, found, types


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors of one file, and each one's type."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        found[name] = _SAFETENSORS[entry["dtype"]](data[begin:end]).reshape(entry["shape"])
    return found, {name: entry["dtype"] for name, entry in header.items()}


def write_safetensors(path: Path, tensors: dict[str, np.ndarray], dtype: str) -> None:
    """All tensors as `dtype`, F32 or F16, rounded to nearest."""
    code = {"F32": "<f4", "F16": "<f2"}[dtype]
    header, parts, at = {}, [], 0
    for name, values in tensors.items():
        parts.append(values.astype(code).tobytes())
        offsets = [at, at + len(parts[-1])]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": offsets}
        at = offsets[1]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
