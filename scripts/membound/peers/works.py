# SPDX-License-Identifier: Apache-2.0
"""Works that membound and its peers both do, and the bytes each one moves by definition.

Words per element of the loop (read, written), as the tools declare them themselves:
STREAM 5.10 and BabelStream weigh copy and scale (mul) 2 words, add and triad 3, BabelStream's dot
2; likwid-bench prints load and store bytes per element for each kernel (`likwid-bench -l`).
These agree with one another; membound counts alike. Write-allocate traffic is never counted.
likwid's `stream` is STREAM's triad a[i] = b[i] + s * c[i]; its `triad` is another loop
(a[i] = b[i] * c[i] + d[i]) and is not used.

`decode` and `prefill` are steps of a model from a weights file, in tokens/s: see `steps.py`.
"""

from typing import NamedTuple

WORDS = {
    "read": (1, 0),
    "write": (0, 1),
    "copy": (1, 1),
    "scale": (1, 1),
    "add": (2, 1),
    "triad": (2, 1),
    "dot": (2, 0),
    "update": (1, 1),
}
ARRAYS = {name: 1 if name == "update" else sum(words) for name, words in WORDS.items()}
MOST_ARRAYS = max(ARRAYS.values())
# Nothing is computed with the words that these move, so that their type makes no difference.
MOVES = ("read", "write", "copy")
MOVES_DTYPE = "f32"
COMPUTE = ("fma", "gemm")
STEPS = ("decode", "prefill")
NAMES = (*WORDS, *COMPUTE, *STEPS)
DTYPES = ("f32", "f64", "bf16", "f16", "q8_0", "q4_0")  # of operands; of weights in a step
ELEMENT_BYTES = {"f32": 4, "f64": 8, "bf16": 2}


class Work(NamedTuple):
    """What is compared with what; moves are all filed under f32, whatever their words are."""

    name: str
    dtype: str
    model: str = ""  # whose step it is

    @property
    def unit(self) -> str:
        """Of rates divided by `scale`."""
        if self.name in STEPS:
            return "tokens/s"
        return "GB/s" if self.name in WORDS else "GFLOP/s"

    @property
    def scale(self) -> float:
        return 1.0 if self.name in STEPS else 1e9

    def __str__(self) -> str:
        if self.name in MOVES:
            return self.name
        return f"{self.name} {self.dtype}" + (f" {self.model}" if self.model else "")


def work(name: str, dtype: str) -> Work:
    return Work(name, MOVES_DTYPE if name in MOVES else dtype)


def bytes_of(name: str, elements: int, element_bytes: int) -> int:
    """Bytes that one pass over `elements` reads and writes by definition."""
    return sum(WORDS[name]) * elements * element_bytes
