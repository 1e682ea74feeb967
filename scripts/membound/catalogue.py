# SPDX-License-Identifier: Apache-2.0
"""The catalogue of model shapes, results/catalogue/models.json."""

import difflib
import json
from functools import cache
from typing import Any

from membound import paths
from membound.errors import UsageError


@cache
def models() -> dict[str, dict[str, Any]]:
    """All catalogue rows by id; a row uses the key names of a Hugging Face config.json."""
    path = paths.CATALOGUE / "models.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["models"]
        return {row["id"]: row for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a catalogue of models: {error}") from None


def find_model(name: str) -> dict[str, Any]:
    """The row whose id or Hugging Face id is `name`, in any case of letters."""
    wanted = name.casefold()
    for row in models().values():
        if wanted in (row["id"].casefold(), row.get("hf_id", "").casefold()):
            return row
    raise UsageError(f"unknown model '{name}': {_suggestion(wanted)}")


def _suggestion(wanted: str) -> str:
    known = {name.casefold(): name for name in models()}
    close = difflib.get_close_matches(wanted, known, n=4, cutoff=0.5)
    close += [name for name in known if wanted and wanted in name and name not in close][:4]
    if close:
        return "did you mean " + ", ".join(known[name] for name in close[:5]) + "?"
    return f"give one of the {len(known)} ids in results/catalogue/models.json or a config.json"
