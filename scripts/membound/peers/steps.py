# SPDX-License-Identifier: Apache-2.0
"""Steps of a model from a weights file, ours: prefill of a prompt, decode at a context.

A file has its own benches in membound-bench; each is one work, in tokens/s of one sequence. What
is timed: the whole step from tokens to the chosen token, weights read from memory, the cache in
f16. Prefill computes the head for the last position only; decode's cache grows about its context.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from membound.errors import UsageError
from membound.peers import ours
from membound.peers.launch import Kernel, Launch
from membound.peers.works import STEPS, Work

_BENCH = re.compile(
    rf"inference/({'|'.join(STEPS)})/(\w+)/model:.+/batch:1/(?:context|tokens):\d+(?:/cache:f16)?"
)
SAMPLES = {"decode": ours.SAMPLES, "prefill": 2}  # a prefill may take seconds


@dataclass(frozen=True)
class Lengths:
    """Tokens of the prompt; tokens in the cache at a decode, the new one among them."""

    prefill: int
    context: int


@dataclass(frozen=True)
class WeightsFile:
    """One file and its works; ours by the work's name."""

    path: Path
    lengths: Lengths
    kernels: dict[str, Kernel]

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size


def flags(path: Path, lengths: Lengths) -> tuple[str, ...]:
    """What makes the program have the file's steps."""
    sizes = (f"--context={lengths.context}", f"--prefill={lengths.prefill}")
    return ("--suite=steps", f"--model={path}", "--batch=1", "--cache=f16", *sizes)


def check_files(paths: list[Path]) -> list[Path]:
    """Absolute paths. Raises UsageError: whether they are weights is for the programs to say."""
    for path in paths:
        if not path.is_file():
            raise UsageError(f"--model {path}: no such file")
    names = [path.stem for path in paths]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"--model: two files are called {twice.pop()}: rename one")
    return [path.resolve() for path in paths]


def open_file(path: Path, lengths: Lengths) -> WeightsFile:
    """Asks membound-bench for the file's benches. Raises CannotMeasure with its reason."""
    found = {}
    for bench in ours.list_benches(flags(path, lengths)):
        if matched := _BENCH.fullmatch(bench):
            name, dtype = matched.groups()
            found[name] = Kernel(ours.SIDE, bench, Work(name, dtype, path.stem), dtype)
    return WeightsFile(path, lengths, found)


def launches(file: WeightsFile, folder: Path) -> list[Launch]:
    """A process for each step; beside a decode the cold read, which is its ceiling."""
    extra = flags(file.path, file.lengths)
    reads = [k.name for k in ours.kernels(ours.list_benches()) if k.work == ours.READ]
    found: list[Launch] = []
    for name, kernel in file.kernels.items():
        read = reads[0] if reads and name == "decode" else ""
        both = ("--suite=all",) if read else ()
        found.append(ours.OurLaunch(kernel, folder, (*extra, *both), SAMPLES[name], read))
    return found
