# SPDX-License-Identifier: Apache-2.0
"""Rounds become ratios: for each work and peer its best kernel beside our best."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from membound.peers import ratios
from membound.peers.contest import Contest, Start
from membound.peers.launch import Kernel, Value
from membound.peers.ours import SIDE
from membound.peers.works import WORDS, Work

EQUAL = 0.97  # a lower bound from here counts as equal or faster
MOST_STEAL = 0.05  # of a process's time; it shows in the rate


@dataclass(frozen=True)
class Row:
    """One ratio; rates in bytes/s, flop/s or tokens/s, medians over `rounds`."""

    work: str
    dtype: str
    model: str  # of a step, else empty
    unit: str
    peer: str
    peer_kernel: str
    peer_dtype: str
    our_kernel: str
    our_rate: float
    peer_rate: float
    ratio: float
    interval95: tuple[float, float]
    paired_ratio: float  # median of the rounds' own ratios
    paired_interval95: tuple[float, float]
    rounds: int
    statistic: str  # of passes within one process: mean, or best where the peer tells no mean
    best_peer: bool  # of this work
    marks: list[str]
    # Of a decode: parts of the rate that the cold read of our processes allows, round by round.
    our_bus_fraction: float | None = None
    peer_bus_fraction: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Results:
    """The contest's values by kernel."""

    def __init__(self, contest: Contest, kernels: Sequence[Kernel]) -> None:
        self._contest = contest
        self._rounds = [_by_key(starts) for starts in contest.rounds]
        self._kernels = kernels
        self._keys = {k: launch.key for launch in contest.launches for k in launch.kernels}

    def rows(self) -> list[Row]:
        """Works in the order of their names' list, the peer that is hardest to beat first."""
        rows = []
        for compared in dict.fromkeys(kernel.work for kernel in self._kernels):
            sides = dict.fromkeys(k.side for k in self._kernels if k.work == compared)
            found = [row for side in sides if side != SIDE and (row := self._row(compared, side))]
            found.sort(key=lambda row: row.ratio)
            rows += [
                Row(**{**vars(row), "best_peer": number == 0}) for number, row in enumerate(found)
            ]
        return rows

    def _row(self, compared: Work, side: str) -> Row | None:
        mine, theirs = self._side(compared, SIDE), self._side(compared, side)
        statistic = "mean" if all(v.mean for s in theirs.values() for v in s.values()) else "best"
        our_kernel, peer_kernel = _best(mine, statistic), _best(theirs, statistic)
        if our_kernel is None or peer_kernel is None:
            return None
        ours, peers = mine[our_kernel], theirs[peer_kernel]
        both = sorted(set(ours) & set(peers))
        if not both:
            return None
        pairs = [(_rate(ours[i], statistic), _rate(peers[i], statistic)) for i in both]
        series = [a for a, _ in pairs], [b for _, b in pairs]
        found, paired = ratios.ratio_of_medians(*series), ratios.median_of_ratios(*series)
        marks = self._marks(our_kernel, peer_kernel, ours, peers, statistic, len(both))
        bus = [ours[i].bus_rate for i in both]
        return Row(
            work=compared.name,
            dtype=compared.dtype,
            model=compared.model,
            unit=compared.unit,
            peer=side,
            peer_kernel=peer_kernel.name,
            peer_dtype=peer_kernel.dtype,
            our_kernel=our_kernel.name,
            our_rate=statistics.median(a for a, _ in pairs),
            peer_rate=statistics.median(b for _, b in pairs),
            ratio=found.ratio,
            interval95=(found.low, found.high),
            paired_ratio=paired.ratio,
            paired_interval95=(paired.low, paired.high),
            rounds=len(both),
            statistic=statistic,
            best_peer=False,
            marks=marks,
            our_bus_fraction=_fraction(series[0], bus),
            peer_bus_fraction=_fraction(series[1], bus),
        )

    def _side(self, compared: Work, side: str) -> dict[Kernel, dict[int, Value]]:
        """Values of one side's kernels by the number of the round."""
        found: dict[Kernel, dict[int, Value]] = {}
        for kernel, key in self._keys.items():
            if kernel.side == side and kernel.work == compared:
                for number, starts in enumerate(self._rounds):
                    value = starts[key].values.get(kernel.name) if key in starts else None
                    if value:
                        found.setdefault(kernel, {})[number] = value
        return found

    def _marks(
        self,
        our_kernel: Kernel,
        kernel: Kernel,
        ours: dict[int, Value],
        peers: dict[int, Value],
        statistic: str,
        rounds: int,
    ) -> list[str]:
        """What a reader must know beside the ratio."""
        marks = []
        if kernel.work.name in (*WORDS, "decode"):
            if not all(value.footprint_ok for value in ours.values()):
                marks.append("our footprint < 4x LLC")
            if not all(value.footprint_ok for value in peers.values()):
                marks.append("peer's footprint < 4x LLC")
        if kernel.dtype != kernel.work.dtype:
            marks.append(f"peer moves {kernel.dtype}")
        if statistic == "best":
            marks.append("best of passes, not mean")
        key = self._keys[kernel]
        marks += sorted({m for starts in self._rounds if key in starts for m in starts[key].marks})
        if rounds < ratios.FEWEST_ROUNDS:
            marks.append(f"{rounds} rounds: interval too narrow")
        for whose, one in (("ours", our_kernel), ("peer", kernel)):
            if disturbed := self._disturbed(one):
                marks.append(f"{whose} disturbed by the hypervisor in {disturbed} rounds")
        if key in self._contest.failures:
            marks.append(f"then failed: {self._contest.failures[key]}")
        return marks

    def _disturbed(self, kernel: Kernel) -> int:
        """Rounds in which the hypervisor took much of this kernel's time away."""
        key = self._keys[kernel]
        return sum(
            key in starts and starts[key].steal_fraction > MOST_STEAL for starts in self._rounds
        )


def _by_key(starts: list[Start]) -> dict[str, Start]:
    return {start.key: start for start in starts}


def _rate(value: Value, statistic: str) -> float:
    return (value.mean if statistic == "mean" else value.best) or value.best or value.mean or 0.0


def _fraction(rates: Sequence[float], bus: Sequence[float | None]) -> float | None:
    found = [rate / most for rate, most in zip(rates, bus, strict=True) if most]
    return statistics.median(found) if found else None


def _best(side: dict[Kernel, dict[int, Value]], statistic: str) -> Kernel | None:
    """The highest median. Taking the better of two leans towards that side; it does for both."""
    if not side:
        return None
    return max(side, key=lambda k: statistics.median(_rate(v, statistic) for v in side[k].values()))


def verdict(row: Row) -> str:
    """One line on the best peer's best kernel of one work."""
    low, high = row.interval95
    compared = Work(row.work, row.dtype, row.model)
    peer_rate, our_rate = row.peer_rate / compared.scale, row.our_rate / compared.scale
    rate = f"{peer_rate:.1f} {row.unit}, ours {our_rate:.1f}"
    if low > 1:
        found = f"faster by {100 * (row.ratio - 1):.1f} %"
    elif low >= EQUAL:
        found = "equal or faster"
    elif row.ratio < EQUAL:
        found = f"slower by {100 * (1 - row.ratio):.1f} %"
    else:
        found = f"undecided: may be slower by {100 * (1 - low):.1f} %"
    bound = "is" if low >= EQUAL else "is not"
    bus = ""
    if row.our_bus_fraction and row.peer_bus_fraction:
        bus = (
            f"; of what the cold read in the same rounds allows ours reaches "
            f"{row.our_bus_fraction:.2f}, the peer {row.peer_bus_fraction:.2f}: no reader of these "
            f"bytes could be more than {1 / row.peer_bus_fraction:.2f} times as fast as it"
        )
    return (
        f"{compared}: best peer kernel {row.peer} {row.peer_kernel} {rate}: {found} "
        f"({row.ratio:.3f}, 95 % {low:.3f} to {high:.3f}; lower bound {bound} >= {EQUAL}; "
        f"round by round {row.paired_ratio:.3f}, 95 % {row.paired_interval95[0]:.3f} to "
        f"{row.paired_interval95[1]:.3f}){bus}"
    )
