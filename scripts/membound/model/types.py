# SPDX-License-Identifier: Apache-2.0
"""The stored types of a model's tensors, and the bytes that elements of a type take."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from membound.errors import UsageError
from membound.model.shape import Shape

ELEMENT_BYTES = {"bf16": 2, "f16": 2, "f32": 4}
BLOCK_BYTES = {"q8_0": 34, "q4_0": 18}  # of elements that share a scale, the scale included
BLOCK = 32  # elements
NAMES = (*ELEMENT_BYTES, *BLOCK_BYTES)


@dataclass(frozen=True)
class Types:
    """Of the layers' matrices, the embedding, the head (the embedding itself if tied), the cache.

    Norms are f32.
    """

    weights: str
    embedding: str
    head: str
    cache: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, dtype: str, cache: str | None = None) -> "Types":
        """Every matrix of one type; the cache of that type where it can be, else f16."""
        return cls(dtype, dtype, dtype, cache or (dtype if dtype in ELEMENT_BYTES else "f16"))

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], dtype: str) -> "Types":
        """As records and journals store them; those of before all had one type."""
        stored = settings.get("types")
        if not isinstance(stored, Mapping):
            return cls.of(dtype)
        try:
            return cls(**{key: str(stored[key]) for key in cls.__dataclass_fields__})
        except KeyError as error:
            raise UsageError(f"the record's types lack {error}") from None


def stored_bytes(dtype: str, elements: int) -> int:
    """Of whole blocks, where the type has them."""
    if dtype in ELEMENT_BYTES:
        return elements * ELEMENT_BYTES[dtype]
    blocks, rest = divmod(elements, BLOCK)
    assert rest == 0, f"{elements} elements are no whole blocks of {dtype}"
    return blocks * BLOCK_BYTES[dtype]


def check(dtype: str, cache: str | None) -> Types:
    """What --dtype and --cache ask for."""
    if dtype not in NAMES:
        raise UsageError(f"unknown dtype '{dtype}': give one of {', '.join(NAMES)}")
    if cache is not None and cache not in ELEMENT_BYTES:
        raise UsageError(f"unknown cache '{cache}': give one of {', '.join(ELEMENT_BYTES)}")
    return Types.of(dtype, cache)


def check_shape(shape: Shape, types: Types) -> None:
    """Rows of quantised matrices must be whole blocks."""
    rows = {
        "hidden_size": (shape.hidden_size, {types.weights, types.embedding, types.head}),
        "the MLPs' size": (shape.expert_intermediate or shape.intermediate_size, {types.weights}),
        "num_attention_heads x head_dim": (shape.heads * shape.head_dim, {types.weights}),
    }
    for name, (columns, used) in rows.items():
        for dtype in used & BLOCK_BYTES.keys():
            if columns % BLOCK:
                raise UsageError(
                    f"{shape.id} has {name} {columns}, and {dtype} needs multiples of {BLOCK}: "
                    f"choose another --dtype"
                )
