# SPDX-License-Identifier: Apache-2.0
"""What a section of the page is made of. All text is plain: the template escapes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heading:
    """Names the device (and record) that the blocks after it are about."""

    text: str
    kind: str = "heading"


@dataclass(frozen=True)
class Note:
    """One paragraph; `missing` sets it apart as something that was not measured."""

    text: str
    missing: bool = False
    strong: bool = False
    kind: str = "note"


@dataclass(frozen=True)
class Bullets:
    items: Sequence[str]
    kind: str = "bullets"


@dataclass(frozen=True)
class Tile:
    """A key figure: what it is, the number with its unit, what qualifies it."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Tiles:
    tiles: Sequence[Tile]
    kind: str = "tiles"


@dataclass(frozen=True)
class Table:
    """`text_columns` at the left hold text, all others numbers; `wide_last`: prose at the right.

    Without headings there is no head. `half` lets a narrow table stand beside a chart.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    text_columns: int = 1
    wide_last: bool = False
    half: bool = False
    notes: Sequence[str] = ()
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """One chart: SVG for the page (made by us, inserted as it is) and PNG for a file.

    A tall one has two half tables beside it.
    """

    name: str
    title: str
    caption: str
    svg: str
    png: bytes
    tall: bool = False
    kind: str = "figure"


@dataclass(frozen=True)
class Code:
    text: str
    kind: str = "code"


Block = Heading | Note | Bullets | Tiles | Table | Figure | Code


@dataclass(frozen=True)
class Section:
    anchor: str
    title: str
    lead: str
    blocks: list[Block] = field(default_factory=list)
