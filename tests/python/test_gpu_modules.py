# SPDX-License-Identifier: Apache-2.0
"""The GPU modules that were built: they load, say why they have no device, and stop nobody.

And what their compilers made of the kernels, by the tools of the vendors where they are here: every
kernel of the modules is looked at, also those that come later.
"""

import json
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "build" / "membound-bench"
MODULES = ROOT / "build" / "backends"
CUOBJDUMP = shutil.which("cuobjdump") or "/usr/local/cuda/bin/cuobjdump"
BUNDLE = b"__CLANG_OFFLOAD_BUNDLE__"

# Benches that wait for memory, as names of functions and files have them: of each at least one
# kernel loads 16 bytes at a time. Others may be for lengths that such loads don't divide.
STREAMS = re.compile(r"(triad|read|gemv)", re.IGNORECASE)
# Kernels with tiles of a matrix unit.
TILES = re.compile(r"(mma|mfma|matrix)", re.IGNORECASE)
# Products and attention have variants for odd shapes, so their local memory has a test of its own.
VARIED = re.compile(r"attend|units|dots|integers|tiles")


def narrow(kernels: dict[str, str], wide_load: str) -> list[str]:
    """Of STREAMS those of which no kernel loads 16 bytes at a time."""
    widths: dict[str, bool] = {}
    for name, code in kernels.items():
        if match := STREAMS.search(name):
            key = f"{name.split()[0]} {match[1]}"
            widths[key] = widths.get(key, False) or re.search(wide_load, code) is not None
    assert widths
    return [name for name, wide in widths.items() if not wide]


def run(*command: object) -> str:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=True
    ).stdout


def module(name: str) -> Path:
    path = MODULES / f"{name}.so"
    if not path.exists():
        pytest.skip(f"the {name} module is not built here")
    return path


@pytest.mark.parametrize("name", ["cuda", "rocm"])
def test_a_module_without_a_device_says_why(name: str) -> None:
    module(name)
    (found,) = [b for b in json.loads(run(BENCH, "--list"))["backends"] if b["name"] == name]
    assert found["loaded"], found["reason"]
    assert found["architectures"]
    assert bool(found["reason"]) == (found["devices"] == 0)


def test_the_cpu_is_measured_beside_them(tmp_path: Path) -> None:
    if not BENCH.exists():
        pytest.skip("no build of the project here: run ./membound test")
    journal = tmp_path / "journal.jsonl"
    run(BENCH, "--check", "--benchmark_filter=overhead/launch")
    flags = ["--suite=ceilings", "--benchmark_filter=overhead/launch/none/cpu", f"--out={journal}"]
    run(BENCH, *flags, "--min-samples=1", "--max-samples=1", "--sample-seconds=0.01")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert {line["device"] for line in lines if line["type"] == "sample"} == {"cpu:0"}
    assert lines[-1]["type"] == "end" and lines[-1]["exit_code"] == 0


@cache
def cuda_kernels() -> dict[str, str]:
    """SASS of each kernel of the module, by architecture and demangled name."""
    path = module("cuda")
    if not Path(CUOBJDUMP).exists():
        pytest.skip("no cuobjdump here")
    found, architecture, name = {}, "", ""
    for line in run(CUOBJDUMP, "-sass", path).splitlines():
        if match := re.search(r"code for (sm_\d+)", line):
            architecture = match[1]
        elif match := re.search(r"Function : (\S+)", line):
            name = f"{architecture} {match[1]}"
            found[name] = ""
        elif name:
            found[name] += line + "\n"
    assert found, "no kernel in the module"
    return found


def code_objects(path: Path) -> Iterator[tuple[str, bytes]]:
    """Architecture and ELF of each code object in the bundles of a HIP module."""
    data = path.read_bytes()
    start = data.find(BUNDLE)
    while start >= 0:
        at = start + len(BUNDLE)
        (count,) = struct.unpack_from("<Q", data, at)
        at += 8
        for _ in range(count):
            offset, size, length = struct.unpack_from("<QQQ", data, at)
            target = data[at + 24 : at + 24 + length].decode()
            at += 24 + length
            if "amdgcn" in target:
                yield target.rsplit("-", 1)[-1], data[start + offset : start + offset + size]
        start = data.find(BUNDLE, at)


@cache
def rocm_kernels(folder: Path) -> dict[str, str]:
    """As cuda_kernels(), with the registers' notes of a code object before its instructions."""
    path = module("rocm")
    tools = [
        next((t for v in range(22, 13, -1) if (t := shutil.which(f"{name}-{v}"))), None)
        for name in ("llvm-objdump", "llvm-readelf")
    ]
    if None in tools:
        pytest.skip("no llvm-objdump and llvm-readelf here")
    found: dict[str, str] = {}
    for number, (architecture, code) in enumerate(code_objects(path)):
        file = folder / f"{number}.{architecture}.elf"
        file.write_bytes(code)
        name = ""
        for line in run(tools[0], "-d", file).splitlines():
            if match := re.match(r"[0-9a-f]+ <(\w+)>:", line):
                name = f"{architecture} {match[1]}"
                found[name] = ""
            elif name:
                found[name] += line + "\n"
        for notes in run(tools[1], "--notes", file).split("- .agpr_count")[1:]:
            kernel = re.search(r"\.symbol:\s+'?(\w+)\.kd", notes)
            if kernel:
                found[f"{architecture} {kernel[1]}"] += "notes" + notes
    if not found:
        pytest.skip("the module is the emulated device")
    return found


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("code")


def test_no_cuda_kernel_uses_local_memory() -> None:
    spilling = [name for name, sass in cuda_kernels().items() if re.search(r"\b(STL|LDL)\b", sass)]
    assert [name for name in spilling if not VARIED.search(name)] == []


def test_cuda_streams_load_sixteen_bytes() -> None:
    assert narrow(cuda_kernels(), r"LDG\S*\.128") == []


def test_cuda_tiles_are_multiplied_by_matrix_units() -> None:
    tiles = {name: sass for name, sass in cuda_kernels().items() if TILES.search(name)}
    if not tiles:
        pytest.skip("no kernel with tiles in the cuda module")
    assert [name for name, sass in tiles.items() if not re.search(r"[HQI]G?MMA", sass)] == []


def test_no_rocm_kernel_uses_scratch_memory(scratch: Path) -> None:
    wrong = [
        name
        for name, text in rocm_kernels(scratch).items()
        if re.search(r"\.(vgpr_spill_count|private_segment_fixed_size):\s+[1-9]", text)
        or "scratch_store" in text
    ]
    assert [name for name in wrong if not VARIED.search(name)] == []


def test_rocm_streams_load_sixteen_bytes(scratch: Path) -> None:
    assert narrow(rocm_kernels(scratch), "load_dwordx4") == []


def test_rocm_tiles_are_multiplied_by_matrix_cores(scratch: Path) -> None:
    tiles = {name: text for name, text in rocm_kernels(scratch).items() if TILES.search(name)}
    if not tiles:
        pytest.skip("no kernel with tiles in the rocm module")
    assert [name for name, text in tiles.items() if "v_mfma" not in text] == []
