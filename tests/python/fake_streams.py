# SPDX-License-Identifier: Apache-2.0
"""Stands in for membound-bench where peers are compared: a listing, journals, given rates.

The machine reads at 40 GB/s, stores without write-allocate at 30 and otherwise at 20, and has
1 MB of last-level cache. With a weights file it decodes 20 tokens/s and prefills 1000.
$FAKE_STREAMS: wrong (triad's check fails), gemm (has a library).
"""

import json
import os
import re
import sys
from pathlib import Path

TOKENS = 512  # of a prefill
SIZE = 1 << 28
RATES = {
    f"bandwidth/read/f32/mode:cold/bytes:{SIZE}": 40e9,
    "bandwidth/read/f32/mode:cold/bytes:65536": 90e9,
    f"bandwidth/read/f32/mode:cold/bytes:{SIZE}/threads:1": 15e9,
    f"bandwidth/copy/f32/mode:cold/bytes:{SIZE}": 20e9,
    f"bandwidth/copy/f32/mode:cold/bytes:{SIZE}/store:nt": 30e9,
    f"bandwidth/triad/f32/mode:cold/bytes:{SIZE}": 20e9,
    f"bandwidth/triad/f32/mode:cold/bytes:{SIZE}/store:nt": 30e9,
    f"bandwidth/triad/f64/mode:cold/bytes:{SIZE}/store:nt": 31e9,
    "compute/fma/f32": 400e9,
    "overhead/launch/none": 1.0,
}
GEMM = {
    "inference/gemm/f32/m:512/n:2048/k:2048": 300e9,
    "compute/library_gemm/f32/m:512/n:2048/k:2048/library:openblas": 200e9,
    "compute/library_gemm/f32/m:512/n:64/k:64/library:openblas": 250e9,
}


def steps(flags: dict[str, str]) -> dict[str, float]:
    """Launches of SIZE bytes a second; the file's name ends with its type."""
    path = Path(flags["model"])
    dtype = path.stem.rsplit("-", 1)[1]
    start = f"{dtype}/model:Any 1B (random)/batch:1"
    # A type's own cache goes without saying.
    end = "/cache:f16" if dtype == "bf16" and flags["cache"] == "f16" else ""
    return {
        f"inference/decode/{start}/context:{flags['context']}{end}": 20.0 * SIZE,
        f"inference/prefill/{start}/tokens:{flags['prefill']}{end}": 1000.0 / TOKENS * SIZE,
    }


def measurement(name: str, rate: float, okay: bool) -> list[dict[str, object]]:
    """The lines of one bench."""
    where = {"bench": name, "device": "cpu:0"}
    reads = name.startswith(("bandwidth", "inference/decode"))
    moved = {"bytes_read": SIZE} if reads else {"flops": {"f32": SIZE}}
    about = {"stage": "ceiling", "work": moved, "check": {"ok": okay}, "footprint_bytes": SIZE}
    samples = [
        {"type": "sample", **where, "index": n, "seconds": SIZE / rate * (1 + 0.001 * n)}
        for n in range(5)
    ]
    return [{"type": "bench", **where, **about}, *samples]


def main() -> int:
    flags = dict(a[2:].split("=", 1) if "=" in a else (a[2:], "") for a in sys.argv[1:])
    behaviour = os.environ.get("FAKE_STREAMS", "")
    rates = RATES | (GEMM if behaviour == "gemm" and "model" in flags else {})
    if flags["suite"] in ("steps", "all"):
        if "truncated" in flags["model"]:
            print(f"membound-bench: error: {flags['model']}: ends early", file=sys.stderr)
            return 3
        rates = steps(flags) | (RATES if flags["suite"] == "all" else {})
    if "benchmark_list_tests" in flags:
        for name in rates:
            print(f"{name}/cpu:0/iterations:1/repeats:5/manual_time")
        return 0
    wanted = re.compile(flags["benchmark_filter"])
    chosen = [n for n in rates if wanted.search(f"{n}/cpu:0/iterations:1")]
    most = 2 if flags["suite"] == "all" else 1
    assert 1 <= len(chosen) <= most, f"{flags['benchmark_filter']} matches {chosen}"
    device = {"id": "cpu:0", "compute_units": 2, "llc_bytes": 1_000_000}
    device["details"] = {"transparent_huge_pages": "always [madvise] never"}
    lines = [{"type": "header", "devices": [device], "version": "0"}]
    for name in chosen:
        lines += measurement(name, rates[name], okay=not (behaviour == "wrong" and "triad" in name))
    lines.append({"type": "end", "status": "complete", "exit_code": 0})
    with Path(flags["out"]).open("a") as out:
        out.writelines(json.dumps(line) + "\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
