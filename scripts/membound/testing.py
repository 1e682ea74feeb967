# SPDX-License-Identifier: Apache-2.0
"""Every test that this machine can run: C++, Python, sanitizers, emulated GPU, fuzzing."""

import os
import subprocess
import sys
from collections.abc import Callable

from membound import fuzzing, paths

# ThreadSanitizer is slow: in the short form only tests that run a team of threads, once each.
SHORT_THREADS = r"Loader\.|Journal\.(HoldsHeader|AWrongResult)|bench_check_odd_bf16$"
# Under AddressSanitizer: kernels of lesser instruction sets, and slow checks of quantised steps
# beside the odd shapes of `blocks`, are left to the long form.
LONG_ADDRESSES = r"_without_(AVX|avx|amx|ext)|(small|mixture)_q"
TIMED = "Hang"  # tests of a time limit, which that slowness exceeds


def run_all(long: bool) -> int:
    """0 when all passed, 1 when any failed; every suite runs in any case."""
    os.chdir(paths.ROOT)
    suites: dict[str, Callable[[], int]] = {
        "C++ tests (ctest)": lambda: _ctest("build"),
        "Python tests (pytest)": _pytest,
        "AddressSanitizer, UndefinedBehaviorSanitizer": lambda: _sanitized(
            "asan", *([] if long else ["-E", LONG_ADDRESSES])
        ),
        "ThreadSanitizer": lambda: _sanitized(
            "tsan", "-E", TIMED, *([] if long else ["-R", SHORT_THREADS])
        ),
        "ROCm kernels on the CPU (HIP-CPU)": _emulated,
        "fuzzing (libFuzzer)": lambda: fuzzing.run(long, _build),
    }
    failed = []
    for name, suite in suites.items():
        # Line by line, so that the headings stay above what they announce.
        print(f"== {name}", flush=True)
        if suite():
            failed.append(name)
    for name in failed:
        print(f"failed: {name}", flush=True)
    return 1 if failed else 0


def _ctest(folder: str, *chosen: str) -> int:
    command = ["ctest", "--test-dir", folder, "--output-on-failure", "--no-tests=error"]
    return subprocess.call([*command, *chosen])


def _pytest() -> int:
    return subprocess.call([sys.executable, "-m", "pytest", "tests/python"])


def _build(preset: str, *settings: str) -> int:
    """Configures and builds build/PRESET; shows the output only if it fails."""
    configure = ["cmake", "--preset", preset, *settings]
    for command in (configure, ["cmake", "--build", f"build/{preset}"]):
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode:
            print(built.stdout[-8000:], built.stderr[-8000:], sep="\n", flush=True)
            return built.returncode
    return 0


def _emulated() -> int:
    """Every GPU kernel run on the CPU, where HIP-CPU's headers are: they are not ours."""
    headers = os.environ.get("MEMBOUND_HIP_CPU_INCLUDE_DIR")
    if not headers:
        print("skipped: MEMBOUND_HIP_CPU_INCLUDE_DIR does not name HIP-CPU's headers", flush=True)
        return 0
    setting = f"-DMEMBOUND_HIP_CPU_INCLUDE_DIR={headers}"
    return _build("emulated", setting) or _ctest("build/emulated", "-R", r"^(emulated_|GpuKernels)")


def _sanitized(preset: str, *chosen: str) -> int:
    return _build(preset) or _ctest(f"build/{preset}", *chosen)
