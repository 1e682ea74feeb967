# SPDX-License-Identifier: Apache-2.0
"""Published rows: reading a CSV of the schema in results/published/README.md, and its defects."""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, PositiveFloat, ValidationError, field_validator

from membound.errors import UsageError

NEEDED = ("device", "engine", "model", "phase", "tokens_per_s")
LARGEST_FILE = 64 << 20
MOST_ROWS = 500_000
LIMITS: dict[str, tuple[float, float]] = {  # beyond them a figure is a mistake, not a machine
    "mem_bw_GBps": (0.1, 1e7),
    "peak_tflops_fp16": (1e-3, 1e7),
    "n_devices": (1, 1e5),
    "params_B": (1e-3, 1e6),
    "active_params_B": (1e-3, 1e6),
    "weight_bytes_GB": (1e-3, 1e6),
    "batch": (1, 1e6),
    "prompt_len": (0, 1e8),
    "gen_len": (0, 1e8),
    "depth": (0, 1e8),
    "tokens_per_s": (1e-6, 1e10),
    "tp": (1, 1e5),
    "ep": (1, 1e5),
}


class Row(BaseModel):
    """One published measurement; `tokens_per_s` is over all sequences together."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    source: str = ""
    source_location: str = ""
    device: str
    mem_bw_GBps: PositiveFloat | None = None
    peak_tflops_fp16: PositiveFloat | None = None
    n_devices: float = 1
    engine: str
    model: str
    params_B: PositiveFloat | None = None
    active_params_B: PositiveFloat | None = None
    weight_dtype: str = ""
    weight_bytes_GB: PositiveFloat | None = None
    batch: PositiveFloat | None = None
    prompt_len: float | None = None
    gen_len: float | None = None
    depth: float | None = None
    phase: str
    tokens_per_s: PositiveFloat
    date: str = ""
    tp: PositiveFloat | None = None
    ep: PositiveFloat | None = None
    layer_split: str = ""
    replicate_group: str = ""
    note: str = ""
    file: str = ""
    line: int = 0

    @field_validator(*LIMITS)
    @classmethod
    def _plausible(cls, value: float | None, info: Any) -> float | None:
        least, most = LIMITS[info.field_name]
        if value is not None and not least <= value <= most:
            raise ValueError(f"not between {least:g} and {most:g}")
        return value

    @property
    def first_token_seconds(self) -> float | None:
        """How long a request waited and digested its prompt, where the note states it."""
        found = re.search(r"\bTTFT (\d+(?:\.\d+)?) ms", self.note)
        return float(found[1]) / 1e3 if found else None

    @property
    def point(self) -> str:
        """Rows of one point are repeats or builds of one measurement."""
        if self.replicate_group:
            return f"{self.source}|{self.replicate_group}"
        fields = (self.source, self.device, self.n_devices, self.engine, self.model,
                  self.weight_dtype, self.batch, self.prompt_len, self.gen_len, self.depth,
                  self.tp, self.ep, self.phase)  # fmt: skip
        return "|".join(map(str, fields))

    @property
    def fingerprint(self) -> str:
        """Of what was measured and how, without where it is stored."""
        stored = self.model_dump(exclude={"file", "line", "note", "source_location"})
        stored["first_token_seconds"] = self.first_token_seconds
        return hashlib.sha256(repr(sorted(stored.items())).encode()).hexdigest()


@dataclass
class Table:
    """The usable rows of some files, and how many others were left out, by reason."""

    rows: list[Row] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def read(files: Iterable[Path]) -> Table:
    """Read all files; a row that cannot be used is counted, a file that cannot is an error."""
    table = Table()
    for path in files:
        _read_file(path, table)
    return table


def _read_file(path: Path, table: Table) -> None:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UsageError(f"{path} is larger than {LARGEST_FILE >> 20} MiB: split it")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            header = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header
            if twice := [name for name in header if name and header.count(name) > 1]:
                raise UsageError(f"{path} has the column '{twice[0][:40]}' twice: rename one")
            if missing := [name for name in NEEDED if name not in header]:
                raise UsageError(
                    f"{path} has no column '{missing[0]}': it needs {', '.join(NEEDED)}"
                )
            for fields in reader:
                _add(fields, path, reader.line_num, table)
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror}): give a CSV file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a CSV file in UTF-8: {error}") from None


def _add(fields: dict[str, Any], path: Path, line: int, table: Table) -> None:
    if len(table.rows) >= MOST_ROWS:
        raise UsageError(f"{path}: over {MOST_ROWS} rows: give fewer")
    if None in fields or None in fields.values():
        table.skipped["row with more or fewer fields than the header"] += 1
        return
    given = {key: text.strip() for key, text in fields.items() if text.strip()}
    if not given:
        return
    try:
        row = Row.model_validate(given | {"file": path.name, "line": line})
    except ValidationError as error:
        table.skipped[_reason(error)] += 1
    else:
        table.rows.append(mend(row))


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = first["loc"][0] if first["loc"] else "row"
    if first["type"] == "missing":
        return f"{name} is missing"
    if "parsing" in first["type"]:
        return f"{name} is not a number"
    return f"{name} is out of range"


def mend(row: Row) -> Row:
    """Corrections that follow from the row's own description, never from its rate.

    llama.cpp split matrices by rows over several devices until pull request 4766 (January 2024)
    made whole layers the default; tables older than that are not layer splits. gpt-oss is published
    in MXFP4 only: other labels name the arithmetic. Tensors cannot lie over more devices than there
    are.
    """
    changes: dict[str, Any] = {}
    if row.tp and row.tp > row.n_devices:
        changes["n_devices"] = row.tp
    if row.layer_split and _splits_rows(row):
        changes["layer_split"] = ""
    if re.search(r"gpt-?oss", row.model, re.I) and re.search("fp[48]", row.weight_dtype, re.I):
        changes |= {"weight_dtype": "mxfp4", "weight_bytes_GB": None}
    return row.model_copy(update=changes) if changes else row


def _splits_rows(row: Row) -> bool:
    text = f"{row.engine} {row.date} {row.note}"
    return bool(re.search(r"llama\.?cpp", row.engine, re.I) and re.search(r"\b2023\b", text))


def nothing_usable(files: Iterable[Path], skipped: Counter[str]) -> UsageError:
    """The error for files without a single row that can be predicted."""
    names = ", ".join(str(path) for path in files)
    why = "; ".join(f"{count} x {reason}" for reason, count in skipped.most_common(3))
    return UsageError(f"no row of {names} can be predicted: {why or 'there are none'}")
