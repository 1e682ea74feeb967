# SPDX-License-Identifier: Apache-2.0
"""From a published model name to its architecture: the catalogue's, else one from the totals."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from membound import catalogue, paths
from membound.engines import architecture
from membound.engines.architecture import Architecture
from membound.errors import UsageError
from membound.model.shape import read_config

TOTALS_AGREE = 0.08  # of the row's stated parameters and the catalogue's count
# Names under which the same shape was published.
SAME_SHAPE = (
    (r"deepseek-(r1|v3)([.-].*)?", "deepseek-v3"),
    (r"(meta-)?llama-?3([.-]3)?-70b", "llama-3.1-70b"),
    (r"(meta-)?llama-?3-8b", "llama-3.1-8b"),
    (r"(llama|llama-?2|vicuna|alpaca|codellama|llama-1)-(7b|13b)", r"llama-2-\2"),
    (r"llama-?2-70b", "llama-2-70b"),
    (r"llama-?1?-3[03]b", "llama-30b"),
    (r"mistral-7b", "mistral-7b-v0.3"),
    (r"(qwen[\d.]+)-(?:coder|math)-(.*)", r"\1-\2"),
    (r"phi-3-mini.*", "phi-3-mini-4k"),
)
ADDITIONS = (
    "instruct|chat|it|qat|hf|gguf|base|thinking|0528|2507|99|"
    r"fp8|fp4|nvfp4|mxfp4|f16|bf16|awq|gptq|q\d_\w+"
)


@cache
def _known() -> dict[str, dict[str, Any]]:
    path = paths.CATALOGUE / "served_models.json"
    try:
        more = json.loads(path.read_text(encoding="utf-8"))["models"]
        rows = [*catalogue.models().values(), *more]
        return {
            simplify(name): row
            for row in reversed(rows)
            for name in (row["id"], row.get("hf_id", ""), *row.get("aliases", ()))
            if name
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a catalogue of models: {error}") from None


def simplify(name: str) -> str:
    """One spelling: no publisher, no tuning or packing, words joined by dashes."""
    text = name.casefold().split("/")[-1]
    text = "-".join(re.sub(r"[^a-z0-9.]+", "-", text.replace("_", "-")).split("-"))
    changed = True
    while changed:
        shorter = re.sub(rf"-(?:{ADDITIONS})$", "", text)
        shorter = re.sub(r"-q\d(?:-[a-z0-9]+)?$", "", shorter)
        changed, text = shorter != text, shorter
    return text.strip("-")


@cache
def find(name: str) -> Architecture | None:
    """The catalogue's architecture for a published name."""
    key = simplify(name)
    for pattern, same in ((None, None), *SAME_SHAPE):
        wanted = key if pattern is None else re.sub(rf"^{pattern}$", str(same), key)
        if row := _known().get(wanted):
            return _of_row(row)
    return None


def _of_row(row: dict[str, Any]) -> Architecture:
    """From its config; of a row without one only the stated totals are known."""
    if "hidden_size" in row:
        return architecture.from_config(row, row["id"], f"model {row['id']}")
    active = row.get("stated_active_parameters_billion")
    total = 1e9 * float(row["stated_parameters_billion"])
    attending = float(row.get("attending_layers_part", 1.0))
    return architecture.from_totals(row["id"], total, active and 1e9 * float(active), attending)


def describe(name: str, total_B: float | None, active_B: float | None) -> Architecture | None:
    """The architecture of a row's model; None when neither name nor totals say anything."""
    found = find(name)
    active_B = active_B or _active_in(name)
    if found and (not total_B or abs(found.total / 1e9 / total_B - 1) <= TOTALS_AGREE):
        return found
    if not total_B:
        return None
    return architecture.from_totals(simplify(name), total_B * 1e9, active_B and active_B * 1e9)


def _active_in(name: str) -> float | None:
    """Names such as 30B-A3B state the active parameters."""
    found = re.search(r"\d+b-a(\d+(?:\.\d+)?)b\b", name.casefold())
    return float(found[1]) if found else None


def load(argument: str) -> Architecture:
    """The architecture that `--model` names: a catalogue id or a config.json."""
    path = Path(argument)
    if path.is_dir():
        path = path / "config.json"
    if path.suffix == ".json":
        return architecture.from_config(read_config(path), path.resolve().parent.name, str(path))
    if found := find(argument):
        return found
    catalogue.find_model(argument)  # says which names come close
    raise UsageError(f"unknown model '{argument}': give a catalogue id or a config.json")
