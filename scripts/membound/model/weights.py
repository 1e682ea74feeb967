# SPDX-License-Identifier: Apache-2.0
"""Shape and types of a file of weights, as the measuring program, which alone parses it, says."""

import json
import subprocess
from pathlib import Path

from membound import paths
from membound.errors import CannotMeasure, UsageError
from membound.model.shape import Shape
from membound.model.types import Types

SECONDS = 120.0  # for a file on a slow disk


def is_file_of(argument: str) -> bool:
    """Whether `--model` names weights: a .gguf, or safetensors and the folder that holds them."""
    path = Path(argument)
    if path.is_dir():
        return any(path.glob("*.safetensors"))
    return path.suffix in (".gguf", ".safetensors") or path.name.endswith(".safetensors.index.json")


def read(argument: str, dtype: str | None, cache: str | None) -> tuple[Shape, Types, str]:
    """Shape, types, and the argument as the measuring program reads it from anywhere."""
    path = str(Path(argument).resolve())
    command = [str(paths.bench_program()), "--print-work", f"--model={path}"]
    command += [f"--dtype={dtype}"] if dtype else []
    command += [f"--cache={cache}"] if cache else []
    command += ["--batch=1", "--context=1", "--prefill=1"]
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
    printed = json.loads(done.stdout)
    return Shape.from_record(printed["model"]), Types(**printed["types"]), path
