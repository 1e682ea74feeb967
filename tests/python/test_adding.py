# SPDX-License-Identifier: Apache-2.0
"""Adding a bench or a backend is one new folder and no edit elsewhere: docs/adding.md, proven."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "tests" / "examples"
SOURCES = ["CMakeLists.txt", "cmake", "backends", "benches", "results/catalogue"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scratch copy of the sources with both example folders in it, built."""
    if not (ROOT / "build" / "membound-bench").exists():
        pytest.skip("no build of the project here: run ./membound test")
    copy = tmp_path_factory.mktemp("adding")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name)
        else:
            shutil.copy(source, copy / name)
    shutil.copytree(EXAMPLES / "bench" / "negate", copy / "benches" / "bandwidth" / "negate")
    shutil.copytree(EXAMPLES / "backend" / "host", copy / "backends" / "host")
    # The kernels of a transformer take most of the build and are not the question here.
    for kernel in (copy / "benches" / "inference").rglob("*.cpu.cpp"):
        kernel.unlink()
    configure = ["cmake", "-S", ".", "-B", "build", "-G", "Ninja", "-DMEMBOUND_TESTS=OFF"]
    configure += ["-DMEMBOUND_CUDA=OFF", "-DMEMBOUND_ROCM=OFF"]
    for command in (configure, ["cmake", "--build", "build"]):
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return copy / "build" / "membound-bench"


def run(bench: Path, *flags: str) -> str:
    return subprocess.run([bench, *flags], capture_output=True, text=True, check=True).stdout


def test_both_are_found_in_the_list(built: Path) -> None:
    listed = json.loads(run(built, "--list"))
    benches = {bench["name"]: bench["devices"] for bench in listed["benches"]}
    assert benches["bandwidth/negate"] == ["cpu:0"]
    backends = {backend["name"]: backend for backend in listed["backends"]}
    assert backends["host"]["devices"] == 1
    assert benches["overhead/launch"] == ["cpu:0", "host:0"]


def test_both_measure_with_checked_results(built: Path) -> None:
    flags = ["--device=cpu:0", "--profile=full", "--benchmark_filter=negate.*/bytes:65536"]
    rows = [line.split()[0] for line in run(built, *flags).splitlines() if "GB/s" in line]
    # One for each kernel that the folder holds: ordinary stores hot and cold, the others cold.
    names = ["f32/mode:hot/bytes:65536", "f32/mode:cold/bytes:65536"]
    names.append("f64/mode:cold/bytes:65536/store:nt")
    assert rows == [f"bandwidth/negate/{name}" for name in names]
    launch = run(built, "--device=host:0", "--benchmark_filter=launch")
    assert " us" in launch


def test_a_stream_bench_is_at_most_60_lines() -> None:
    streams = ["write", "copy", "scale", "add", "triad", "dot", "update"]
    folders = [ROOT / "benches" / "bandwidth" / name for name in streams]
    for folder in (*folders, EXAMPLES / "bench" / "negate"):
        lines = sum(len(path.read_text().splitlines()) for path in folder.iterdir())
        assert lines <= 60, f"{folder.name}: {lines} lines"
