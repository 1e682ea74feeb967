# SPDX-License-Identifier: Apache-2.0
"""Each step's time by cause: stacked bars, labelled inside where there is room."""

from collections.abc import Sequence

from matplotlib.patches import Patch

from membound.record import CAUSES
from membound.report.figures import style

# Light and dark alternate, so that neighbours differ in print without colour; text in the other.
FILL = {
    "bytes": ("#0b5590", "white"), "latency": ("#8fc1e3", "#10202c"),
    "flops": ("#a8400f", "white"), "issue": ("#eeb765", "#2a1c05"),
    "overhead": ("#55606a", "white"), "communication": ("#cdb3da", "#251430"),
}  # fmt: skip
ROOM_INCHES = 0.25  # a narrower part has no number inside


def draw(
    labels: Sequence[str], shares: Sequence[dict[str, float]], name: str, title: str
) -> tuple[str, bytes]:
    shown = [c for c in CAUSES if any(share.get(c, 0) >= 0.005 for share in shares)]
    height = 0.85 + len(labels) * 0.34
    margin = style.left_margin(labels)
    bar = style.WIDTH - margin - 0.2
    with style.canvas(height, (margin, 0.2, 0.42, 0.36)) as (figure, axes):
        for place, share in enumerate(shares):
            left = 0.0
            for cause in shown:
                part = share.get(cause, 0.0)
                fill, ink = FILL[cause]
                axes.barh(place, part, 0.66, left, color=fill, edgecolor=style.PAPER, lw=0.6)
                if part * bar >= ROOM_INCHES:
                    axes.text(left + part / 2, place, f"{part:.2f}", color=ink,
                              ha="center", va="center_baseline", fontsize=style.SMALL)  # fmt: skip
                left += part
        axes.set_xlim(0, 1)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_yticks(range(len(labels)), labels)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", length=2.5, pad=2.5)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("share of the step's time, tier K")
        handles = [Patch(facecolor=FILL[cause][0]) for cause in shown]
        figure.legend(
            handles,
            shown,
            loc="upper right",
            bbox_to_anchor=(0.99, 0.99),
            ncols=len(shown),
            frameon=False,
            fontsize=style.SMALL,
            handlelength=1.0,
            handleheight=0.9,
            columnspacing=1.1,
            handletextpad=0.45,
            borderaxespad=0.1,
        )
        return style.render(figure, name, title)
