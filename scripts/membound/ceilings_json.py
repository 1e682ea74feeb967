# SPDX-License-Identifier: Apache-2.0
"""A device's ceilings as the comparison's JSON shows them: GB/s, GFLOP/s, ns, us."""

from typing import Any

from membound.model import overlap
from membound.model.machine import Ceilings
from membound.model.saturation import Saturation
from membound.quality import DRIFT_PCT


def as_json(
    entry: Ceilings, found: Saturation | None, drift_pct: float | None, doubts: list[str]
) -> dict[str, Any]:
    """One device and its saturation; a figure that was not measured is null, never 0."""
    return {
        "device": entry.device,
        "read_GBps": _scaled(entry.read_rate, 1e-9),
        "read_best_GBps": _scaled(entry.read_best_rate, 1e-9),
        "read_bench": entry.read_bench,
        "paper_GBps": _scaled(entry.paper_read_rate, 1e-9),
        "paper_GFLOPS": {kind: rate / 1e9 for kind, rate in sorted(entry.paper_peaks.items())},
        "paper_sources": dict(sorted(entry.paper_sources.items())),
        "saturated": found.shown if found else None,
        "saturation": found.as_dict() if found else None,
        "rates_GBps": {name: r.rate / 1e9 for name, r in sorted(entry.streams.items())},
        "bus_rates_GBps": _with_write_allocate(entry),
        "counted_ratio": {
            name: r.counted_ratio
            for name, r in sorted(entry.streams.items())
            if r.counted_ratio is not None
        },
        "write_allocate_ratio": {
            name: r.write_allocate / r.size
            for name, r in sorted(entry.streams.items())
            if r.write_allocate
        },
        "fma_GFLOPS": _scaled(entry.flops_rate, 1e-9),
        "peaks_GFLOPS": {kind: rate / 1e9 for kind, rate in sorted(entry.peaks.items())},
        "library_GFLOPS": {kind: rate / 1e9 for kind, rate in sorted(entry.libraries.items())},
        "roofline": _roofline(entry),
        "latency": _latency(entry),
        "dequant_GBps": {
            kind: {str(m): rate / 1e9 for m, rate in sorted(rates.items())}
            for kind, rates in sorted(entry.dequant.items())
        },
        "barrier_us": _scaled(entry.barrier_seconds, 1e6),
        "launch_us": _scaled(entry.launch_seconds, 1e6),
        "drift_pct": drift_pct,
        "drifted": drift_pct is not None and abs(drift_pct) > DRIFT_PCT,
        "doubts": doubts,
    }


def _with_write_allocate(entry: Ceilings) -> dict[str, float]:
    """The same rates with the lines that ordinary stores read before they write."""
    return {
        name: r.rate * (r.size + r.write_allocate) / r.size / 1e9
        for name, r in sorted(entry.streams.items())
        if r.write_allocate
    }


def _roofline(entry: Ceilings) -> dict[str, Any]:
    """The knee as the intensity sweep has it; `why_not` where it was not measured."""
    fit = entry.knee
    if fit is None:
        return {"measured": False, "why_not": entry.knee_why_not}
    intervals = overlap.intervals95(entry.sweep)
    leaves_read, reaches_flops = overlap.leaves_roofs(entry.sweep, fit)
    return {
        "measured": True,
        "overlap_p": fit.p,
        "overlap_p_interval95": intervals.get("p"),
        "ridge_flop_per_byte": fit.ridge,
        "ridge_interval95": intervals.get("ridge"),
        "read_GBps": fit.read_rate / 1e9,
        "GFLOPS": fit.flops_rate / 1e9,
        "below_90pct_of_read_from": leaves_read,
        "above_90pct_of_flops_from": reaches_flops,
        "largest_error_pct": fit.error * 100,
    }


def ridge_text(shown: dict[str, Any]) -> str | None:
    """One sentence on the knee of a device as `as_json` gave it; None where it was not measured."""
    knee = shown["roofline"]
    if not knee["measured"]:
        return None
    p, interval = knee["overlap_p"], knee["ridge_interval95"]
    between = knee["below_90pct_of_read_from"], knee["above_90pct_of_flops_from"]
    text = f"{shown['device']}: ridge at {knee['ridge_flop_per_byte']:.1f} flop/B"
    text += f" (95 % {interval[0]:.1f}..{interval[1]:.1f})" if interval else ""
    text += f", where {knee['read_GBps']:.1f} GB/s and {knee['GFLOPS']:.0f} GFLOP/s meet; a launch"
    text += f" there takes {2 ** (1 / p):.2f} times the longer of its bytes and flops (p = {p:.1f})"
    if None not in between:
        text += f"; below 90 % of both roofs from {between[0]:.1f} to {between[1]:.1f} flop/B"
    return text


def _latency(entry: Ceilings) -> dict[str, Any]:
    """Idle and loaded; bytes in flight by Little's law, rate x latency.

    The loaded figure is the one under the most traffic that the others injected while one unit
    waited; the read ceiling's own latency is no smaller, so its bytes in flight are a lower bound.
    """
    idle = {f"idle_{pages}_pages_ns": s * 1e9 for pages, (_, s) in entry.idle_latency.items()}
    if not entry.loaded_latency:
        return idle | {"loaded_ns": None, "bytes_in_flight": None}
    rate, seconds = entry.loaded_latency[-1]
    return idle | {
        "loaded_ns": seconds * 1e9,
        "loaded_at_GBps": rate / 1e9,
        "bytes_in_flight": entry.read_rate * seconds if entry.read_rate else None,
        "curve": [{"GBps": r / 1e9, "ns": s * 1e9} for r, s in entry.loaded_latency],
    }


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
