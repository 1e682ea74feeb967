# SPDX-License-Identifier: Apache-2.0
"""The real membound-bench on its command line: bad input, limits, kills."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "build" / "membound-bench"
SMALL = ROOT / "tests" / "models" / "small.json"

pytestmark = pytest.mark.skipif(not BENCH.exists(), reason="no build of the project here")


def run(*flags: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*prefix, str(BENCH), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--model=Lama-3"], "Llama-3.2-1B"),
        (["--dtype=int3"], "bf16, f16, f32, q4_0, q8_0"),
        (["--cache=q8_0"], "bf16, f16, f32"),
        (["--device=cuda:9"], "cpu:0"),
        (["--profile=huge"], "quick"),
        (["--out=/proc/nowhere/x.jsonl"], "/proc/nowhere/x.jsonl"),
        (["--backends=/nonexistent"], "--backends=DIR"),
        (["--batch=0"], "1 to 4096"),
        (["--benchmark_min_time=1"], "--sample-seconds"),
        (["--bogus"], "--help"),
        (["--benchmark_filter=nothing_like_this"], "matches no bench"),
        (["--benchmark_filter=("], "not a regular expression"),
        (["--print-work"], "--model"),
        (["--model=Llama-3.1-405B", "--suite=steps"], "GB"),
        (["--model=Mixtral-8x7B"], "mixture of experts"),
    ],
)
def test_bad_input_is_one_line_and_code_3(flags: list[str], says: str) -> None:
    done = run(*flags)
    assert done.returncode == 3, done.stderr
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"hidden_size": -1}', "\x00\x01", '{"a": 1}'])
def test_a_broken_config_is_one_line(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.json"
    config.write_text(text)
    done = run(f"--model={config}", "--print-work")
    assert done.returncode == 3
    assert str(config) in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_model_larger_than_memory_says_how_much_it_needs_and_has() -> None:
    done = run("--model=Llama-3.1-405B", "--suite=steps")
    assert "needs 8" in done.stderr  # 811 GB of weights
    assert "free" in done.stderr


def test_one_allowed_core_is_enough() -> None:
    core = str(min(os.sched_getaffinity(0)))
    listed = run("--benchmark_filter=barrier", "--min-samples=3", prefix=("taskset", "-c", core))
    assert listed.returncode == 0
    assert "overhead/barrier/none" in listed.stdout


def test_one_allowed_core_is_what_the_record_says(tmp_path: Path) -> None:
    core = str(min(os.sched_getaffinity(0)))
    out = tmp_path / "j.jsonl"
    run("--benchmark_filter=launch", f"--out={out}", prefix=("taskset", "-c", core))
    assert lines(out)[0]["devices"][0]["compute_units"] == 1  # type: ignore[index]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stop_keeps_every_finished_sample(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "j.jsonl"
    flags = [f"--out={out}", "--benchmark_filter=fma|launch|barrier", "--max-samples=10000"]
    with subprocess.Popen([BENCH, *flags, "--min-samples=1000"]) as child:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if out.exists() and out.read_text().count('"type":"sample"') >= 3:
                break
            time.sleep(0.05)
        child.send_signal(number)
        code = child.wait(timeout=60)
    found = lines(out)
    assert sum(line["type"] == "sample" for line in found) >= 3
    if number == signal.SIGINT:
        assert code == 2
        assert found[-1]["type"] == "end"
        assert found[-1]["status"] == "partial"
    else:
        assert found[-1]["type"] != "end"  # which is what makes it partial


def test_google_benchmark_json_holds_every_repetition(tmp_path: Path) -> None:
    out = tmp_path / "gb.json"
    done = run("--benchmark_filter=launch", f"--benchmark_out={out}", "--min-samples=4")
    assert done.returncode == 0
    rows = json.loads(out.read_text())["benchmarks"]
    assert sum(row["run_type"] == "iteration" for row in rows) >= 4


@pytest.mark.parametrize("model", ["small", "mixture"])
def test_every_bench_of_a_small_model_measures(tmp_path: Path, model: str) -> None:
    out = tmp_path / "j.jsonl"
    path = SMALL.with_name(f"{model}.json")
    flags = [f"--model={path}", "--suite=steps", f"--out={out}", "--min-samples=2"]
    done = run(*flags, "--max-samples=2", "--batch=1,2", "--context=16", "--prefill=20")
    assert done.returncode == 0, done.stderr
    found = lines(out)
    assert found[-1]["status"] == "complete"
    kinds = {str(line["bench"]).split("/")[1] for line in found if line["type"] == "done"}
    assert kinds == {"read", "decode", "prefill"}
    # Four of 16 experts a token: one sequence touches four, 20 tokens of a prompt more.
    for line in found:
        bench = str(line.get("bench"))
        if line["type"] != "sample" or "/read/" in bench or model == "small":
            continue
        touched = line["counters"]["experts_touched"]  # type: ignore[index]
        assert touched == 4 if "batch:1/context" in bench else 4 <= touched <= 16
