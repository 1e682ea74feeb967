# SPDX-License-Identifier: Apache-2.0
"""Labels beside what they name, without covering each other or the points."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from membound.report.figures.style import PAPER, SMALL

GLYPH = 0.60  # mean width of a glyph in parts of the font size, on the safe side
Box = tuple[float, float, float, float]  # left, bottom, right, top in points


@dataclass(frozen=True)
class Label:
    """`x`, `y` are data."""

    x: float
    y: float
    text: str
    colour: str
    bold: bool = False


def at_right_end(axes: Axes, labels: Sequence[Label], gap: float = 4.0) -> None:
    """In a column right of the axes, each as near to its height as the others leave room."""
    if not labels:
        return
    scale = 72 / axes.figure.dpi
    height = SMALL * 1.22
    ordered = sorted(labels, key=lambda label: label.y)
    wanted = [float(axes.transData.transform((la.x, la.y))[1]) * scale for la in ordered]
    placed = spread_out(wanted, height)
    right = float(axes.transAxes.transform((1.0, 0.0))[0]) * scale
    for label, y in zip(ordered, placed, strict=True):
        x_point, y_point = axes.transData.transform((label.x, label.y)) * scale
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(right - float(x_point) + gap, y - float(y_point)),
            textcoords="offset points",
            fontsize=SMALL,
            color=label.colour,
            va="center",
            fontweight="bold" if label.bold else "normal",
            annotation_clip=False,
        )


def spread_out(wanted: Sequence[float], height: float) -> list[float]:
    """Ascending positions at least `height` apart, groups centred on what they wanted."""
    groups: list[tuple[float, int]] = []  # centre, members
    for position in wanted:
        groups.append((position, 1))
        while len(groups) > 1:
            (c0, n0), (c1, n1) = groups[-2:]
            if c1 - c0 >= (n0 + n1) / 2 * height:
                break
            groups[-2:] = [((c0 * n0 + c1 * n1) / (n0 + n1), n0 + n1)]
    return [
        centre + (index - (count - 1) / 2) * height
        for centre, count in groups
        for index in range(count)
    ]


def beside_points(
    axes: Axes, labels: Sequence[Label], obstacles: Sequence[tuple[float, float]]
) -> None:
    """Right, left, above or below, further out where all near places are taken."""
    scale = 72 / axes.figure.dpi

    def points_of(x: float, y: float) -> tuple[float, float]:
        moved = axes.transData.transform((x, y)) * scale
        return float(moved[0]), float(moved[1])

    x0, y0 = (float(v) * scale for v in axes.transAxes.transform((0, 0)))
    x1, y1 = (float(v) * scale for v in axes.transAxes.transform((1, 1)))
    taken: list[Box] = []
    for x, y in obstacles:
        px, py = points_of(x, y)
        taken.append((px - 3.0, py - 3.0, px + 3.0, py + 3.0))
    for label in labels:
        px, py = points_of(label.x, label.y)
        width, height = len(label.text) * SMALL * GLYPH, SMALL * 1.15
        dx, dy = _place(px, py, width, height, (x0, y0, x1, y1), taken)
        taken.append((px + dx, py + dy, px + dx + width, py + dy + height))
        far = max(abs(dx + (width if dx < 0 else 0)), abs(dy + height / 2)) > 12
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(dx + width / 2, dy + height / 2),
            textcoords="offset points",
            fontsize=SMALL,
            color=label.colour,
            ha="center",
            va="center",
            fontweight="bold" if label.bold else "normal",
            bbox={"boxstyle": "square,pad=0.06", "fc": PAPER, "ec": "none", "alpha": 0.8},
            arrowprops={"arrowstyle": "-", "color": label.colour, "lw": 0.5, "shrinkB": 2.5,
                        "shrinkA": 0} if far else None,
        )  # fmt: skip


def _place(
    px: float, py: float, width: float, height: float, inside: Box, taken: Sequence[Box]
) -> tuple[float, float]:
    """Offset of the label's lower left corner: the nearest candidate that covers least."""
    best, least = (5.0, -height / 2), float("inf")
    for out in (5, 9, 15, 22, 30, 40, 52):
        for dx, dy in (
            (out, -height / 2), (-out - width, -height / 2), (-width / 2, out - 2),
            (-width / 2, -out - height + 2), (out - 2, out - 4), (out - 2, -out - height + 4),
            (-out - width + 2, out - 4), (-out - width + 2, -out - height + 4),
        ):  # fmt: skip
            box = (px + dx, py + dy, px + dx + width, py + dy + height)
            cost = sum(_overlap(box, other) for other in taken)
            cost += 10 * (width * height - _overlap(box, inside))
            if cost < 1e-6:
                return dx, dy
            if cost < least:
                best, least = (dx, dy), cost
    return best


def _overlap(a: Box, b: Box) -> float:
    """Common area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)
