# SPDX-License-Identifier: Apache-2.0
"""Who runs: a qualifying round of every candidate, then shuffled rounds of the best few."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from membound.peers.execute import execute
from membound.peers.launch import Kernel, Launch, Unreadable, Value
from membound.peers.works import Work

KEPT = 2  # kernels of one side for one work that enter the rounds,
WITHIN = 0.03  # if they came this close to the side's best in the qualifying round


@dataclass
class Start:
    """What one process gave; without values `reason` says why."""

    key: str
    seconds: float
    command: list[str]
    values: dict[str, Value] = field(default_factory=dict)
    reason: str = ""
    version: str | None = None
    marks: tuple[str, ...] = ()
    steal_fraction: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        kept = {name: vars(value) for name, value in self.values.items()}
        return {**vars(self), "values": kept, "marks": list(self.marks)}


@dataclass
class Contest:
    """The launches still in it, and all that was seen; valid after every process."""

    timeout_seconds: float
    tell: Callable[[Start], None]
    launches: list[Launch] = field(default_factory=list)
    qualifying: list[Start] = field(default_factory=list)
    rounds: list[list[Start]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)  # by the launch's key

    def start(self, launch: Launch, seconds: float) -> Start:
        job = launch.job(seconds)
        outcome = execute(job, self.timeout_seconds)
        done = Start(launch.key, outcome.seconds, job.command, reason=outcome.reason)
        done.steal_fraction = outcome.steal_fraction
        if not outcome.reason:
            try:
                reading = launch.read(job, outcome.output)
            except Unreadable as error:
                done.reason = f"unreadable: {error}"
            else:
                done.values = reading.values
                done.version, done.marks = reading.version, reading.marks
                launch.passes_per_second = launch.passes_per_second or reading.passes_per_second
        if done.reason:
            self.failures[launch.key] = done.reason
        self.tell(done)
        return done

    def qualify(self, candidates: list[Launch], seconds: float, own: str) -> None:
        """One process of each; keeps those with a side's best kernel for a work of both sides."""
        for launch in candidates:
            self.qualifying.append(self.start(launch, seconds))
        kept = self._best(candidates)
        ours, theirs = ({k.work for k in kept if (k.side == own) == mine} for mine in (True, False))
        kept = {kernel for kernel in kept if kernel.work in ours & theirs}
        self.launches = [launch for launch in candidates if any(k in kept for k in launch.kernels)]

    def _best(self, candidates: list[Launch]) -> set[Kernel]:
        rates: dict[tuple[str, Work], list[tuple[float, Kernel]]] = {}
        for launch, start in zip(candidates, self.qualifying, strict=True):
            for kernel in launch.kernels:
                if value := start.values.get(kernel.name):
                    rate = value.mean or value.best or 0.0
                    rates.setdefault((kernel.side, kernel.work), []).append((rate, kernel))
        kept = set()
        for found in rates.values():
            found.sort(key=lambda entry: -entry[0])
            kept |= {k for rate, k in found[:KEPT] if rate >= (1 - WITHIN) * found[0][0]}
        return kept

    def play(self, seconds: float, shuffler: random.Random) -> None:
        """One round: a fresh process of every launch, in an order of its own.

        Launches of one work follow one another, so that what is compared is measured within
        seconds: a neighbour on the memory bus may come or go within a minute.
        A launch that fails is not started again: a hang would cost its timeout in every round.
        """
        order = [launch for launch in self.launches if launch.key not in self.failures]
        shuffler.shuffle(order)
        works = list(dict.fromkeys(launch.kernels[0].work for launch in order))
        order.sort(key=lambda launch: works.index(launch.kernels[0].work))
        seen: list[Start] = []
        self.rounds.append(seen)
        for launch in order:
            seen.append(self.start(launch, seconds))
