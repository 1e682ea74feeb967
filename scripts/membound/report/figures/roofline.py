# SPDX-License-Identifier: Apache-2.0
"""Roofline: measured ceilings, the measured sweep over intensity, kernels and steps below."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from membound.report.figures import labels, style
from membound.report.text import number

GIGA = 1e9


@dataclass(frozen=True)
class Spot:
    """One measured point in flops per byte and flops/s; spots of a kind share one label."""

    kind: str
    intensity: float
    rate: float
    step: bool = False


@dataclass(frozen=True)
class Roofs:
    """Bytes/s of cold reads; flops/s by name."""

    read_rate: float
    peaks: Sequence[tuple[str, float]]


def draw(roofs: Roofs, sweep: Sequence[tuple[float, float]], spots: Sequence[Spot], name: str,
         title: str) -> tuple[str, bytes]:  # fmt: skip
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
            px, py = zip(*((x, y / GIGA) for x, y in sweep), strict=True)
            axes.plot(px, py, "-", color=style.OCHRE, lw=1.3, marker=".", ms=5)
        _spots(axes, spots, [(x, y / GIGA) for x, y in sweep])
        axes.set_xlabel("arithmetic intensity, flop per byte of memory traffic")
        axes.set_ylabel("GFLOP/s")
        return style.render(figure, name, title)


def _roofs(axes: style.Axes, roofs: Roofs, low: float, high: float, floor: float) -> None:
    rate = roofs.read_rate
    highest = max((peak for _, peak in roofs.peaks), default=rate * high)
    end = highest / rate
    axes.plot([low, end], [low * rate / GIGA, highest / GIGA], color=style.INK, lw=1.5)
    # The name of the slanted roof stands on it, near its lower end.
    at = max(low, floor / rate) * 1.3
    axes.text(at, at * rate / GIGA * 1.12, f"cold read {number(rate / GIGA)} GB/s", rotation=45,
              transform_rotates_text=True, rotation_mode="anchor", fontsize=style.SMALL,
              va="bottom", color=style.INK)  # fmt: skip
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


def _ridge(axes: style.Axes, at: float, peak: float) -> None:
    """A dotted line down to the axis, with the intensity where the two roofs meet."""
    axes.plot([at, at], [axes.get_ylim()[0], peak], color=style.MUTED, lw=0.8, ls=(0, (1, 2)))
    axes.annotate(f"ridge {number(at)}", (at, axes.get_ylim()[0]), xytext=(-2, 4), rotation=90,
                  textcoords="offset points", fontsize=6.8, color=style.MUTED, ha="right",
                  va="bottom")  # fmt: skip


def _spots(axes: style.Axes, spots: Sequence[Spot], sweep: Sequence[tuple[float, float]]) -> None:
    groups: dict[tuple[str, bool], list[Spot]] = defaultdict(list)
    for spot in spots:
        groups[spot.kind, spot.step].append(spot)
    names = []
    for (kind, step), members in groups.items():
        colour = style.PURPLE if step else style.BLUE
        for spot in members:
            axes.plot(spot.intensity, spot.rate / GIGA, "D" if step else "o", color=colour,
                      ms=5.5 if step else 4.5, mfc=style.PAPER if step else colour,
                      mec=colour if step else style.PAPER, mew=1.1 if step else 0.5)  # fmt: skip
        best = max(members, key=lambda spot: spot.rate)
        names.append(labels.Label(best.intensity, best.rate / GIGA, kind, colour))
    if sweep:
        x, y = sweep[len(sweep) // 2]
        names.append(labels.Label(x, y, "measured sweep", style.OCHRE))
    taken = [(spot.intensity, spot.rate / GIGA) for spot in spots] + list(sweep)
    labels.beside_points(axes, names, taken)


def _rate(flops: float) -> str:
    """Short, in GFLOP/s or TFLOP/s."""
    return f"{number(flops / 1e12)} T" if flops >= 1e12 else f"{number(flops / GIGA)} G"
