# SPDX-License-Identifier: Apache-2.0
"""Where tier C misses: what it leaves out of a step, in seconds and by kernel."""

from membound.record import ClaimGap, KernelCost, PredictedStep, Row

MISS_PCT = 5.0  # a smaller residual of tier C needs no explanation
WORST_KERNELS = 3
WORTH_NAMING = 0.02  # of the step


def gap(seconds: float, predicted: PredictedStep | None) -> ClaimGap | None:
    """The difference of a measured step (seconds) and tier C, split exactly where K is known."""
    if predicted is None or (claim := predicted.seconds["C"]) is None:
        return None
    missing = seconds - claim
    kernels, shares = predicted.seconds["K"], predicted.shares
    if kernels is None or shares is None:
        return ClaimGap(missing_seconds=missing)
    parts = {cause: share * kernels for cause, share in shares.items()}
    left_out = {
        "issue": parts["issue"],
        "latency": parts["latency"],
        "composition": seconds - kernels,
        "faster": parts["bytes"] + parts["flops"] + parts["overhead"] - claim,
    }
    worst = sorted(predicted.kernels, key=lambda k: k.claim_seconds - k.seconds)
    return ClaimGap(
        missing_seconds=missing,
        left_out={name: value / seconds for name, value in left_out.items()},
        kernels=[k for k in worst[:WORST_KERNELS] if loss(k) > WORTH_NAMING * seconds],
    )


def loss(kernel: KernelCost) -> float:
    """Seconds of the step that the kernel spends beyond its own ceiling."""
    return kernel.seconds - kernel.claim_seconds


def sentence(row: Row) -> str | None:
    """None where tier C hits, the samples cannot tell, or no kernels say what it leaves out."""
    residual, found = row.residual_pct["C"], row.claim_gap
    if residual is None or abs(residual) <= MISS_PCT or row.doubts:
        return None
    if found is None or not found.left_out:
        return None
    text = f"tier C misses by {residual:+.0f} %: "
    if residual > 0:
        return (
            text + "the step's kernels read faster than the read ceiling, compute faster than the "
            "peaks, or overlap the two better than the intensity sweep does"
        )
    named = {
        "issue": "issue",
        "latency": "latency",
        "composition": "time between kernels that none of them shows alone",
    }
    parts = sorted(
        ((found.left_out[cause], name) for cause, name in named.items()), key=lambda item: -item[0]
    )
    listed: list[str] = []
    for share, name in parts:
        if share < WORTH_NAMING:
            continue
        note = _kernels(found) if not listed and name != named["composition"] else ""
        listed.append(f"{name} ({share * 100:.0f} % of the step{note})")
    return text + ("it leaves out " + " and ".join(listed) if listed else "by many small parts")


def _kernels(found: ClaimGap) -> str:
    """The benches that cost most against their own ceiling."""
    if not found.kernels:
        return ""
    worst = [f"{k.bench} at {k.claim_seconds / k.seconds:.2f}" for k in found.kernels]
    return f"; kernels and their part of their own ceiling: {', '.join(worst)}"
