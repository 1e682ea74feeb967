#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's copy, matmul and decode by a CUDA graph, as peers of membound's; one JSON line each.

Called by gpu-check where torch is installed; it needs nothing of the project.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import torch
import torch.nn.functional as F

SAMPLES = 15
SAMPLE_SECONDS = 0.02
Row = dict[str, Any]


def seconds_of(call: Callable[[], object]) -> list[float]:
    """Seconds of one call, a sample each, by events around a batch of calls."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def batch(calls: int) -> float:
        torch.cuda.synchronize()
        begin.record()
        for _ in range(calls):
            call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) * 1e-3

    calls = 1
    while batch(calls) < SAMPLE_SECONDS:
        calls *= 2
    return [batch(calls) / calls for _ in range(SAMPLES)]


def row(work: str, seconds: list[float], **figures: object) -> Row:
    median = statistics.median(seconds)
    return {"peer": "pytorch", "work": work, "median_seconds": median, "seconds": seconds} | figures


def copies() -> Iterator[Row]:
    """Half a GiB and more: beyond every cache, so what is read was not read a moment ago."""
    for mebibytes in (512, 2048):
        source = torch.rand(mebibytes << 18, device="cuda")
        target = torch.empty_like(source)
        seconds = seconds_of(lambda: target.copy_(source))  # noqa: B023 (called within the loop)
        moved = 2 * source.numel() * source.element_size()
        rate = moved / statistics.median(seconds) * 1e-9
        yield row(f"copy/{mebibytes}MiB", seconds, bytes=moved, GBps=rate)


def matmuls() -> Iterator[Row]:
    for name, dtype, tf32 in (
        ("bf16", torch.bfloat16, False),
        ("f16", torch.float16, False),
        ("tf32", torch.float32, True),
    ):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        for n in (4096, 8192):
            a, b = (torch.randn(n, n, device="cuda").to(dtype) for _ in range(2))
            out = torch.empty(n, n, device="cuda", dtype=dtype)
            seconds = seconds_of(lambda: torch.matmul(a, b, out=out))  # noqa: B023
            rate = 2 * n**3 / statistics.median(seconds) * 1e-9
            yield row(f"matmul/{name}/{n}", seconds, flops=2 * n**3, GFLOPS=rate)


class Decoder:
    """One token through a Llama of random weights with a full cache of `context` tokens."""

    def __init__(
        self, *, width: int, inner: int, layers: int, heads: int, kv_heads: int, vocabulary: int,
        context: int,
    ) -> None:  # fmt: skip
        def weight(rows: int, columns: int) -> torch.Tensor:
            return torch.randn(rows, columns, device="cuda").to(torch.bfloat16) * columns**-0.5

        self.heads, self.kv_heads, self.head = heads, kv_heads, width // heads
        kv = kv_heads * self.head
        self.layers = [
            {
                "qkv": weight(width + 2 * kv, width),
                "out": weight(width, width),
                "gate_up": weight(2 * inner, width),
                "down": weight(width, inner),
            }
            for _ in range(layers)
        ]
        shape = (layers, 2, 1, kv_heads, context, self.head)
        self.cache = torch.randn(shape, device="cuda").to(torch.bfloat16)
        self.logits_of = weight(vocabulary, width)
        self.token = torch.randn(1, width, device="cuda").to(torch.bfloat16)
        self.norm = torch.ones(width, device="cuda", dtype=torch.bfloat16)

    def bytes(self) -> int:
        weights = [w for layer in self.layers for w in layer.values()] + [self.logits_of]
        return sum(2 * t.numel() for t in [*weights, self.cache])

    def step(self) -> torch.Tensor:
        x = self.token
        width, kv = x.shape[1], self.kv_heads * self.head
        for layer, cache in zip(self.layers, self.cache, strict=True):
            q, k, v = F.linear(self.normed(x), layer["qkv"]).split([width, kv, kv], dim=1)
            cache[0, :, :, -1] = k.view(1, self.kv_heads, self.head)
            cache[1, :, :, -1] = v.view(1, self.kv_heads, self.head)
            # The query heads that share keys and values are rows of one attention.
            grouped = q.view(1, self.kv_heads, self.heads // self.kv_heads, self.head)
            attended = F.scaled_dot_product_attention(grouped, cache[0], cache[1])
            x = x + F.linear(attended.reshape(1, width), layer["out"])
            gate, up = F.linear(self.normed(x), layer["gate_up"]).chunk(2, dim=1)
            x = x + F.linear(F.silu(gate) * up, layer["down"])
        return F.linear(self.normed(x), self.logits_of).argmax(dim=1)

    def normed(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, (x.shape[1],), self.norm, 1e-5)


def decodes() -> Iterator[Row]:
    small = {"width": 2048, "inner": 8192, "layers": 16, "heads": 32, "kv_heads": 8}
    large = {"width": 4096, "inner": 14336, "layers": 32, "heads": 32, "kv_heads": 8}
    for name, shape in (("Llama-3.2-1B", small), ("Llama-3.1-8B", large)):
        decoder = Decoder(**shape, vocabulary=128256, context=2048)
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                decoder.step()
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            decoder.step()
        seconds = seconds_of(graph.replay)
        median = statistics.median(seconds)
        read = decoder.bytes()
        figures = {"bytes": read, "GBps": read / median * 1e-9, "tokens_per_s": 1 / median}
        yield row(f"decode/{name}/bf16/batch:1/context:2048/graph", seconds, **figures)
        del decoder, graph
        torch.cuda.empty_cache()


@torch.inference_mode()
def measure(out: TextIO) -> int:
    """Writes each row as it comes; a work that fails says why and the others go on."""
    failed = 0
    device = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    for rows in (copies, matmuls, decodes):
        try:
            for line in rows():
                out.write(json.dumps(line | device) + "\n")
                out.flush()
                rate = line.get("GBps") or line.get("GFLOPS")
                print(f"{line['work']}: {rate:.1f} {'GB/s' if 'GBps' in line else 'GFLOP/s'}")
        except (RuntimeError, AttributeError) as error:
            failed += 1
            print(f"{rows.__name__}: {error}")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="file of JSON lines")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("torch sees no GPU")
        return 2
    with arguments.out.open("w", encoding="utf-8") as out:
        return 1 if measure(out) else 0


if __name__ == "__main__":
    raise SystemExit(main())
