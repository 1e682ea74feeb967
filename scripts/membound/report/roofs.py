# SPDX-License-Identifier: Apache-2.0
"""Roofs (peaks by operand type) and what stands under them: kernels by kind, whole steps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from membound.report.data import Bench
from membound.report.text import clipped

UNITS = {"fma": "vector units", "matrix": "matrix units"}


@dataclass(frozen=True)
class Peak:
    """Best sustained flops/s of one operand type on one kind of unit."""

    label: str
    dtype: str
    rate: float
    bench: Bench
    ceiling: bool  # a library's rate is a practical ceiling, not a roof


@dataclass(frozen=True)
class Op:
    """One kernel under the roofs; `roof` is the rate that bandwidth and peak allow, or None."""

    kind: str
    label: str
    bench: Bench
    intensity: float
    roof: float | None
    limit: str
    ridge: float | None

    @property
    def cached(self) -> bool:
        """Mostly activations, and too few flops for them: caches bind it, neither roof does."""
        cached, memory = self.bench.work.activation_bytes, self.bench.memory_bytes
        few = self.ridge is None or self.bench.flops / (cached + memory) < self.ridge
        return cached > memory and few

    @property
    def fraction(self) -> float | None:
        return self.bench.flops_rate / self.roof if self.roof else None


def peaks(found: Iterable[Bench], libraries: Mapping[str, float]) -> list[Peak]:
    """Vector and matrix units, then what libraries reach by type (GFLOP/s, the comparison's)."""
    computing = [bench for bench in found if bench.family == "compute" and bench.flops]
    result = [
        Peak(f"{'FMA' if b.kind == 'fma' else 'matrix'} {b.dtype}", b.dtype, b.flops_rate, b, True)
        for b in computing
        if b.kind in UNITS
    ]
    result.sort(key=lambda peak: (peak.bench.kind, -peak.rate))
    for dtype, rate in libraries.items():
        gemms = [b for b in computing if (b.kind, b.dtype) == ("library_gemm", dtype)]
        best = max(gemms, key=lambda bench: bench.flops_rate)
        label = f"GEMM {dtype}, {clipped(best.keys.get('library', 'library'), 20)}"
        result.append(Peak(label, dtype, rate * 1e9, best, False))
    return result


def peak_of(roofs: Sequence[Peak], dtype: str) -> Peak | None:
    """The highest roof of an operand type; f32's, to which a type without its own is widened."""
    for wanted in (dtype, "f32"):
        known = [peak for peak in roofs if peak.ceiling and peak.dtype == wanted]
        if known:
            return max(known, key=lambda peak: peak.rate)
    return None


def ops(found: Iterable[Bench], roofs: Sequence[Peak], read_rate: float | None) -> list[Op]:
    """Kernels that both read or write memory and compute, by their definitions."""
    result = []
    for bench in found:
        if bench.stage != "kernel" or not bench.flops or not bench.memory_bytes:
            continue
        intensity = bench.flops / bench.memory_bytes
        peak = peak_of(roofs, bench.flops_type)
        roof, limit, ridge = None, "no roof measured", None
        if read_rate:
            ridge = peak.rate / read_rate if peak else None
            roof, limit = read_rate * intensity, "read"
            if peak and peak.rate < roof:
                roof, limit = peak.rate, peak.label
        result.append(Op(kind_of(bench), label_of(bench), bench, intensity, roof, limit, ridge))
    return sorted(result, key=lambda op: (op.intensity, op.label))


def without_memory(found: Iterable[Bench]) -> list[str]:
    """Kinds of kernels that by definition touch caches only, or compute nothing."""
    kinds = {b.kind for b in found if b.stage == "kernel" and not (b.flops and b.memory_bytes)}
    return sorted(kinds)


def kind_of(bench: Bench) -> str:
    """What marks of one name on the chart have in common."""
    if bench.kind in ("gemv", "gemm"):
        return f"{bench.kind} {bench.dtype}"
    if bench.kind == "attention":
        phase = "decode" if bench.keys.get("tokens") == "1" else "prefill"
        return f"attention {phase}"
    return bench.kind


def label_of(bench: Bench) -> str:
    """The kernel's name without its family: kind, type and sizes."""
    sizes = (f"{key} {value}" for key, value in bench.keys.items())
    return f"{bench.kind} {bench.dtype}  {', '.join(sizes)}"
