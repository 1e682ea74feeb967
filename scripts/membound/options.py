# SPDX-License-Identifier: Apache-2.0
"""Options of a run: the profiles' points, and checks before anything is measured."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from membound.errors import UsageError
from membound.model import paper, types, weights, work
from membound.model import shape as shapes
from membound.model.shape import Shape
from membound.model.types import Types

PAPER_FLAGS = {  # what the record calls them, and the command line
    "paper_bandwidth_GBps": "paper-bandwidth",
    "paper_flops_GFLOPS": "paper-flops",
}
SETTLED = ("profile", "model", "dtype", "cache", "device", "batch", "context", "prefill",
           *PAPER_FLAGS)  # fmt: skip
MOST = 1 << 20  # tokens or sequences: more is a typing error


@dataclass(frozen=True)
class Profile:
    """What is measured, and how many fresh processes replicate it."""

    batch: tuple[int, ...]
    context: tuple[int, ...]
    prefill: tuple[int, ...]
    processes: int


PROFILES = {
    "quick": Profile((1, 4), (128,), (128,), 1),
    "standard": Profile((1, 4, 16), (128, 2048), (512,), 3),
    "full": Profile((1, 4, 16, 32), (128, 2048, 8192, 32768), (512, 2048), 5),
}


@dataclass(frozen=True)
class RunOptions:
    """A checked request; `model_argument` is what the measuring program gets.

    The paper figures are the user's own, for a device that names none.
    """

    profile: str
    points: Profile
    shape: Shape
    model_argument: str
    types: Types
    device: str | None
    stall_seconds: float
    paper_bandwidth_GBps: float | None = None
    paper_flops_GFLOPS: float | None = None

    def arguments(self) -> list[str]:
        """Flags of the measuring program, the suite and the journal left out."""
        flags = {
            "profile": self.profile,
            "model": self.model_argument,
            "dtype": self.types.weights,
            "cache": self.types.cache,
            "batch": _join(self.points.batch),
            "context": _join(self.points.context),
            "prefill": _join(self.points.prefill),
        }
        if self.device:
            flags["device"] = self.device
        return [f"--{key}={value}" for key, value in flags.items()]

    def steps(self) -> list[work.Step]:
        """Decode at each batch and context, prefill at each batch and length."""
        points, shape, types = self.points, self.shape, self.types
        steps = [work.decode(shape, types, b, c) for c in points.context for b in points.batch]
        return steps + [
            work.prefill(shape, types, b, t) for t in points.prefill for b in points.batch
        ]

    def as_dict(self) -> dict[str, Any]:
        """As the record keeps it."""
        chosen = {
            key: list(value) for key, value in vars(self.points).items() if key != "processes"
        }
        papers = {key: getattr(self, key) for key in PAPER_FLAGS}
        return chosen | {
            **papers,
            "paper_source": paper.BY_USER if any(papers.values()) else None,
            "profile": self.profile,
            "processes": self.points.processes,
            "model": self.model_argument,
            "dtype": self.types.weights,
            "cache": self.types.cache,
            "types": self.types.as_dict(),
            "device": self.device,
        }


def check(
    profile: str,
    model: str,
    dtype: str | None,
    device: str | None,
    batch: str | None,
    context: str | None,
    prefill: str | None,
    stall_seconds: float,
    paper_bandwidth_GBps: float | None = None,
    paper_flops_GFLOPS: float | None = None,
    cache: str | None = None,
) -> RunOptions:
    """Everything that can be known to be wrong without starting the measuring program."""
    if profile not in PROFILES:
        raise UsageError(f"unknown profile '{profile}': give one of {', '.join(PROFILES)}")
    shape, chosen, argument = settle_model(model, dtype, cache)
    if device and not all(re.fullmatch(r"[a-z]+:\d+", part) for part in device.split(",")):
        raise UsageError(f"device '{device}' is not a name such as cpu:0: see ./membound list")
    if not stall_seconds > 0:
        raise UsageError(f"--stall-seconds must be above 0, not {stall_seconds:g}")
    papers = paper_bandwidth_GBps, paper_flops_GFLOPS
    for flag, value in zip(PAPER_FLAGS.values(), papers, strict=True):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise UsageError(f"--{flag} must be a number above 0, not {value:g}")
    default = PROFILES[profile]
    points = replace(
        default,
        batch=numbers("batch", batch) if batch is not None else default.batch,
        context=numbers("context", context) if context is not None else default.context,
        prefill=numbers("prefill", prefill) if prefill is not None else default.prefill,
    )
    options = RunOptions(profile, points, shape, argument, chosen, device, stall_seconds, *papers)
    _check_memory(options)
    return options


def settle_model(model: str, dtype: str | None, cache: str | None) -> tuple[Shape, Types, str]:
    """What --model, --dtype and --cache ask for, and the model as the measuring program reads it.

    A file of weights has types of its own; random weights are bf16 where nothing else is said.
    """
    if weights.is_file_of(model):
        return weights.read(model, dtype, cache)
    chosen = types.check(dtype or "bf16", cache)
    shape, argument = shapes.load(model)
    types.check_shape(shape, chosen)
    return shape, chosen, argument


def numbers(name: str, text: str) -> tuple[int, ...]:
    """A comma list of whole numbers, without repeats, in the order given."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,8}", part) and 1 <= int(part) <= MOST for part in parts):
        raise UsageError(
            f"--{name} '{text}' must be whole numbers from 1 to {MOST} with commas between"
        )
    return tuple(dict.fromkeys(int(part) for part in parts))


def _check_memory(options: RunOptions) -> None:
    """The measuring program checks each device; this only spares it the clearly impossible."""
    if options.device and not options.device.startswith("cpu:"):
        return
    points = options.points
    longest = max(*points.context, *points.prefill)
    cache = work.kv_bytes(options.shape, options.types, max(points.batch), longest)
    needed = work.weight_bytes(options.shape, options.types) + cache
    available = _available_bytes()
    if available is not None and needed > available:
        raise UsageError(
            f"{options.shape.id} in {options.types.weights} needs {needed / 1e9:.1f} GB for "
            f"weights and cache, {available / 1e9:.1f} GB are free: choose a smaller model, batch "
            f"or context"
        )


def _available_bytes() -> int | None:
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return None
    return int(found.group(1)) * 1024 if found else None


def _join(values: tuple[int, ...]) -> str:
    return ",".join(str(value) for value in values)
