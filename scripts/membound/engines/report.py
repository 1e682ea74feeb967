# SPDX-License-Identifier: Apache-2.0
"""A back-test on disk: the whole document, and every row's residual as a table."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from membound import storage
from membound.errors import UsageError


def write(document: dict[str, Any], folder: Path) -> None:
    """backtest.json and residuals.csv, each in one move."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        storage.write_atomically(folder / "backtest.json", json.dumps(document, indent=1) + "\n")
        storage.write_atomically(folder / "residuals.csv", _residuals(document["residuals"]))
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder} ({error.strerror}): choose another folder with --out"
        ) from None


def _residuals(rows: list[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        low, high = row["interval90"]
        shares = " ".join(f"{name}:{share}" for name, share in row["shares"].items())
        writer.writerow(row | {"interval90": f"{low}..{high}", "shares": shares})
    return stream.getvalue()
