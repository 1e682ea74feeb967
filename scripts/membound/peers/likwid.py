# SPDX-License-Identifier: Apache-2.0
"""likwid-bench: assembly kernels in every vector width, with ordinary and non-temporal stores.

All variants that this CPU can run are candidates. Its report is the mean over all passes.
Bytes are taken from the report's data volume, scaled from the load and store bytes per element
that the report declares to those of the definition in `works.py` (they agree so far).
"""

import re
import subprocess
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
from membound.peers.works import ELEMENT_BYTES, WORDS, work

NAME = "likwid-bench"
PROGRAMS = ("likwid-bench",)
FAMILIES = {
    "load": "read",
    "store": "write",
    "copy": "copy",
    "stream": "triad",
    "ddot": "dot",
    "update": "update",
    "peakflops": "fma",
}
_KERNEL = re.compile(
    rf"(?P<family>{'|'.join(FAMILIES)})(?P<sp>_sp)?(_mem)?(?P<isa>_sse|_avx512|_avx)?(?P<fma>_fma)?"
)
_FLAGS = {"_avx": {"avx"}, "_avx512": {"avx512f"}, "_sse": {"sse2"}}
FMA_BYTES_PER_THREAD = 16_000  # in every L1, a multiple of each kernel's stride
FEWEST_PASSES, UNKNOWN_PASSES, UNKNOWN_FMA_PASSES = 3, 3, 20_000


def kernels(side: str, listed: str, cpu_flags: frozenset[str]) -> list[Kernel]:
    """Of `likwid-bench -a`: those that do a work of ours and that this CPU has instructions for."""
    found = []
    for line in listed.splitlines():
        name = line.split(" - ", 1)[0].strip()
        matched = _KERNEL.fullmatch(name) if " - " in line else None
        if matched is None:
            continue
        needed = _FLAGS.get(matched["isa"], set()) | ({"fma"} if matched["fma"] else set())
        if needed <= cpu_flags:
            dtype = "f32" if matched["sp"] else "f64"
            found.append(Kernel(side, name, work(FAMILIES[matched["family"]], dtype), dtype))
    return found


class LikwidLaunch(Launch):
    """One kernel; `-W` has each thread touch its own part first, in the domain of all CPUs."""

    def __init__(self, program: Path, kernel: Kernel, setting: Setting) -> None:
        super().__init__(kernel.side, [kernel])
        self._program, self._kernel, self._setting = program, kernel, setting

    def job(self, seconds: float) -> Job:
        setting, fma = self._setting, self._kernel.work.name == "fma"
        size = FMA_BYTES_PER_THREAD * setting.threads if fma else setting.footprint_bytes
        group = f"N:{-(-size // 1000)}kB:{setting.threads}"
        if setting.threads_per_core > 1:
            # Hardware threads of a core are neighbours in likwid's list: take one of each.
            group += f":1:{setting.threads_per_core}"
        passes = self.passes(seconds, FEWEST_PASSES, UNKNOWN_FMA_PASSES if fma else UNKNOWN_PASSES)
        command = [str(self._program), "-t", self._kernel.name, "-i", str(passes), "-W", group]
        return Job(command, setting.malloc())

    def read(self, job: Job, output: str) -> Reading:
        name, dtype = self._kernel.work.name, self._kernel.dtype
        seconds = _number(output, "Time")
        passes = _number(output, "Iterations per thread")
        if name == "fma":
            value = Value(_number(output, "Number of Flops") / seconds, None)
        else:
            declared = _number(output, "Load bytes per element") + _number(
                output, "Store bytes per elem."
            )
            scale = sum(WORDS[name]) * ELEMENT_BYTES[dtype] / declared
            volume = _number(output, "Data volume (Byte)") * scale
            size = int(_number(output, "Size (Byte)"))
            value = Value(volume / seconds, None, size, footprint_ok(size, self._setting))
        return Reading({self._kernel.name: value}, passes / seconds)


def _number(output: str, label: str) -> float:
    found = re.search(rf"^{re.escape(label)}:\s*([0-9.]+(?:e[+-]?[0-9]+)?)", output, re.MULTILINE)
    try:
        value = float(found.group(1)) if found else -1.0
    except ValueError:
        value = -1.0
    if value < 0 or (value == 0 and label == "Time"):
        raise Unreadable(f"no '{label}' in its output")
    return value


def find(side: str, program: Path, setting: Setting) -> tuple[list[Launch], str | None]:
    """Its kernels as launches, and its version."""
    listed = _ask(program, "-a")
    flags = re.search(r"^(?:flags|Features)\s*:(.*)", _cpuinfo(), re.MULTILINE)
    known = frozenset(flags.group(1).split()) if flags else frozenset()
    version = re.search(r"Version\s+(\S+)", _ask(program, "-v"))
    launches = [LikwidLaunch(program, kernel, setting) for kernel in kernels(side, listed, known)]
    if not launches:
        raise Unreadable(f"{program} -a lists no kernel that membound knows")
    return list(launches), version.group(1) if version else None


def _ask(program: Path, flag: str) -> str:
    try:
        done = subprocess.run(
            [str(program), flag],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreadable(f"{program} {flag}: {error}") from None
    return done.stdout


def _cpuinfo() -> str:
    return Path("/proc/cpuinfo").read_text(errors="replace")
