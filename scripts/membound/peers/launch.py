# SPDX-License-Identifier: Apache-2.0
"""One process of membound or of a peer: what it runs, and what its output says."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from membound.peers.works import Work

SAFETY = 4  # footprint over last-level cache: less may be served from caches


class Unreadable(Exception):
    """The output does not have what it should; the text says what is missing."""


@dataclass(frozen=True)
class Setting:
    """The machine as membound sees it; every side gets the same cores and footprint."""

    threads: int  # one for each allowed core
    cpus: tuple[int, ...]  # that this process, and so each that it starts, may run on
    threads_per_core: int  # hardware threads allowed, over cores allowed
    llc_bytes: int
    footprint_bytes: int  # of all arrays of a kernel together
    transparent_huge_pages: str  # always, madvise, never or unknown

    def omp(self) -> dict[str, str]:
        """Environment of an OpenMP peer: a thread on each core, huge pages where they can be had.

        OMP_PLACES counts cores within the inherited affinity. glibc asks for huge pages itself
        when told to (2.35 and later); static arrays do not go through it.
        """
        return {
            "OMP_NUM_THREADS": str(self.threads),
            "OMP_PROC_BIND": "close",
            "OMP_PLACES": "cores",
            **self.malloc(),
        }

    def malloc(self) -> dict[str, str]:
        return {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


@dataclass(frozen=True)
class Kernel:
    """One loop of one side. `dtype` is the kernel's own, `work` what it is compared as."""

    side: str
    name: str
    work: Work
    dtype: str


@dataclass(frozen=True)
class Value:
    """Bytes/s or flop/s of one process; footprint of the kernel's arrays where memory matters."""

    mean: float | None
    best: float | None
    footprint_bytes: int | None = None
    footprint_ok: bool = True
    bus_rate: float | None = None  # if its bytes came at the cold read rate of the same process


@dataclass(frozen=True)
class Reading:
    """What one output says; values by the kernel's name."""

    values: dict[str, Value]
    passes_per_second: float | None = None
    version: str | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """A command ready to start; it may be ended as soon as its output is `enough`."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    enough: Callable[[str], bool] | None = None
    journal: Path | None = None


class Launch(ABC):
    """A process that measures one or several kernels; started afresh in every round."""

    def __init__(self, side: str, kernels: list[Kernel]) -> None:
        self.side = side
        self.kernels = kernels
        self.key = f"{side} {'+'.join(kernel.name for kernel in kernels)}"
        self.passes_per_second: float | None = None  # learnt in the qualifying round

    @abstractmethod
    def job(self, seconds: float) -> Job:
        """To measure each kernel for about `seconds`, where the program lets that be chosen."""

    @abstractmethod
    def read(self, job: Job, output: str) -> Reading:
        """Raises Unreadable."""

    def passes(self, seconds: float, fewest: int, unknown: int) -> int:
        """Passes over the arrays that take `seconds`; `unknown` before the speed is known."""
        if self.passes_per_second is None:
            return unknown
        return max(fewest, round(seconds * self.passes_per_second))


def footprint_ok(footprint_bytes: int, setting: Setting) -> bool:
    return footprint_bytes >= SAFETY * setting.llc_bytes
