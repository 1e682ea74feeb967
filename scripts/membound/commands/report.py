# SPDX-License-Identifier: Apache-2.0
"""`membound report`: a page of one or more records."""

from pathlib import Path
from typing import Annotated

import typer

from membound.commands import loading


def report(
    records: Annotated[list[str], typer.Argument(help="Folders, record.json files or journals.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder; default: the record's own, for several ./membound-report."),
    ] = None,
) -> None:
    """Write one self-contained HTML page, and its charts as PNG files."""
    from membound.report import write
    from membound.report.subject import Source

    sources = [Source(*pair) for pair in zip(*loading.load_and_compare(records), strict=True)]
    print(f"report: {write.write(sources, out or write.default_folder(records))}")
