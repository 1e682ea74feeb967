# SPDX-License-Identifier: Apache-2.0
"""llama-bench's `-o json` and `-o jsonl`: one object for each test.

`pp` tests time a prompt of n_prompt tokens, `tg` tests n_gen single tokens one after another from a
cache of n_depth, `pg` tests both together. samples_ns are whole tests.
"""

import re
from pathlib import Path
from typing import Any

from membound.importing import result
from membound.importing.source import Fields, Given, objects
from membound.record import EngineResult

WHAT = "the output of llama-bench -o json or -o jsonl"
# The stored type at the end of a description such as "llama 1B mostly Q4_K - Medium".
DTYPE = re.compile(r"\b(BF16|F16|F32|MXFP4|NVFP4|(?:I?Q|TQ)\d\w*)\b")
BACKENDS = {"cpu": "cpu", "blas": "cpu", "openblas": "cpu", "cuda": "cuda", "rocm": "rocm",
            "hip": "rocm"}  # fmt: skip
SETTINGS = ("n_threads", "n_batch", "n_ubatch", "n_gpu_layers", "type_k", "type_v", "flash_attn",
            "cpu_info", "gpu_info", "backends", "model_size", "test_time")  # fmt: skip


def read(path: Path, given: Given) -> list[EngineResult]:
    rows = objects(path, WHAT)
    return [_result(Fields(row, f"{path}: test {i}"), given) for i, row in enumerate(rows, 1)]


def _result(row: Fields, given: Given) -> EngineResult:
    prompt, generated = row.whole("n_prompt"), row.whole("n_gen")
    depth = row.whole("n_depth", 0)
    samples = row.samples("samples_ns", 1e-9)
    if not samples and (mean := row.seconds("avg_ns", 1e-9)):
        samples = [mean]
    common: dict[str, Any] = {
        "engine": "llama.cpp",
        "version": "-".join(filter(None, [_build_number(row), row.text("build_commit")])),
        "where": row.where,
        "model": given.model or _model(row),
        "dtype": given.dtype or _dtype(row),
        "batch": 1,
        "device": given.device or _device(row),
        "settings": {key: row.values[key] for key in SETTINGS if key in row.values},
    }
    notes = [f"from a cache of {depth} tokens"] if depth else []
    if prompt and generated:
        return result.make(
            "request", samples, context=depth + prompt + generated // 2, prompt=prompt,
            generated=generated, decode_steps=generated, notes=notes, **common,
        )  # fmt: skip
    if prompt:
        return result.make(
            "prefill", samples, context=prompt, prompt=depth + prompt, notes=notes, **common
        )
    if not generated:
        row.fail("neither n_prompt nor n_gen is above 0")
    # Token i sees depth + i tokens, itself among them; the samples are of all together.
    steps = [seconds / generated for seconds in samples]
    mean_context = depth + (generated + 1) // 2
    return result.make(
        "decode", steps, context=mean_context, prompt=depth, generated=generated,
        decode_steps=generated, notes=notes, **common,
    )  # fmt: skip


def _build_number(row: Fields) -> str:
    number = row.values.get("build_number")
    return f"b{number}" if isinstance(number, int) and not isinstance(number, bool) else ""


def _model(row: Fields) -> str:
    """The file's name without its type, e.g. Llama-3.2-1B of Llama-3.2-1B-Q8_0.gguf."""
    stem = Path(row.text("model_filename")).name.removesuffix(".gguf")
    parts = re.split(r"[-.]", stem)
    while len(parts) > 1 and (DTYPE.fullmatch(parts[-1].upper()) or parts[-1].upper() in "SML"):
        stem = stem[: -len(parts.pop()) - 1]
    return stem or row.text("model_type")


def _dtype(row: Fields) -> str:
    found = DTYPE.findall(row.text("model_type"))
    # K-quants come as Q4_K_M or as "Q4_K - Medium": the matrices' type is q4_k.
    return re.sub(r"_[SML]$", "", found[-1]).lower() if found else ""


def _device(row: Fields) -> str:
    if row.values.get("n_gpu_layers") == 0:
        return "cpu:0"
    named = [part.strip().lower() for part in row.text("backends").split(",") if part.strip()]
    if not named and row.values.get("cuda") is True:  # as builds of 2023 said it
        named = ["cuda"]
    accelerators = [part for part in named if BACKENDS.get(part, part) != "cpu"]
    return f"{BACKENDS.get(accelerators[0], accelerators[0])}:0" if accelerators else "cpu:0"
