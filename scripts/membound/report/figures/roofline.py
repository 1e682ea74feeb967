# SPDX-License-Identifier: Apache-2.0
"""Roofline: measured ceilings, the measured sweep over intensity, kernels and steps below."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from membound.model import overlap
from membound.report.figures import labels, style
from membound.report.text import number

GIGA = 1e9
COLOURS = {"kernel": style.BLUE, "cached": style.MUTED, "step": style.PURPLE}


@dataclass(frozen=True)
class Spot:
    """One measured point in flops per byte and flops/s; spots of a kind share one label.

    `style`: kernel, step, or cached for a kernel that the slanted roof does not bind.
    """

    kind: str
    intensity: float
    rate: float
    style: str = "kernel"


@dataclass(frozen=True)
class Knee:
    """What was fitted to the sweep: its own two roofs, the overlap, the ridge's interval."""

    p: float
    read_rate: float
    flops_rate: float
    ridge95: tuple[float, float] | None

    @property
    def ridge(self) -> float:
        return self.flops_rate / self.read_rate

    def rate(self, intensity: float) -> float:
        """flops/s at flops per byte."""
        seconds = overlap.combine(1 / self.read_rate, intensity / self.flops_rate, self.p)
        return intensity / seconds


@dataclass(frozen=True)
class Roofs:
    """Bytes/s of cold reads; flops/s by name."""

    read_rate: float
    peaks: Sequence[tuple[str, float]]
    knee: Knee | None = None


def draw(
    roofs: Roofs, sweep: Sequence[tuple[float, float]], spots: Sequence[Spot], name: str, title: str
) -> tuple[str, bytes]:
    ridges = [rate / roofs.read_rate for _, rate in roofs.peaks]
    xs = [spot.intensity for spot in spots] + [x for x, _ in sweep] + [r * 3 for r in ridges]
    low, high = min([0.5, *xs]) / 1.6, max([16.0, *xs]) * 1.5
    ys = [spot.rate for spot in spots] + [y for _, y in sweep] + [rate for _, rate in roofs.peaks]
    floor, top = min([*ys, roofs.read_rate * low]) / 1.5, max([*ys, roofs.read_rate]) * 2.2
    with style.canvas(4.3, (0.62, 1.35, 0.45, 0.12)) as (figure, axes):
        style.log_axis(axes, "x", [low, high])
        style.log_axis(axes, "y", [floor / GIGA, top / GIGA])
        style.grid(axes, "both")
        _roofs(axes, roofs, low, high, floor)
        if sweep:
            _sweep(axes, sweep, roofs.knee)
        taken = _along(roofs, low, high) + _along_ridge(axes, roofs.knee)
        _spots(axes, spots, [(x, y / GIGA) for x, y in sweep], taken)
        axes.set_xlabel("arithmetic intensity, flop per byte of memory traffic")
        axes.set_ylabel("GFLOP/s")
        return style.render(figure, name, title)


def _sweep(axes: Axes, sweep: Sequence[tuple[float, float]], knee: Knee | None) -> None:
    """Points as measured; the line is the fit, or without one joins them."""
    px, py = zip(*((x, y / GIGA) for x, y in sweep), strict=True)
    axes.plot(px, py, "." if knee else ".-", color=style.OCHRE, lw=1.3, ms=5)
    if knee is None:
        return
    xs = [px[0] * (px[-1] / px[0]) ** (step / 100) for step in range(101)]
    axes.plot(xs, [knee.rate(x) / GIGA for x in xs], "-", color=style.OCHRE, lw=1.1)
    if knee.ridge95:
        axes.axvspan(*knee.ridge95, color=style.OCHRE, alpha=0.25, lw=0.8)
    # Above the slanted roof and left of the higher peaks nothing else is drawn.
    axes.annotate(f"fitted ridge {number(knee.ridge)}", (knee.ridge, axes.get_ylim()[1]),
                  xytext=(-2, -2), textcoords="offset points", fontsize=6.8, color=style.OCHRE,
                  rotation=90, ha="right", va="top")  # fmt: skip


def _roofs(axes: Axes, roofs: Roofs, low: float, high: float, floor: float) -> None:
    rate = roofs.read_rate
    highest = max((peak for _, peak in roofs.peaks), default=rate * high)
    end = highest / rate
    axes.plot([low, end], [low * rate / GIGA, highest / GIGA], color=style.INK, lw=1.5)
    # The name of the slanted roof stands on it, near its lower end.
    at = max(low, floor / rate) * 1.3
    (x0, y0), (x1, y1) = axes.transData.transform(
        [(at, at * rate / GIGA), (at * 10, at * 10 * rate / GIGA)]
    )
    axes.text(
        at,
        at * rate / GIGA,
        f"  cold read {number(rate / GIGA)} GB/s",
        rotation=math.degrees(math.atan2(y1 - y0, x1 - x0)),
        rotation_mode="anchor",
        fontsize=style.SMALL,
        va="bottom",
        color=style.INK,
    )
    names = []
    for label, peak in roofs.peaks:
        ridge = peak / rate
        axes.plot([ridge, high], [peak / GIGA] * 2, color=style.INK, lw=1.0)
        axes.plot(ridge, peak / GIGA, "|", color=style.INK, ms=7, mew=1.2)
        names.append(labels.Label(high, peak / GIGA, f"{label}  {_rate(peak)}", style.INK))
    labels.at_right_end(axes, names)
    if roofs.peaks:
        _ridge(axes, *max(((p / rate, p / GIGA) for _, p in roofs.peaks)))
        if len(roofs.peaks) > 1:
            _ridge(axes, *min(((p / rate, p / GIGA) for _, p in roofs.peaks)))


def _ridge(axes: Axes, at: float, peak: float) -> None:
    """A dotted line down to the axis, with the intensity where the two roofs meet."""
    axes.plot([at, at], [axes.get_ylim()[0], peak], color=style.MUTED, lw=0.8, ls=(0, (1, 2)))
    axes.annotate(f"ridge {number(at)}", (at, axes.get_ylim()[0]), xytext=(-2, 4), rotation=90,
                  textcoords="offset points", fontsize=6.8, color=style.MUTED, ha="right",
                  va="bottom")  # fmt: skip


def _along(roofs: Roofs, low: float, high: float) -> list[tuple[float, float]]:
    """Points on the roofs, close together, for labels to keep away from."""
    top = max((peak for _, peak in roofs.peaks), default=roofs.read_rate * high)
    points = []
    for step in range(81):
        x = low * (high / low) ** (step / 80)
        points += [(x, peak / GIGA) for _, peak in roofs.peaks if x >= peak / roofs.read_rate]
        if x * roofs.read_rate <= top:
            points.append((x, x * roofs.read_rate / GIGA))
    return points


def _along_ridge(axes: Axes, knee: Knee | None) -> list[tuple[float, float]]:
    """Points on the upper part of the fitted ridge, where its name stands."""
    low, high = axes.get_ylim()
    heights = (high * (low / high) ** (part / 60) for part in range(22))
    return [(knee.ridge * left, y) for y in heights for left in (1.0, 0.8, 0.65)] if knee else []


def _spots(
    axes: Axes,
    spots: Sequence[Spot],
    sweep: Sequence[tuple[float, float]],
    roofs: Sequence[tuple[float, float]],
) -> None:
    groups: dict[tuple[str, str], list[Spot]] = defaultdict(list)
    for spot in spots:
        groups[spot.kind, spot.style].append(spot)
    names = []
    for (kind, look), members in groups.items():
        colour = COLOURS[look]
        for spot in members:
            axes.plot(spot.intensity, spot.rate / GIGA, color=colour, **_marker(look, colour))
        _join(axes, members, colour)
        best = max(members, key=lambda spot: spot.rate)
        names.append(labels.Label(best.intensity, best.rate / GIGA, kind, colour))
    # Where the sweep has left the roof, its name stands clear of it.
    if sweep:
        x, y = sweep[-1 - len(sweep) // 4]
        names.append(labels.Label(x, y, "measured sweep", style.OCHRE))
    taken = [(spot.intensity, spot.rate / GIGA) for spot in spots]
    labels.beside_points(axes, names, [*taken, *sweep, *roofs])


def _join(axes: Axes, members: Sequence[Spot], colour: str) -> None:
    """A thin line through the best of each intensity: one kernel at growing numbers of rows."""
    best: dict[float, float] = {}
    for spot in members:
        if spot.kind.startswith("gemv"):
            best[spot.intensity] = max(spot.rate, best.get(spot.intensity, 0.0))
    if len(best) > 1:
        xs, ys = zip(*sorted(best.items()), strict=True)
        axes.plot(xs, [y / GIGA for y in ys], "-", color=colour, lw=0.7, alpha=0.6)


def _marker(look: str, colour: str) -> dict[str, Any]:
    if look == "step":
        return {"marker": "D", "ms": 5.5, "mfc": style.PAPER, "mec": colour, "mew": 1.1}
    return {"marker": "o", "ms": 4.5, "mec": style.PAPER, "mew": 0.5}


def _rate(flops: float) -> str:
    """Short, in GFLOP/s or TFLOP/s."""
    return f"{number(flops / 1e12)} T" if flops >= 1e12 else f"{number(flops / GIGA)} G"
