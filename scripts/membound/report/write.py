# SPDX-License-Identifier: Apache-2.0
"""Write the page and its charts into a folder: report.html, and report/*.png beside it."""

from collections.abc import Sequence
from pathlib import Path

from membound.errors import UsageError
from membound.report import page
from membound.report.subject import Source
from membound.storage import write_atomically, write_bytes_atomically

PAGE = "report.html"
CHARTS = "report"


def write(sources: Sequence[Source], folder: Path) -> Path:
    """The path of the page; charts of an earlier report there are replaced or removed."""
    built = page.build(sources)
    charts = folder / CHARTS
    try:
        charts.mkdir(parents=True, exist_ok=True)
        for old in charts.glob("*.png"):
            if old.stem not in built.charts:
                old.unlink()
        for name, content in built.charts.items():
            write_bytes_atomically(charts / f"{name}.png", content)
        write_atomically(folder / PAGE, built.html)
    except OSError as error:
        raise UsageError(
            f"cannot write a report to {folder} ({error.strerror}): choose a folder with --out"
        ) from None
    return folder / PAGE


def default_folder(records: Sequence[str]) -> Path:
    """Beside the one record; for a journal or several records a folder of its own."""
    if len(records) == 1:
        path = Path(records[0])
        if path.is_dir():
            return path
        if path.suffix != ".jsonl":
            return path.parent
    return Path("membound-report")
