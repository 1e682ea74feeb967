# SPDX-License-Identifier: Apache-2.0
"""Measured / predicted - 1 of each step, one lettered mark for each tier."""

from collections.abc import Sequence
from dataclasses import dataclass

from membound.report.figures import style

COLOURS = {"P": style.PURPLE, "C": style.ORANGE, "K": style.BLUE}


@dataclass(frozen=True)
class Line:
    """Residuals in percent; `low` and `high` are those of the interval's ends."""

    label: str
    residuals: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]


def draw(lines: Sequence[Line], name: str, title: str) -> tuple[str, bytes]:
    tiers = [tier for tier in "PCK" if any(tier in line.residuals for line in lines)]
    lane = 0.24 if len(tiers) > 1 else 0.0
    height = 0.75 + len(lines) * max(0.36, 0.17 * len(tiers))
    left = style.left_margin([line.label for line in lines])
    with style.canvas(height, (left, 0.2, 0.45, 0.1)) as (figure, axes):
        ends = [0.0]
        for place, line in enumerate(lines):
            for tier, value in line.residuals.items():
                y = place + (tiers.index(tier) - (len(tiers) - 1) / 2) * lane
                colour = COLOURS[tier]
                axes.plot([line.low[tier], line.high[tier]], [y, y], color=colour, lw=1.2)
                axes.plot(value, y, "o", ms=8.5, color=colour, mec=style.PAPER, mew=0.6)
                axes.text(value, y - 0.005, tier, color=style.PAPER, fontsize=6.2, ha="center",
                          va="center_baseline", fontweight="bold")  # fmt: skip
                ends += [value, line.low[tier], line.high[tier]]
        axes.axvline(0, color=style.INK, lw=0.9, zorder=0.5)
        for boundary in range(1, len(lines)):
            axes.axhline(boundary - 0.5, color=style.GRID, lw=0.7)
        margin = max(2.0, 0.06 * (max(ends) - min(ends)))
        axes.set_xlim(min(ends) - margin, max(ends) + margin)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_yticks(range(len(lines)), [line.label for line in lines])
        style.grid(axes, "x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        style.minus_axis(axes)
        axes.set_xlabel("measured / predicted \N{MINUS SIGN} 1")
        return style.render(figure, name, title)
