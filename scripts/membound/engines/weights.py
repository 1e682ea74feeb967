# SPDX-License-Identifier: Apache-2.0
"""Stored weight types as publishers spell them: bits with scales, and who multiplies them."""

import re
from dataclasses import dataclass

BFLOAT = 16.0


@dataclass(frozen=True)
class WeightType:
    """`bits` per weight with its share of scales; `family` is what unpacking it costs alike.

    `rest_bits` is for weights outside experts, where only experts are packed. `multiply` names the
    arithmetic: weights narrower than it are unpacked first.
    """

    bits: float
    family: str
    multiply: str = "f16"
    rest_bits: float | None = None

    @property
    def unpacked(self) -> bool:
        """Whether weights must be widened before they are multiplied."""
        return self.family not in ("f32", "f16", "f8", "f4")


# First match wins. GGUF blocks: 32 weights and one half-precision scale (Q8_0: 34 bytes, Q4_0: 18).
PATTERNS: tuple[tuple[str, WeightType], ...] = (
    (r"mxfp4", WeightType(4.25, "f4", "f16", BFLOAT)),
    (r"nvfp4|\bfp4\b", WeightType(4.5, "f4", "f4")),
    (r"fp8|e4m3", WeightType(8.0, "f8", "f8")),
    (r"q8_0", WeightType(8.5, "q8")),
    (r"q6_k", WeightType(6.56, "q6")),
    (r"q5_k|q5_[01]", WeightType(5.6, "q5")),
    (r"q4_k", WeightType(4.85, "q4")),
    (r"iq4", WeightType(4.3, "q4")),
    (r"q4_[01]", WeightType(4.5, "q4")),
    (r"i?q3|w3|int3", WeightType(3.6, "q3")),
    (r"i?q2|w2|int2", WeightType(2.6, "q3")),
    (r"int8|w8|i8", WeightType(8.0, "i8")),
    (r"int4|w4|awq|gptq|4-bit|4bit|q4", WeightType(4.25, "i4")),
    (r"8-bit|8bit", WeightType(8.0, "i8")),
    (r"fp32|f32|float32", WeightType(32.0, "f32", "f32")),
    (r"fp16|bf16|f16|float16", WeightType(16.0, "f16")),
)  # fmt: skip


def parse(text: str) -> WeightType | None:
    """The type that `text` names; None when it names none."""
    name = text.casefold()
    if found := re.search(r"(\d+(?:\.\d+)?)\s*bpw", name):
        bits = float(found[1])
        return WeightType(bits, "i4" if bits > 3.5 else "q3") if 1 <= bits <= 8 else None
    if found := re.search(r"int4 g(\d+)", name):
        return WeightType(4 + 32 / int(found[1]), "i4") if int(found[1]) else None
    for pattern, kind in PATTERNS:
        if re.search(pattern, name):
            return kind
    return None
