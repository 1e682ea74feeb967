# SPDX-License-Identifier: Apache-2.0
"""Look of the charts, and their rendering: SVG that follows the page's colours, and PNG.

Charts are about 390 points wide, so that their text stays readable in half of a wide page and on
a telephone alike. Text stays text. Axes are placed by hand: label placement needs to know where
things will be, and a layout engine would cost more time than the drawing.
"""

import html
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib

matplotlib.use("agg")
# Where a home is read-only matplotlib says so at length: not the reader's concern.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator  # noqa: E402

from membound.report.text import MINUS, size  # noqa: E402

# Each is replaced by a variable of the style sheet in the page; PNG files keep these.
INK, MUTED, GRID, PAPER = "#1c2126", "#5d6771", "#e1e5e8", "#fefefe"
BLUE, ORANGE, GREEN, PURPLE, OCHRE = "#0b5fa5", "#c04f15", "#14775a", "#7a4796", "#946b00"
VARIABLES = {
    INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper", BLUE: "blue", ORANGE: "orange",
    GREEN: "green", PURPLE: "purple", OCHRE: "ochre",
}  # fmt: skip
SERIES = (BLUE, ORANGE, GREEN, PURPLE, OCHRE)
MARKERS = ("o", "s", "^", "D", "v")
FONT = 8.5
SMALL = 7.5
WIDTH = 5.4  # inches
PNG_DPI = 160

SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": FONT, "text.color": INK,
    "axes.edgecolor": MUTED, "axes.labelcolor": INK, "axes.linewidth": 0.7,
    "axes.spines.top": False, "axes.spines.right": False, "axes.labelsize": FONT,
    "axes.unicode_minus": True, "axes.axisbelow": True,
    "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL + 0.3, "ytick.labelsize": SMALL + 0.3,
    "xtick.major.width": 0.7, "ytick.major.width": 0.7,
    "lines.linewidth": 1.6, "lines.markersize": 4.5, "grid.color": GRID, "grid.linewidth": 0.7,
    "svg.fonttype": "none", "svg.hashsalt": "membound", "path.simplify": False,
    # Names from outside may hold a dollar sign: they are text, never formulas.
    "text.parse_math": False,
}  # fmt: skip


@contextmanager
def canvas(height: float, box: tuple[float, float, float, float]) -> Iterator[tuple[Figure, Axes]]:
    """A figure of `height` inches; `box`: left, right, bottom, top margins of the axes, inches."""
    left, right, bottom, top = box
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glyphs that the font lacks
        figure = Figure(figsize=(WIDTH, height))
        place = (
            left / WIDTH,
            bottom / height,
            (WIDTH - left - right) / WIDTH,
            (height - bottom - top) / height,
        )
        yield figure, figure.add_axes(place)


def render(figure: Figure, name: str, title: str) -> tuple[str, bytes]:
    """The SVG as it goes into the page, and the PNG file's content. Call within `canvas`."""
    svg, png = io.StringIO(), io.BytesIO()
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    figure.savefig(png, format="png", dpi=PNG_DPI, facecolor="white", metadata={"Software": None})
    return for_page(svg.getvalue(), name, title), png.getvalue()


def for_page(svg: str, name: str, title: str) -> str:
    """Without prolog, metadata and name spaces; ids unique in the page; colours as variables."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, count=1, flags=re.S)
    opening, body = body.split(">", 1)
    view = re.search(r'viewBox="([-\d. ]+)"', opening)
    assert view is not None
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = body.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var(--{variable})")
    body = re.sub(r"\n\s*", "\n", body)
    label = html.escape(title, quote=True)
    return f'<svg viewBox="{view.group(1)}" role="img" aria-label="{label}">{body}'


def left_margin(names: Sequence[str]) -> float:
    """Inches that the names of rows need left of the axes."""
    return max(1.0, 0.18 + max(map(len, names)) * SMALL * 0.6 / 72)


def grid(axes: Axes, axis: Any = "y") -> None:
    axes.grid(True, axis=axis, which="major")
    axes.tick_params(which="both", length=2.5, pad=2.5)


def log_axis(axes: Axes, which: str, values: Sequence[float]) -> None:
    """Logarithmic, with ticks at 1, 2, 5 (or only tens, or hundreds) and plain numbers."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = min(values), max(values)
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    ratio = high / low
    steps: tuple[int, ...] = (1, 2, 5) if ratio < 60 else (1, 3) if ratio < 1500 else (1,)
    ticks = [m * 10.0**e for e in range(-12, 16) for m in steps if low <= m * 10.0**e <= high]
    axis.set_ticks(ticks)
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))


def plain(value: float) -> str:
    """A tick's number: 0.1, 1, 1000."""
    return f"{value:.10g}"


def bytes_axis(axes: Axes, low: float, high: float, none_at: float | None = None) -> None:
    """Horizontal, logarithmic in powers of two, ticks named in KiB and MiB."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    powers = [p for p in range(0, 60) if low <= 2.0**p <= high]
    stride = max(1, -(-len(powers) // 7))
    # Multiples of the stride, so that round sizes (1 MiB) are among the ticks.
    ticks = [2.0**p for p in powers if p % stride == 0 and (none_at is None or 2.0**p > none_at)]
    axes.xaxis.set_ticks(ticks if none_at is None else [none_at, *ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: "none" if value == none_at else size(value))
    )


def minus_axis(axes: Axes) -> None:
    """Percentages with a sign along the horizontal axis."""
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{v:+.0f} %".replace("-", MINUS) if v else "0 %")
    )
