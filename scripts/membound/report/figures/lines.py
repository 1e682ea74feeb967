# SPDX-License-Identifier: Apache-2.0
"""Curves with their names at the right end: the chart that most sections need."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from membound.report.figures import labels, style


@dataclass(frozen=True)
class Curve:
    """`place` chooses colour and marker; a faint curve is context. Points ascend in x."""

    label: str
    points: Sequence[tuple[float, float]]
    place: int = 0
    faint: bool = False


@dataclass(frozen=True)
class Axis:
    """`scale`: log, bytes (powers of two), counts or linear, these two from 0."""

    title: str
    scale: str = "linear"
    none_at: float | None = None  # the place of zero where the scale has none


@dataclass(frozen=True)
class Marks:
    """Named vertical and horizontal reference lines."""

    vertical: Sequence[tuple[float, str]] = field(default_factory=tuple)
    horizontal: Sequence[tuple[float, str]] = field(default_factory=tuple)


def draw(
    curves: Sequence[Curve], x: Axis, y: Axis, marks: Marks, name: str, title: str
) -> tuple[str, bytes]:
    """One chart of one or more curves; room for their names is made at the right."""
    longest = max(len(curve.label) for curve in curves)
    right = 0.15 + min(1.6, longest * style.SMALL * 0.6 / 72)
    xs = [px for curve in curves for px, _ in curve.points]
    ys = [py for curve in curves for _, py in curve.points]
    with style.canvas(3.1, (0.62, right, 0.45, 0.22)) as (figure, axes):
        _scale(axes, "x", x, xs)
        _scale(axes, "y", y, ys + [value for value, _ in marks.horizontal])
        style.grid(axes, "both" if x.scale == "linear" else "y")
        for value, text in marks.vertical:
            axes.axvline(value, color=style.MUTED, lw=0.8, ls=(0, (1, 2)))
            axes.annotate(text, (value, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2),
                          textcoords="offset points", fontsize=6.8, color=style.MUTED,
                          ha="center")  # fmt: skip
        for value, text in marks.horizontal:
            axes.axhline(value, color=style.MUTED, lw=0.8, ls=(0, (4, 3)))
            axes.annotate(text, (0.0, value), xycoords=("axes fraction", "data"), xytext=(3, 3),
                          textcoords="offset points", fontsize=6.8, color=style.MUTED)  # fmt: skip
        for curve in sorted(curves, key=lambda curve: not curve.faint):
            _curve(axes, curve)
        named = [
            labels.Label(*curve.points[-1], curve.label, _colour(curve), not curve.faint)
            for curve in curves
            if curve.label
        ]
        # A curve that ends early has its name at its end, the others in a column at the right.
        early = [
            label for label in named if _fraction(axes, label.x) < 0.85 * _fraction(axes, max(xs))
        ]
        labels.at_right_end(axes, [label for label in named if label not in early])
        labels.beside_points(axes, early, list(zip(xs, ys, strict=True)))
        axes.set_xlabel(x.title)
        axes.set_ylabel(y.title)
        return style.render(figure, name, title)


def _fraction(axes: Axes, x: float) -> float:
    """Of the width of the axes."""
    across = axes.transAxes.inverted().transform(axes.transData.transform((x, 1.0)))
    return float(across[0])


def _curve(axes: Axes, curve: Curve) -> None:
    place = curve.place % len(style.MARKERS)
    px, py = zip(*curve.points, strict=True)
    if curve.faint:
        axes.plot(px, py, color=style.MUTED, lw=0.9, alpha=0.55)
        axes.plot(px, py, style.MARKERS[place], color=style.MUTED, ms=2.6, alpha=0.55)
    else:
        axes.plot(px, py, marker=style.MARKERS[place], color=_colour(curve), mec=style.PAPER,
                  mew=0.6, ms=5.5)  # fmt: skip


def _colour(curve: Curve) -> str:
    return style.MUTED if curve.faint else style.SERIES[curve.place % len(style.SERIES)]


def _scale(axes: Axes, which: str, axis: Axis, values: Sequence[float]) -> None:
    low, high = min(values), max(values)
    if axis.scale == "bytes":
        style.bytes_axis(axes, low / 1.5, high * 1.5, axis.none_at)
    elif axis.scale == "log":
        style.log_axis(axes, which, [low / 1.35, high * 1.35])
    elif axis.scale == "counts":
        axes.set_xlim(0, high * 1.12)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    else:
        (axes.set_xlim if which == "x" else axes.set_ylim)(0, high * 1.12)
