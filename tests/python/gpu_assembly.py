# SPDX-License-Identifier: Apache-2.0
"""What compilers make of kernel files, where they are found: no GPU is needed."""

import functools
import re
import shutil
import subprocess
from pathlib import Path

from conftest import ROOT

HIPCC = shutil.which("hipcc")
NVCC = shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")


def run(command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command.split(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def demangled(name: str) -> str:
    """Of a kernel, without its namespaces and parameters."""
    short = (
        run(f"c++filt {name}")
        .stdout.replace("membound::gpu::", "")
        .replace("(anonymous namespace)::", "")
    )
    return short.split("(")[0].removeprefix("void ").strip()


@functools.cache
def amd(source: Path, architecture: str) -> dict[str, str]:
    """Kernel to its assembly."""
    done = run(
        f"{HIPCC} -x hip --offload-arch={architecture} -std=c++20 -O3 -DNDEBUG -S"
        f" --cuda-device-only -I{ROOT} -I{ROOT}/backends/rocm -o - {source}"
    )
    parts = re.split(r"\n\t\.globl\t", done.stdout)[1:]
    return {demangled(part.split()[0]): part for part in parts}


@functools.cache
def nvidia(source: Path, architecture: str, scratch: Path) -> dict[str, str]:
    """Kernel to what the assembler says of its registers and local memory."""
    done = run(
        f"{NVCC} -arch={architecture} -std=c++20 -O3 -Xptxas -v -cubin"
        f" -I{ROOT} -I{ROOT}/backends/cuda -o {scratch}/kernels.cubin {source}"
    )
    parts = re.split(r"Compiling entry function '(\w+)'", done.stderr)[1:]
    return {demangled(name): said for name, said in zip(parts[::2], parts[1::2], strict=True)}
