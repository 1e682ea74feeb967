# SPDX-License-Identifier: Apache-2.0
"""Comparisons, predictions and lists as tables on standard output."""

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from membound.record import (
    CAUSES,
    TIERS,
    Comparison,
    EngineResult,
    EngineRow,
    Row,
)

TIER_NAMES = {"P": "P paper", "C": "C claim", "K": "K kernels"}
NARROWEST = 120  # columns when standard output is a file or a pipe


def console() -> Console:
    """Standard output; as wide as a table needs where no terminal limits it."""
    width = None if sys.stdout.isatty() else NARROWEST
    return Console(width=width, highlight=False, markup=False, soft_wrap=False)


def print_comparison(comparison: Comparison) -> None:
    out = console()
    for ceilings in comparison.ceilings["by_device"]:
        for line in ceilings_lines(ceilings):
            out.print(line, soft_wrap=True)
    out.print()
    if comparison.rows:
        out.print(_rows_table(comparison.rows))
        out.print(_shares_table(comparison.rows))
        out.print(_residuals_table(comparison))
    elif not comparison.engines:
        out.print("no step was measured")
    if comparison.engines:
        out.print(_engines_table(comparison.engines))
        for line in engine_notes(comparison.engines):
            out.print(line, soft_wrap=True)
    for text in comparison.verdicts:
        out.print(f"- {text}", soft_wrap=True, markup=False)
    out.print(f"record: {comparison.record}", soft_wrap=True, markup=False)


def ceilings_lines(ceilings: dict[str, Any]) -> list[str]:
    """A device's ceilings in lines that fit 80 columns."""
    paper = _number(ceilings["paper_GBps"])
    if source := ceilings["paper_sources"].get("bandwidth"):
        paper += f", {source}"
    read = f"{_number(ceilings['read_GBps'])} GB/s (best {_number(ceilings['read_best_GBps'])}"
    lines = [
        f"{ceilings['device']}: cold read {read}; paper {paper})",
        f"  saturation: {_saturation(ceilings['saturation'])}",
        *_listed("  peaks, GFLOP/s: ", ceilings["peaks_GFLOPS"]),
        *_paper_peaks(ceilings),
        *_listed("  library GEMM, GFLOP/s: ", ceilings["library_GFLOPS"]),
    ]
    knee = ceilings["roofline"]
    ridge = f"unknown: {knee['why_not']}" if not knee["measured"] else _ridge(knee)
    lines.append(f"  ridge: {ridge}")
    lines.append(f"  barrier {_number(ceilings['barrier_us'])} us")
    return lines


def _saturation(found: dict[str, Any] | None) -> str:
    """Shown, not or open, then what each of the two axes still adds."""
    if found is None:
        return "not measured"
    word = {True: "shown", False: "not reached", None: "open"}[found["shown"]]
    parts = []
    for name, key in (("more cores", "over_units"), ("more bytes in flight", "over_flight")):
        gain = found[key]
        change = f"{(gain['gain'] - 1) * 100:+.1f} %" if gain else "not measured"
        parts.append(f"{name} {change}")
    return f"{word} ({', '.join(parts)})"


def _paper_peaks(ceilings: dict[str, Any]) -> list[str]:
    """With who gave them; all of a device come from one source."""
    lines = _listed("  paper peaks, GFLOP/s: ", ceilings["paper_GFLOPS"])
    sources = {ceilings["paper_sources"][kind] for kind in ceilings["paper_GFLOPS"]}
    return [f"{line}, {', '.join(sorted(sources))}" for line in lines]


def _listed(name: str, rates: dict[str, float]) -> list[str]:
    """By operand type; nothing where nothing was measured."""
    parts = [f"{kind} {rate:.0f}" for kind, rate in rates.items()]
    return [name + ", ".join(parts)] if parts else []


def _ridge(knee: dict[str, Any]) -> str:
    interval = knee["ridge_interval95"]
    between = f" (95 % {interval[0]:.1f}..{interval[1]:.1f})" if interval else ""
    return f"{knee['ridge_flop_per_byte']:.1f} flop/B{between}, overlap p {knee['overlap_p']:.1f}"


def _labels(rows: list[Row]) -> list[str]:
    """A short name for each row; device and dtype appear only where they tell rows apart."""
    devices, dtypes = {row.device for row in rows}, {row.dtype for row in rows}
    labels = []
    for row in rows:
        parts = [row.device] if len(devices) > 1 else []
        parts += [row.phase] + ([row.dtype] if len(dtypes) > 1 else [])
        parts += [f"b{row.batch}", f"{'c' if row.phase == 'decode' else 't'}{row.context}"]
        labels.append(" ".join(parts))
    return labels


def _rows_table(rows: list[Row]) -> Table:
    table = Table(title="tokens/s over all sequences, and measured / predicted - 1")
    table.add_column("step", no_wrap=True)
    for heading in ("measured", "95 %", *TIERS):
        # In a narrow terminal a residual goes below its prediction: nothing else breaks.
        table.add_column(heading, justify="right", no_wrap=heading not in TIERS)
    for label, row in zip(_labels(rows), rows, strict=True):
        low, high = row.interval95
        predicted = [_predicted(row.predicted[tier], row.residual_pct[tier]) for tier in TIERS]
        interval = f"{_number(low)}..{_number(high)}"
        table.add_row(label, _number(row.measured), interval, *predicted)
    guessed = sum(bool(row.interpolated) for row in rows)
    table.caption = f"95 %: {', '.join(sorted({row.interval_basis for row in rows}))}"
    if guessed:
        table.caption += f"; tier K interpolates launches in {guessed} of {len(rows)} rows"
    return table


def _predicted(rate: float | None, residual_pct: float | None) -> str:
    return "-" if rate is None else f"{_number(rate)} {residual_pct:+.1f}%"


def _shares_table(rows: list[Row]) -> Table:
    shown = [c for c in CAUSES if any((row.shares or {}).get(c, 0) >= 0.005 for row in rows)]
    table = Table(title="shares of the step's time, of tier K")
    table.add_column("step")
    for cause in shown:
        table.add_column(cause, justify="right")
    for label, row in zip(_labels(rows), rows, strict=True):
        if row.shares:
            table.add_row(label, *(f"{row.shares.get(cause, 0):.2f}" for cause in shown))
    return table


def _residuals_table(comparison: Comparison) -> Table:
    table = Table(title="residuals by tier")
    table.add_column("tier")
    for heading in ("n", "median |%|", "p95 |%|"):
        table.add_column(heading, justify="right")
    named = {TIER_NAMES[tier]: comparison.residuals[tier] for tier in TIERS}
    for tier, anchored in comparison.anchored_residuals.items():
        if anchored.n:
            named[f"{tier} at the read rate between the steps"] = anchored
    for name, found in named.items():
        cells = _percent(found.median_abs_pct), _percent(found.p95_abs_pct)
        table.add_row(name, str(found.n), *cells)
    return table


def _engines_table(rows: list[EngineRow]) -> Table:
    table = Table(title="other engines, tokens/s; predicted, and the engine / predicted - 1")
    table.add_column("engine and work")
    for heading in ("engine", "ours", "ours / engine", *TIERS):
        table.add_column(heading, justify="right")
    for row in rows:
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}x"
        predicted = [_predicted(row.predicted[tier], row.residual_pct[tier]) for tier in TIERS]
        ours = "-" if row.ours is None else _number(row.ours)
        table.add_row(
            engine_label(row.result), _number(row.result.tokens_per_s), ours, ratio, *predicted
        )
    return table


def engine_label(result: EngineResult) -> str:
    """Engine and work: "llama.cpp b4762 decode q8_0 b1 c64"."""
    size = {"decode": f"c{result.context}", "prefill": f"t{result.context}"}.get(
        result.phase, f"t{result.prompt}+{result.generated}"
    )
    named = f"{result.engine} {result.version}".strip()
    return f"{named} {result.model} {result.phase} {result.dtype} b{result.batch} {size}"


def engine_notes(rows: list[EngineRow]) -> list[str]:
    """Why something is missing, where ours was measured, what the engine's time holds."""
    notes: dict[str, list[str]] = {}
    for row in rows:
        found = [row.why_not, *row.result.notes]
        if row.ours_context not in (None, row.result.context):
            found.append(f"ours at c{row.ours_context}")
        for text in filter(None, found):
            notes.setdefault(text, []).append(engine_label(row.result))
    return [
        f"  {text}" if len(labels) == len(rows) else f"  {', '.join(labels)}: {text}"
        for text, labels in notes.items()
    ]


def print_prediction(found: dict[str, Any]) -> None:
    low, high = found["interval90"]
    size = f"context {found['context']}" if found["phase"] == "decode" else f"{found['context']} t"
    table = Table(title=f"{found['phase']} {found['model']} {found['dtype']} on {found['device']}")
    table.add_column("quantity")
    table.add_column("value")
    table.add_row("batch", f"{found['batch']}, {size}")
    table.add_row(f"tier {found['tier']}", f"{_number(found['tokens_per_s'])} tokens/s")
    table.add_row("90 % interval", f"{_number(low)}..{_number(high)} ({found['interval_basis']})")
    table.add_row("step", f"{found['seconds_per_step'] * 1e3:.3f} ms")
    table.add_row("bytes", f"{found['bytes_per_step'] / 1e9:.3f} GB")
    table.add_row("flops", f"{found['flops_per_step'] / 1e9:.3f} GFLOP")
    table.add_row("bound", found["bound"] or "unknown")
    table.add_row("shares", shares_text(found["shares"]))
    console().print(table)


def print_list(listed: dict[str, Any]) -> None:
    out = console()
    backends = Table(title="backends")
    for heading in ("backend", "loaded", "devices", "architectures", "why not"):
        backends.add_column(heading)
    for backend in listed["backends"]:
        claims = (backend.get("architectures") or {}).items()
        devices = backend.get("devices")
        named = ", ".join(map(str, devices)) if isinstance(devices, list) else str(devices)
        backends.add_row(
            backend["name"],
            "yes" if backend["loaded"] else "no",
            named,
            ", ".join(f"{name}: {claim}" for name, claim in claims),
            backend.get("reason") or "",
        )
    benches = Table(title="benches")
    for heading in ("bench", "devices", "question"):
        benches.add_column(heading)
    for bench in listed["benches"]:
        benches.add_row(bench["name"], ", ".join(bench["devices"]), bench.get("question", ""))
    out.print(backends)
    out.print(benches)


def shares_text(shares: dict[str, float] | None) -> str:
    """Shares of at least 1 %, the largest first."""
    if not shares:
        return "unknown"
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return " ".join(f"{name} {share:.2f}" for name, share in ordered if share >= 0.01)


def _number(value: float | None) -> str:
    """One decimal; below 10 three significant digits."""
    if value is None:
        return "unknown"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} %"
