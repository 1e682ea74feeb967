# SPDX-License-Identifier: Apache-2.0
"""Results of any other engine as a CSV, such as a loop over Hugging Face transformers writes.

    model,dtype,phase,batch,context,seconds
    Llama-3.2-1B,bf16,decode,1,128,0.0712
    Llama-3.2-1B,bf16,prefill,1,512,0.641

`context`: tokens in the cache that a decode step attends to, itself among them, or of the prompt.
`seconds`: of one decode step (a token of each sequence) or of the whole prefill. Rows of the same
point are its samples. Columns `engine`, `version` and `device` may follow.
"""

import csv
from pathlib import Path

from membound.errors import UsageError
from membound.importing import result
from membound.importing.source import MOST_SAMPLES, MOST_TOKENS, Fields, Given, read_text
from membound.record import EngineResult

REQUIRED = ("model", "dtype", "phase", "batch", "context", "seconds")
OPTIONAL = ("engine", "version", "device")
Point = tuple[str, ...]


def read(path: Path, given: Given) -> list[EngineResult]:
    reader = csv.DictReader(read_text(path).splitlines(), skipinitialspace=True)
    columns = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if lacking := [name for name in REQUIRED if name not in columns]:
        raise UsageError(f"{path} has no column {lacking[0]}: it needs {','.join(REQUIRED)}")
    points: dict[Point, list[float]] = {}
    lines: dict[Point, str] = {}
    try:
        for count, row in enumerate(reader):
            if count >= MOST_SAMPLES:
                raise UsageError(f"{path} has more than {MOST_SAMPLES} rows")
            where = f"{path}: line {reader.line_num}"
            point, seconds = _sample(row, where, given)
            points.setdefault(point, []).append(seconds)
            lines.setdefault(point, where)
    except csv.Error as error:
        raise UsageError(f"{path}: line {reader.line_num}: {error}") from None
    if not points:
        raise UsageError(f"{path} holds no rows below its heading")
    return [_result(point, samples, lines[point]) for point, samples in points.items()]


def _sample(row: dict[str, str | None], where: str, given: Given) -> tuple[Point, float]:
    cells = {name: (row.get(name) or "").strip() for name in (*REQUIRED, *OPTIONAL)}
    cells["model"] = given.model or cells["model"]
    cells["dtype"] = given.dtype or cells["dtype"]
    cells["device"] = given.device or cells["device"]
    try:
        seconds = float(cells["seconds"])
    except ValueError:
        raise UsageError(f"{where}: seconds must be a number, not '{cells['seconds']}'") from None
    if cells["phase"] not in ("decode", "prefill"):
        raise UsageError(f"{where}: phase must be decode or prefill, not '{cells['phase'][:40]}'")
    for name in ("batch", "context"):
        # isascii: some digits of other scripts are none to int().
        digits = cells[name].isascii() and cells[name].isdigit() and len(cells[name]) < 9
        if not digits or not 1 <= int(cells[name]) <= MOST_TOKENS:
            raise UsageError(f"{where}: {name} must be a whole number from 1 to {MOST_TOKENS}")
    checked = Fields({"seconds": [seconds]}, where).samples("seconds", 1.0)
    return tuple(value for name, value in cells.items() if name != "seconds"), checked[0]


def _result(point: Point, samples: list[float], where: str) -> EngineResult:
    model, dtype, phase, batch, context, engine, version, device = point
    return result.make(
        "decode" if phase == "decode" else "prefill",
        samples,
        engine=engine or "transformers",
        where=where,
        model=model,
        dtype=dtype,
        batch=int(batch),
        context=int(context),
        prompt=int(context) if phase == "prefill" else 0,
        device=device,
        version=version,
    )
