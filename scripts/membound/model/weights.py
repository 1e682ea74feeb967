# SPDX-License-Identifier: Apache-2.0
"""Shape and types of a file of weights, as the measuring program, which alone parses it, says."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from membound import paths
from membound.errors import CannotMeasure, UsageError
from membound.model.shape import Shape
from membound.model.types import ELEMENT_BYTES, Types, check_known
from membound.model.work import Step, build, class_of, expert_bytes

LAYER_CLASSES = ("attention", "mlp", "experts")
SECONDS = 120.0  # for a file on a slow disk


def is_file_of(argument: str) -> bool:
    """Whether `--model` names weights: a .gguf, or safetensors and the folder that holds them."""
    path = Path(argument)
    if path.is_dir():
        return any(path.glob("*.safetensors"))
    return path.suffix in (".gguf", ".safetensors") or path.name.endswith(".safetensors.index.json")


def read(argument: str, dtype: str | None, cache: str | None) -> tuple[Shape, Types, str]:
    """Of a file that can be run; the argument comes back as the measuring program reads it."""
    path = str(Path(argument).resolve())
    flags = ["--print-work", f"--model={path}", "--batch=1", "--context=1", "--prefill=1"]
    flags += [f"--dtype={dtype}"] if dtype else []
    flags += [f"--cache={cache}"] if cache else []
    printed = _ask(argument, flags)
    return Shape.from_record(printed["model"]), Types(**printed["types"]), path


def step(
    argument: str, dtype: str | None, cache: str | None, phase: str, batch: int, length: int
) -> Step:
    """A step with the file's own bytes, also where its types are mixed or no kernel reads them."""
    told = _ask(argument, ["--describe", str(Path(argument).resolve())])
    if told["problem"]:
        raise UsageError(f"{argument}: {told['problem']}")
    shape, types = Shape.from_record(told["shape"]), _types(told["tensors"], cache)
    if dtype not in (None, types.weights):
        raise UsageError(f"--dtype {dtype}: {argument} holds {types.weights}: leave --dtype out")
    for name in (types.weights, types.embedding, types.head):
        check_known(name)
    return _with_stored_bytes(build(phase, shape, types, batch, length), told["tensors"])


def _types(classes: dict[str, Any], cache: str | None) -> Types:
    """Of each place the type with the most bytes."""

    def most(*names: str) -> str:
        sizes: dict[str, int] = {}
        for name in names:
            for kind, amount in classes[name]["types"].items():
                sizes[kind] = sizes.get(kind, 0) + amount["bytes"]
        return max(sizes, key=sizes.__getitem__) if sizes else ""

    if cache is not None and cache not in ELEMENT_BYTES:
        raise UsageError(f"unknown cache '{cache}': give one of {', '.join(ELEMENT_BYTES)}")
    embedding = most("embedding")
    return Types(most(*LAYER_CLASSES), embedding, most("head") or embedding, cache or "f16")


def _with_stored_bytes(step: Step, classes: dict[str, Any]) -> Step:
    """Matrices of layers read what the file stores for their class, each in proportion."""
    launches = list(step.launches)
    for kind in LAYER_CLASSES:
        mine = [i for i, x in enumerate(launches) if class_of(step.shape, x.op) == kind]
        counted = sum(launches[i].work.bytes_read for i in mine)
        stored, by_shape = classes[kind]["bytes"], counted
        if kind == "experts" and mine:  # a step touches a part of them
            one = expert_bytes(step.shape, step.types)
            by_shape = step.shape.layers * step.shape.experts * one
        before = 0  # rounded so that the sum is exact
        for i in mine:
            work = launches[i].work
            after = before + work.bytes_read
            read = after * stored // by_shape - before * stored // by_shape
            launches[i] = replace(launches[i], work=replace(work, bytes_read=read))
            before = after
    return replace(step, launches=launches)


def _ask(argument: str, flags: list[str]) -> dict[str, Any]:
    """What the measuring program prints; what it refuses is the user's to mend."""
    command = [str(paths.bench_program()), *flags]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotMeasure(f"cannot ask {command[0]} about {argument}: {error}") from None
    lines = done.stderr.strip().splitlines()
    if done.returncode == 3:
        raise UsageError(lines[-1].split("error: ", 1)[-1] if lines else f"{argument} was refused")
    if done.returncode:
        last = lines[-1] if lines else f"exit code {done.returncode}"
        raise CannotMeasure(f"{command[0]} cannot read {argument}: {last}")
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer
