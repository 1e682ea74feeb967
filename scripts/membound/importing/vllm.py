# SPDX-License-Identifier: Apache-2.0
"""vLLM's results: `vllm bench latency --output-json`, its .pytorch.json beside, `vllm bench serve`.

The latency file holds times and nothing of what was timed; the .pytorch.json holds the arguments
too. Serving results state concurrency, tokens and percentiles over requests.
"""

from pathlib import Path
from typing import Any

from membound.errors import UsageError
from membound.importing import result
from membound.importing.source import Fields, Given, objects
from membound.record import EngineResult

WHAT = "the JSON of vllm bench latency --output-json or vllm bench serve --save-result"
SERVE_SETTINGS = ("date", "backend", "endpoint_type", "num_prompts", "request_rate", "burstiness",
                  "max_concurrency", "completed", "failed", "duration", "output_throughput",
                  "total_token_throughput", "mean_ttft_ms", "p99_ttft_ms", "mean_tpot_ms",
                  "p99_tpot_ms", "median_itl_ms")  # fmt: skip


def read(path: Path, given: Given) -> list[EngineResult]:
    rows = objects(path, WHAT)
    found: list[EngineResult] = []
    for i, row in enumerate(rows, 1):
        where = f"{path}: result {i}" if len(rows) > 1 else str(path)
        if "latencies" in row:
            found.append(_latency(Fields(row, where), row, Fields({}, where), given))
        elif "benchmark" in row and "metric" in row:
            found += _pytorch(row, where, given)
        elif "output_throughput" in row and "completed" in row:
            found += _serving(Fields(row, where), given)
        else:
            raise UsageError(f"{where} is none of vLLM's results: give {WHAT}")
    return found


def _pytorch(row: dict[str, Any], where: str, given: Given) -> list[EngineResult]:
    metric, extra = row["metric"], row["benchmark"]
    extra = extra.get("extra_info") if isinstance(extra, dict) else None
    arguments = extra.get("args") if isinstance(extra, dict) else None
    if not isinstance(metric, dict) or not isinstance(arguments, dict):
        raise UsageError(f"{where}: its arguments (benchmark.extra_info.args) are missing")
    if metric.get("name") != "latency":
        return []
    times = {"latencies": metric.get("benchmark_values")}
    return [_latency(Fields(times, where), {}, Fields(arguments, where), given)]


def _latency(
    times: Fields, settings: dict[str, Any], arguments: Fields, given: Given
) -> EngineResult:
    """Whole requests of one batch: a prefill, then a token at a time."""

    def number(name: str, flag: str, value: int | None) -> int:
        if value is None and name not in arguments.values:
            times.fail(f"does not say its {name}: give {flag}")
        return value if value is not None else arguments.whole(name, low=1)

    prompt = number("input_len", "--prompt", given.prompt)
    generated = number("output_len", "--generated", given.generated)
    kept = {key: settings[key] for key in ("avg_latency", "percentiles") if key in settings}
    parallel = arguments.values.get("tensor_parallel_size")
    return result.make(
        "request",
        times.samples("latencies", 1.0),
        engine="vLLM",
        where=times.where,
        model=given.model or _short(arguments.text("model")),
        dtype=given.dtype or _dtype(arguments),
        batch=number("batch_size", "--batch", given.batch),
        context=prompt + generated // 2,
        prompt=prompt,
        generated=generated,
        decode_steps=generated - 1,  # the prefill gives the first
        device=given.device or "",
        settings=kept | ({"tensor_parallel_size": parallel} if parallel else {}),
    )


def _serving(row: Fields, given: Given) -> list[EngineResult]:
    completed = row.whole("completed", low=1)
    prompt = given.prompt or round(row.whole("total_input_tokens", low=1) / completed)
    generated = given.generated or round(row.whole("total_output_tokens", low=1) / completed)
    batch = given.batch or row.values.get("max_concurrency")
    if batch is None:
        row.fail(
            "no max_concurrency, so how many sequences ran together is not known: give --batch"
        )
    if given.batch is None:
        batch = min(row.whole("max_concurrency", low=1), completed)
    common: dict[str, Any] = {
        "engine": "vLLM",
        "where": row.where,
        "model": given.model or _short(row.text("model_id")),
        "dtype": given.dtype or "",
        "batch": batch,
        "prompt": prompt,
        "generated": generated,
        "device": given.device or "",
        "settings": {key: row.values[key] for key in SERVE_SETTINGS if key in row.values},
    }
    found = []
    per_token = row.seconds("median_tpot_ms", 1e-3) or row.seconds("mean_tpot_ms", 1e-3)
    if per_token:
        found.append(
            result.make(
                "decode",
                [per_token],
                context=prompt + max(1, generated // 2),
                decode_steps=max(0, generated - 1),
                notes=["time per output token of a server: prefills of other requests are in it"],
                **common,
            )
        )
    first = row.seconds("median_ttft_ms", 1e-3) or row.seconds("mean_ttft_ms", 1e-3)
    if first and batch == 1:  # with more, requests wait for each other
        notes = ["time to first token of a server: its protocol is in it"]
        found.append(result.make("prefill", [first], context=prompt, notes=notes, **common))
    if not found:
        row.fail(
            "no time per output token (median_tpot_ms) and none to the first of a lone request"
        )
    return found


def _short(model: str) -> str:
    """Without the organisation: Llama-3.2-1B of meta-llama/Llama-3.2-1B."""
    return Path(model).name


def _dtype(arguments: Fields) -> str:
    return result.TORCH_TYPES.get(arguments.text("dtype").removeprefix("torch."), "")
