# SPDX-License-Identifier: Apache-2.0
"""Files as engines write them, with made-up times: keys and order are the engines' own."""

import json
from typing import Any


def llama_bench_test(n_prompt: int, n_gen: int, depth: int = 0, **changed: Any) -> dict[str, Any]:
    """One test of llama-bench -o json, build b4762 with n_depth of later ones."""
    nanoseconds = 500_000_000 if n_prompt else 8_000_000_000
    test = {
        "build_commit": "c392e509", "build_number": 4762, "cpu_info": "Some CPU", "gpu_info": "",
        "backends": "CPU", "model_filename": "models/Small-Q8_0.gguf",
        "model_type": "llama 1B Q8_0", "model_size": 1313251456, "model_n_params": 1235814432,
        "n_batch": 2048, "n_ubatch": 512, "n_threads": 2, "cpu_mask": "0x0", "cpu_strict": False,
        "poll": 50, "type_k": "f16", "type_v": "f16", "n_gpu_layers": 0, "split_mode": "layer",
        "main_gpu": 0, "no_kv_offload": False, "flash_attn": False, "tensor_split": "0.00",
        "use_mmap": True, "embeddings": False, "n_prompt": n_prompt, "n_gen": n_gen,
        "n_depth": depth, "test_time": "2025-02-20T12:00:00Z", "avg_ns": nanoseconds,
        "stddev_ns": 0, "avg_ts": 0.0, "stddev_ts": 0.0,
        "samples_ns": [nanoseconds, nanoseconds - 1000, nanoseconds + 1000], "samples_ts": [],
    }  # fmt: skip
    return test | changed


def latency() -> dict[str, Any]:
    """vllm bench latency --output-json."""
    times = [1.25, 1.5, 1.0]
    return {
        "avg_latency": 1.25, "std_latency": 0.2, "latencies": times,
        "percentiles": {"10": 1.05, "50": 1.25, "99": 1.5},
    }  # fmt: skip


def latency_pytorch() -> list[dict[str, Any]]:
    """The .pytorch.json beside it."""
    arguments = {
        "input_len": 128, "output_len": 17, "batch_size": 4, "model": "someone/Small",
        "dtype": "bfloat16", "tensor_parallel_size": 1,
    }  # fmt: skip
    whole = latency()
    return [
        {
            "benchmark": {"name": "vLLM benchmark", "extra_info": {"args": arguments}},
            "model": {"name": "someone/Small"},
            "metric": {
                "name": "latency",
                "benchmark_values": whole["latencies"],
                "extra_info": {"avg_latency": 1.25, "percentiles": whole["percentiles"]},
            },
        }
    ]


def serving(concurrency: int | None = 4) -> dict[str, Any]:
    """vllm bench serve --save-result."""
    return {
        "date": "20260101-120000", "endpoint_type": "vllm", "backend": "vllm", "label": None,
        "model_id": "someone/Small", "tokenizer_id": "someone/Small", "num_prompts": 8,
        "request_rate": "inf", "burstiness": 1.0, "max_concurrency": concurrency,
        "duration": 4.0, "completed": 8, "failed": 0, "total_input_tokens": 1024,
        "total_output_tokens": 512, "request_throughput": 2.0, "request_goodput": None,
        "output_throughput": 128.0, "total_token_throughput": 384.0,
        "mean_ttft_ms": 260.0, "median_ttft_ms": 250.0, "std_ttft_ms": 9.0, "p99_ttft_ms": 290.0,
        "mean_tpot_ms": 31.0, "median_tpot_ms": 30.0, "std_tpot_ms": 1.0, "p99_tpot_ms": 35.0,
        "mean_itl_ms": 30.5, "median_itl_ms": 29.9, "std_itl_ms": 2.0, "p99_itl_ms": 40.0,
    }  # fmt: skip


TABLE = """model,dtype,phase,batch,context,seconds,device
Small,bf16,decode,2,128,0.05,cpu:0
Small,bf16,decode,2,128,0.04,cpu:0
Small,bf16,decode,2,128,0.06,cpu:0
Small,bf16,prefill,1,512,0.5,cpu:0
"""


def lines(tests: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(test) + "\n" for test in tests)
