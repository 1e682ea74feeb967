# SPDX-License-Identifier: Apache-2.0
"""The work of one decode step or one prefill, launch by launch, in exact integers.

Derived from the shape alone, independently of the measuring program: a test compares the two.
Bytes read and written are those of weights and KV cache; activations stay in caches and are
counted apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from membound.model.shape import Shape
from membound.model.types import Types, stored_bytes

ACTIVATION_BYTES = 4  # activations are f32 for every weight type
GEMV_ROWS = 64  # up to here a matmul is the gemv kernel's


@dataclass(frozen=True)
class Work:
    """Bytes and floating-point operations of one launch.

    `matmul_flops` are those of products with weights, by the weights' type, which decides which
    units may do them; `f32_flops` are all others.
    """

    bytes_read: int = 0
    bytes_written: int = 0
    activation_bytes: int = 0
    f32_flops: int = 0
    matmul_flops: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: "Work") -> "Work":
        types = {**self.matmul_flops, **other.matmul_flops}
        return Work(
            self.bytes_read + other.bytes_read,
            self.bytes_written + other.bytes_written,
            self.activation_bytes + other.activation_bytes,
            self.f32_flops + other.f32_flops,
            {t: self.matmul_flops.get(t, 0) + other.matmul_flops.get(t, 0) for t in types},
        )

    @property
    def flops_by_type(self) -> dict[str, int]:
        """By type of the operands; f32 is always there."""
        return {**self.matmul_flops, "f32": self.f32_flops + self.matmul_flops.get("f32", 0)}

    @property
    def flops(self) -> int:
        """Of all types together."""
        return sum(self.flops_by_type.values())

    @property
    def memory_bytes(self) -> int:
        """Bytes that must cross the memory bus; a launch that reads only activations has none."""
        return self.bytes_read + self.bytes_written if self.bytes_read else 0

    @property
    def all_bytes(self) -> int:
        return self.bytes_read + self.bytes_written + self.activation_bytes

    def as_dict(self) -> dict[str, Any]:
        return {
            "bytes_read": self.bytes_read,
            "bytes_written": self.bytes_written,
            "activation_bytes": self.activation_bytes,
            "write_allocate_bytes": 0,
            "flops": self.flops_by_type,
        }


@dataclass(frozen=True)
class Launch:
    """One kernel launch and the bench that measures the same launch alone."""

    op: str
    bench: str
    work: Work
    layer: int | None = None


@dataclass(frozen=True)
class Step:
    """One decode step (`tokens` is 1) or one prefill of `tokens` tokens for each sequence."""

    shape: Shape
    types: Types
    phase: str
    batch: int
    context: int
    launches: list[Launch] = field(repr=False)

    @property
    def dtype(self) -> str:
        """By which steps are named: the layers' matrices, nearly all of a step's bytes."""
        return self.types.weights

    @property
    def tokens(self) -> int:
        """Tokens that the step delivers or digests, over all sequences."""
        return self.batch * (1 if self.phase == "decode" else self.context)

    @property
    def bytes_by_class(self) -> dict[str, int]:
        """Bytes of weights read, by what the tensors are for, and of the cache read and written."""
        sums: dict[str, int] = {}
        for launch in self.launches:
            for kind, count in _classes(self.shape, launch).items():
                sums[kind] = sums.get(kind, 0) + count
        return sums

    @property
    def total(self) -> Work:
        return sum((launch.work for launch in self.launches), Work())


def class_of(shape: Shape, op: str) -> str:
    """What the weights that an op reads are for, or the cache; empty where it reads neither."""
    if op in ("gate_up", "down"):
        return "experts" if shape.experts else "mlp"
    if op.endswith("_norm") or op == "rope_append":
        return "norms"
    named = {"qkv": "attention", "o": "attention", "embed": "embedding", "attention": "cache"}
    return named.get(op, op if op in ("router", "head") else "")


def _classes(shape: Shape, launch: Launch) -> dict[str, int]:
    found = {class_of(shape, launch.op): launch.work.bytes_read}
    if launch.op == "rope_append":
        found["cache"] = launch.work.bytes_written
    found.pop("", None)
    return found


def build(phase: str, shape: Shape, types: Types, batch: int, length: int) -> Step:
    """A decode step at a context of `length`, or a prefill of as many tokens."""
    return (decode if phase == "decode" else prefill)(shape, types, batch, length)


def decode(shape: Shape, types: Types, batch: int, context: int) -> Step:
    """One token for each of `batch` sequences; reads the KV of `context` tokens."""
    launches = list(_launches(shape, types, batch, 1, context))
    return Step(shape, types, "decode", batch, context, launches)


def prefill(shape: Shape, types: Types, batch: int, tokens: int) -> Step:
    """`tokens` tokens for each of `batch` sequences, from an empty cache."""
    launches = list(_launches(shape, types, batch, tokens, tokens))
    return Step(shape, types, "prefill", batch, tokens, launches)


def expected_experts(shape: Shape, rows: int) -> float:
    """Experts of a layer that `rows` tokens touch if each choice is equally likely."""
    missed = 1 - shape.experts_per_token / shape.experts
    return shape.experts * (1 - missed**rows)


def expert_bytes(shape: Shape, types: Types) -> int:
    """Bytes of all matrices of one expert."""
    return stored_bytes(types.weights, 3 * shape.expert_intermediate * shape.hidden_size)


def weight_bytes(shape: Shape, types: Types) -> int:
    """Bytes of all weights held in memory; norms and routers are f32."""
    s = shape
    attention = (s.heads + 2 * s.kv_heads) * s.head_dim * s.hidden_size
    attention += s.hidden_size * s.heads * s.head_dim
    per_layer = stored_bytes(types.weights, attention) + 4 * 2 * s.hidden_size
    per_layer += 4 * 2 * s.head_dim if s.qk_norm else 0
    if s.experts:
        per_layer += s.experts * (expert_bytes(s, types) + 4 * s.hidden_size)
    else:
        per_layer += stored_bytes(types.weights, 3 * s.intermediate_size * s.hidden_size)
    table = s.vocab_size * s.hidden_size
    total = s.layers * per_layer + 4 * s.hidden_size + stored_bytes(types.embedding, table)
    return total + (0 if s.tie_word_embeddings else stored_bytes(types.head, table))


def kv_bytes(shape: Shape, types: Types, batch: int, context: int) -> int:
    """Bytes of the KV cache at this context."""
    per_token = stored_bytes(types.cache, 2 * shape.kv_heads * shape.head_dim)
    return shape.layers * batch * context * per_token


def _matmul(dtype: str, m: int, n: int, k: int, accumulate: bool = False) -> tuple[str, Work]:
    kind = "gemv" if m <= GEMV_ROWS else "gemm"
    outputs = m * n * (2 if accumulate else 1)
    work = Work(
        bytes_read=n * stored_bytes(dtype, k),
        activation_bytes=ACTIVATION_BYTES * (m * k + outputs),
        matmul_flops={dtype: 2 * m * n * k},
    )
    return f"inference/{kind}/{dtype}/m:{m}/n:{n}/k:{k}", work


def _rmsnorm(rows: int, width: int) -> tuple[str, Work]:
    work = Work(4 * width, 0, 2 * ACTIVATION_BYTES * rows * width, 4 * rows * width)
    return f"inference/rmsnorm/f32/rows:{rows}/width:{width}", work


def _attention(s: Shape, dtype: str, batch: int, tokens: int, context: int) -> tuple[str, Work]:
    # Causal: token i of a prefill sees i tokens; a decode step sees the whole context.
    pairs = context if tokens == 1 else tokens * (tokens + 1) // 2
    work = Work(
        bytes_read=batch * context * stored_bytes(dtype, 2 * s.kv_heads * s.head_dim),
        activation_bytes=2 * ACTIVATION_BYTES * batch * tokens * s.heads * s.head_dim,
        f32_flops=4 * s.heads * s.head_dim * batch * pairs,
    )
    name = f"inference/attention/{dtype}/batch:{batch}/tokens:{tokens}/context:{context}"
    return f"{name}/heads:{s.heads}/kv_heads:{s.kv_heads}/head_dim:{s.head_dim}", work


def _rope_append(s: Shape, dtype: str, batch: int, tokens: int) -> tuple[str, Work]:
    rows, q, kv = batch * tokens, s.heads * s.head_dim, s.kv_heads * s.head_dim
    work = Work(
        bytes_read=8 * s.head_dim if s.qk_norm else 0,
        bytes_written=rows * stored_bytes(dtype, 2 * kv),
        activation_bytes=ACTIVATION_BYTES * rows * (q + 2 * kv + q),
        f32_flops=(7 if s.qk_norm else 3) * rows * (q + kv),
    )
    name = f"inference/rope_append/{dtype}/batch:{batch}/tokens:{tokens}"
    name += f"/heads:{s.heads}/kv_heads:{s.kv_heads}/head_dim:{s.head_dim}"
    return name + ("/qk_norm:1" if s.qk_norm else ""), work


def _silu_mul(rows: int, width: int) -> tuple[str, Work]:
    work = Work(0, 0, 3 * ACTIVATION_BYTES * rows * width, 5 * rows * width)
    return f"inference/silu_mul/f32/rows:{rows}/width:{width}", work


def _experts(
    s: Shape, dtype: str, rows: int, touched: int, n: int, k: int, gather: int
) -> tuple[str, Work]:
    pairs = rows * s.experts_per_token
    work = Work(
        bytes_read=touched * n * stored_bytes(dtype, k),
        activation_bytes=ACTIVATION_BYTES * pairs * (k + n),
        matmul_flops={dtype: 2 * pairs * n * k},
    )
    name = f"inference/experts/{dtype}/rows:{rows}/chosen:{s.experts_per_token}"
    return f"{name}/touched:{touched}/n:{n}/k:{k}/gather:{gather}", work


def _dense(s: Shape, dtype: str, rows: int) -> dict[str, tuple[str, Work]]:
    return {
        "gate_up": _matmul(dtype, rows, 2 * s.intermediate_size, s.hidden_size),
        "silu_mul": _silu_mul(rows, s.intermediate_size),
        "down": _matmul(dtype, rows, s.hidden_size, s.intermediate_size, accumulate=True),
    }


def _mixture(s: Shape, dtype: str, rows: int, touched: int) -> dict[str, tuple[str, Work]]:
    """Router in f32, choice, the MLPs of the `touched` experts, weighted sum."""
    pairs, hidden, inner = rows * s.experts_per_token, s.hidden_size, s.expert_intermediate
    route = Work(0, 0, 4 * (rows * s.experts + 3 * pairs), 2 * rows * s.experts)
    combine = Work(0, 0, 4 * (pairs * (hidden + 2) + 2 * rows * hidden), 2 * pairs * hidden)
    return {
        "router": _matmul("f32", rows, s.experts, hidden),
        "route": (
            f"inference/route/f32/rows:{rows}/experts:{s.experts}/chosen:{s.experts_per_token}",
            route,
        ),
        "gate_up": _experts(s, dtype, rows, touched, 2 * inner, hidden, 1),
        "silu_mul": _silu_mul(pairs, inner),
        "down": _experts(s, dtype, rows, touched, hidden, inner, 0),
        "combine": (
            f"inference/combine/f32/rows:{rows}/width:{hidden}/chosen:{s.experts_per_token}",
            combine,
        ),
    }


def _launches(s: Shape, types: Types, batch: int, tokens: int, context: int) -> Iterator[Launch]:
    rows, q, kv = batch * tokens, s.heads * s.head_dim, s.kv_heads * s.head_dim
    table, dtype = types.embedding, types.weights
    row_bytes = stored_bytes(table, s.hidden_size)
    gather = Work(rows * row_bytes, 0, rows * (4 * s.hidden_size + 4), 0)
    yield Launch("embed", f"inference/embed/{table}/rows:{rows}/width:{s.hidden_size}", gather)
    touched = int(expected_experts(s, rows) + 0.5) if s.experts else 0
    layer = {
        "attn_norm": _rmsnorm(rows, s.hidden_size),
        "qkv": _matmul(dtype, rows, q + 2 * kv, s.hidden_size),
        "rope_append": _rope_append(s, types.cache, batch, tokens),
        "attention": _attention(s, types.cache, batch, tokens, context),
        "o": _matmul(dtype, rows, s.hidden_size, q, accumulate=True),
        "mlp_norm": _rmsnorm(rows, s.hidden_size),
        **(_mixture(s, dtype, rows, touched) if s.experts else _dense(s, dtype, rows)),
    }
    for index in range(s.layers):
        for op, (bench, work) in layer.items():
            yield Launch(op, bench, work, index)
    # Only the last position of each sequence goes through the head.
    yield Launch("final_norm", *_rmsnorm(batch, s.hidden_size))
    yield Launch("head", *_matmul(types.head, batch, s.vocab_size, s.hidden_size))
    argmax = Work(activation_bytes=4 * batch * s.vocab_size + 4 * batch)
    yield Launch("argmax", f"inference/argmax/f32/rows:{batch}/width:{s.vocab_size}", argmax)
    yield Launch("advance", "inference/advance/none", Work(activation_bytes=16))
