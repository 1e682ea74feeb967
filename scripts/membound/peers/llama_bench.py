# SPDX-License-Identifier: Apache-2.0
"""llama-bench of llama.cpp on a .gguf file, beside our steps from the same file.

What it times, read in its source (early 2025 to late 2026): after an untimed warm-up (the whole
prompt, or one token) each repetition clears the cache and times, to the end of computing,
- prefill: one batch of random tokens, the head computed for the last position only;
- decode: N single tokens one after the other, random ones: it computes and copies out the logits of
  each and samples nothing. The tokens before them (`-d`, which older builds lack) are not timed.
Contexts grow by one a token. N and the depth are chosen so that their mean is that of ours; time is
linear in it. Set to what ours has: threads, one to a core; f16 caches; one sequence; a physical
batch that takes the prompt whole. Its choices that may matter are all tried: weights mapped from
the page cache or read into its own memory, with and without its flash attention.
"""

import json
import re
import subprocess
from itertools import product
from pathlib import Path

from membound.peers.launch import (
    Job,
    Kernel,
    Launch,
    Reading,
    Setting,
    Unreadable,
    Value,
    footprint_ok,
)
from membound.peers.steps import WeightsFile

NAME = "llama-bench"
PROGRAMS = ("llama-bench",)
DECODED = 31  # tokens of one repetition after a depth: an odd count has a whole mean
FEWEST_PASSES, UNKNOWN_PASSES = 1, 1
_MAPPED = {  # flags by what --help names
    "--mmap": {"mapped": ["-mmp", "1"], "own memory": ["-mmp", "0"]},
    "--load-mode": {"mapped": ["-lm", "mmap"], "own memory": ["-lm", "none"]},
}
_ATTENTION = {"": "0", "flash attention": "1"}


def decode_lengths(context: int, has_depth: bool) -> tuple[int, int]:
    """Depth and tokens: contexts from depth + 1 to depth + tokens, with a mean of `context`."""
    before = DECODED // 2 + 1
    if has_depth and context > before:
        return context - before, DECODED
    return 0, 2 * context - 1


class LlamaBenchLaunch(Launch):
    """One step of one file, in one of its variants."""

    def __init__(
        self,
        program: Path,
        kernel: Kernel,
        setting: Setting,
        file: WeightsFile,
        variant: list[str],
        has_depth: bool,
    ) -> None:
        super().__init__(kernel.side, [kernel])
        self.key += f" {kernel.work}"
        self._program, self._kernel, self._setting = program, kernel, setting
        self._file, self._variant = file, variant
        self._depth, self._tokens = 0, file.lengths.prefill
        if kernel.work.name == "decode":
            self._depth, self._tokens = decode_lengths(file.lengths.context, has_depth)

    def job(self, seconds: float) -> Job:
        decode = self._kernel.work.name == "decode"
        prompt, generated = (0, self._tokens) if decode else (self._tokens, 0)
        longest = str(max(512, self._file.lengths.prefill))
        repetitions = self.passes(seconds, FEWEST_PASSES, UNKNOWN_PASSES)
        command = [str(self._program), "-m", str(self._file.path), "-o", "json"]
        command += ["-p", str(prompt), "-n", str(generated), "-r", str(repetitions)]
        command += ["-t", str(self._setting.threads), "-b", longest, "-ub", longest]
        command += ["-ctk", "f16", "-ctv", "f16", "-ngl", "0", *self._variant]
        if self._depth:
            command += ["-d", str(self._depth)]
        return Job(command, self._setting.omp())

    def read(self, job: Job, output: str) -> Reading:
        row = _row(output)
        wanted: dict[str, int] = {"n_depth": self._depth, "n_threads": self._setting.threads}
        wanted["n_gen" if self._kernel.work.name == "decode" else "n_prompt"] = self._tokens
        for key, asked in wanted.items():
            if row.get(key, 0) != asked:  # older builds have no depth and do not name it
                raise Unreadable(f"its {key} is {row.get(key)}, not {asked}")
        taken = row.get("samples_ns")
        if not isinstance(taken, list) or not taken or not all(_positive(ns) for ns in taken):
            raise Unreadable("no samples_ns in its output")
        size = self._file.bytes
        value = Value(
            self._tokens * len(taken) / sum(taken) * 1e9,
            self._tokens / min(taken) * 1e9,
            size,
            footprint_ok(size, self._setting),
        )
        version = f"{row.get('build_commit', 'unknown')} ({row.get('build_number', 'unknown')})"
        backends = str(row.get("backends", "CPU"))
        marks = () if backends in ("CPU", "BLAS") else (f"peer's backends: {backends}",)
        return Reading({self._kernel.name: value}, len(taken) / sum(taken) * 1e9, version, marks)


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and value > 0


def _row(output: str) -> dict[str, object]:
    """Of its JSON, a list of one test; its warnings may stand around it."""
    begin, end = output.find("[\n"), output.rfind("]")
    try:
        rows = json.loads(output[begin : end + 1]) if begin >= 0 else None
    except ValueError:
        rows = None
    if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], dict):
        raise Unreadable("its output has no JSON list of one test")
    return rows[0]


def launches(side: str, program: Path, setting: Setting, files: list[WeightsFile]) -> list[Launch]:
    """Every step of ours on the same file, in all variants that this build has."""
    options = _help(program)
    found: list[Launch] = []
    has_depth = "--n-depth" in options
    default: dict[str, list[str]] = {"mapped": []}
    loading = next((modes for flag, modes in _MAPPED.items() if flag in options), default)
    for file, (load, load_flags), (attention, on) in product(
        files, loading.items(), _ATTENTION.items()
    ):
        variant = [*load_flags, "-fa", on]
        for own in file.kernels.values():
            name = f"{own.work.name}, {load}" + (f", {attention}" if attention else "")
            kernel = Kernel(side, name, own.work, own.dtype)
            found.append(LlamaBenchLaunch(program, kernel, setting, file, variant, has_depth))
    return found


def find(side: str, program: Path, setting: Setting) -> tuple[list[Launch], str | None]:
    """It does nothing without a file; its version stands in its output."""
    return [], None


def _help(program: Path) -> str:
    try:
        done = subprocess.run(
            [str(program), "--help"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreadable(f"{program} --help: {error}") from None
    if not re.search(r"--n-prompt", done.stdout):
        raise Unreadable(f"{program} --help does not name --n-prompt: not llama-bench")
    return done.stdout
