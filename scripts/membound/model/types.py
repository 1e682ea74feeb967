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
# Elements and bytes of a block of types that files can have and no kernel here reads: their work is
# known, so steps of them are described and predicted.
DESCRIBED = {
    "q4_1": (32, 20), "q5_0": (32, 22), "q5_1": (32, 24), "q8_1": (32, 36), "q1_0": (128, 18),
    "q2_0": (64, 18), "q2_k": (256, 84), "q3_k": (256, 110), "q4_k": (256, 144),
    "q5_k": (256, 176), "q6_k": (256, 210), "q8_k": (256, 292), "iq1_s": (256, 50),
    "iq1_m": (256, 56), "iq2_xxs": (256, 66), "iq2_xs": (256, 74), "iq2_s": (256, 82),
    "iq3_xxs": (256, 98), "iq3_s": (256, 110), "iq4_nl": (32, 18), "iq4_xs": (256, 136),
    "tq1_0": (256, 54), "tq2_0": (256, 66), "mxfp4": (32, 17), "nvfp4": (64, 36),
    "f64": (1, 8), "f8_e4m3": (1, 1), "f8_e5m2": (1, 1),
}  # fmt: skip


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


def block(dtype: str) -> tuple[int, int]:
    """Elements and bytes of a block; of plain types it is one element."""
    if dtype in ELEMENT_BYTES:
        return 1, ELEMENT_BYTES[dtype]
    return DESCRIBED[dtype] if dtype in DESCRIBED else (BLOCK, BLOCK_BYTES[dtype])


def stored_bytes(dtype: str, elements: int) -> int:
    """Of whole blocks, where the type has them.

    What is no whole number of them counts as padded. `check_shape` keeps it from what is run; in a
    file of mixed types such rows are of another type, and the file's own bytes are put in.
    """
    size, each = block(dtype)
    return -(-elements // size) * each


def check_known(dtype: str) -> None:
    """Whether work of this type can be counted, be there a kernel for it or not."""
    if dtype not in NAMES and dtype not in DESCRIBED:
        raise UsageError(f"unknown dtype '{dtype}': known are {', '.join((*NAMES, *DESCRIBED))}")


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
        for dtype in sorted(used):
            if columns % (size := block(dtype)[0]):
                raise UsageError(
                    f"{shape.id} has {name} {columns}, and {dtype} needs multiples of {size}: "
                    f"choose another --dtype"
                )
