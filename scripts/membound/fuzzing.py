# SPDX-License-Identifier: Apache-2.0
"""libFuzzer targets of the parsers of files from outside: built by clang, run for a while each."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from membound import paths

TARGETS = ("gguf", "safetensors", "config", "index")
SHORT_SECONDS, LONG_SECONDS = 20, 600  # of each target
TIMED_OUT = 70  # libFuzzer's exit code
CORPUS = Path("build/fuzz/corpus")  # grows from run to run


def missing() -> str:
    """Why the targets cannot be built here; empty when they can."""
    if not shutil.which("clang++"):
        return "no clang++ (Debian: apt-get install clang)"
    program = 'extern "C" int LLVMFuzzerTestOneInput(const char*, long) { return 0; }'
    with tempfile.TemporaryDirectory() as folder:
        linked = subprocess.run(
            ["clang++", "-fsanitize=fuzzer,address", "-x", "c++", "-", "-o", f"{folder}/a.out"],
            input=program,
            capture_output=True,
            text=True,
        )
    return "" if linked.returncode == 0 else "this clang++ has no libFuzzer (libclang-rt-dev)"


def run(long: bool, build: Callable[[str], int]) -> int:
    """0 when no target found anything; `build` makes a CMake preset."""
    if reason := missing():
        print(f"skipped: {reason}", flush=True)
        return 0
    if code := build("fuzz"):
        return code
    maker = paths.ROOT / "tests" / "python" / "model_files.py"
    subprocess.run([sys.executable, str(maker), str(CORPUS)], check=True)
    seconds = LONG_SECONDS if long else SHORT_SECONDS
    codes = [_fuzz(target, seconds) for target in TARGETS]  # all of them, whatever the first finds
    return 1 if any(codes) else 0


def _fuzz(target: str, seconds: int) -> int:
    """0 when nothing was found; what was lies beside the corpus."""
    done = _execute(target, seconds, str(CORPUS / target))
    lines = done.stderr.splitlines()
    if done.returncode == TIMED_OUT and not _repeats(target):
        print(f"{target}: cut short, the machine was suspended", flush=True)
        return 0
    if done.returncode:
        print(*lines[-60:], sep="\n", flush=True)
        return done.returncode
    facts = [line.split("::")[-1] for line in lines if line.startswith("stat::number_of_exec")]
    covered = [line for line in lines if " cov: " in line][-1:]
    print(f"{target}: {seconds} s, {' '.join([*facts, *covered])}", flush=True)
    return 0


def _repeats(target: str) -> bool:
    """Whether inputs that took too long do so again: the limit is by the clock on the wall."""
    slow = list(CORPUS.glob(f"found-{target}-timeout-*"))
    if not slow or _execute(target, 0, *map(str, slow)).returncode:
        return True
    for path in slow:
        path.unlink()
    return False


def _execute(target: str, seconds: int, *inputs: str) -> "subprocess.CompletedProcess[str]":
    command = [
        f"build/fuzz/tests/fuzz/fuzz_{target}",
        f"-max_total_time={seconds}",
        "-timeout=120",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-artifact_prefix={CORPUS / f'found-{target}-'}",
        *inputs,
    ]
    # Far above what a hostile file can ask for: the parsers bound it.
    limits = os.environ | {"ASAN_OPTIONS": "max_allocation_size_mb=1024"}
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=limits)
