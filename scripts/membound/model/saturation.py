# SPDX-License-Identifier: Apache-2.0
"""Whether the read rate is the memory's own, or that of the bytes its users keep in flight.

By Little's law a rate is bytes in flight over latency. Memory is shown to be the cap only where
neither more units nor more bytes in flight for each of them raise the rate any further.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from membound.model.machine import CACHE_LINE_BYTES, Ceilings, Reading
from membound.statistics import ratio_interval95

SATURATED_BELOW = 1.03  # more of something that raises the rate by less no longer helps


@dataclass(frozen=True)
class Gain:
    """The rate with more of something over the rate with less, with a 95 % interval."""

    less: Reading
    more: Reading
    ratio: float
    interval95: tuple[float, float]

    @property
    def flat(self) -> bool | None:
        """None where the interval holds the threshold: then nothing is shown."""
        low, high = self.interval95
        if high < SATURATED_BELOW:
            return True
        return False if low >= SATURATED_BELOW else None

    @property
    def percent(self) -> str:
        return f"{(self.ratio - 1) * 100:.1f} %"

    def as_dict(self) -> dict[str, Any]:
        return {
            "less": self.less.bench,
            "more": self.more.bench,
            "gain": self.ratio,
            "interval95": list(self.interval95),
            "flat": self.flat,
        }


@dataclass(frozen=True)
class Saturation:
    """`units` gains from fewer to all units, `flight` from few to many bytes in flight."""

    fewer: int
    all_units: int
    units: Gain | None
    flight: Gain | None

    @property
    def shown(self) -> bool | None:
        """True: neither helps. False: one does. None: not measured, or too noisy to tell."""
        flats = [gain.flat if gain else None for gain in (self.units, self.flight)]
        if False in flats:
            return False
        return True if flats == [True, True] else None

    def as_dict(self) -> dict[str, Any]:
        return {
            "shown": self.shown,
            "fewer": self.fewer or None,
            "units": self.all_units,
            "gain": self.units.ratio if self.units else None,
            "over_units": self.units.as_dict() if self.units else None,
            "over_flight": self.flight.as_dict() if self.flight else None,
        }


def saturation(ceilings: Ceilings) -> Saturation | None:
    """None when neither axis was measured: then nothing can be said."""
    all_units = ceilings.compute_units or 0
    fewer, units = _over_units(ceilings, all_units)
    flight = _over_flight(ceilings, all_units)
    return Saturation(fewer, all_units, units, flight) if units or flight else None


def flight_bytes(reading: Reading) -> int:
    """Bytes that one unit of a saturation point asks for ahead: streams x prefetch distance."""
    keys = reading.keys
    return keys.get("streams", 1) * max(CACHE_LINE_BYTES, keys.get("ahead", 0))


def _over_units(ceilings: Ceilings, all_units: int) -> tuple[int, Gain | None]:
    """Best of the grid with all units over its best with fewer; else the same of the read bench.

    Leaving out one unit of many proves nothing, so at least a quarter must be left out.
    """
    for readings in (ceilings.grid, _alike(ceilings.reads)):
        fewer = max((n for r in readings if (n := _threads(r, all_units)) <= 0.75 * all_units),
                    default=0)  # fmt: skip
        less = [r for r in readings if _threads(r, all_units) == fewer]
        more = [r for r in readings if _threads(r, all_units) == all_units]
        if fewer and more:
            return fewer, _gain(less, more)
    return 0, None


def _over_flight(ceilings: Ceilings, all_units: int) -> Gain | None:
    """With all units: the best over the best with at most half of the most bytes in flight.

    The read bench counts as one that keeps few. Random lines have caps of their own: they cannot
    show that memory is the cap, but a rate above every read's shows that it is not.
    """
    full = [r for r in ceilings.grid if _threads(r, all_units) == all_units]
    plain = [r for r in _alike(ceilings.reads) if "threads" not in r.keys]
    chains = [r for r in ceilings.chains if _threads(r, all_units) == all_units]
    most = max((flight_bytes(r) for r in full), default=0)
    less = plain + [r for r in full if flight_bytes(r) <= most / 2]
    more = [r for r in full if flight_bytes(r) > most / 2]
    if not less:
        return None
    found = _gain(less, more + less) if more else None
    if chains:
        beyond = _gain(full + plain, chains)
        if beyond.flat is False and (found is None or beyond.ratio > found.ratio):
            return beyond
    return found


def _alike(reads: Sequence[Reading]) -> list[Reading]:
    """Reads of the largest size that was measured with fewer units too, else of the largest."""
    sizes = {r.keys["bytes"] for r in reads if "threads" in r.keys}
    sizes &= {r.keys["bytes"] for r in reads if "threads" not in r.keys}
    wanted = max(sizes or {r.keys["bytes"] for r in reads}, default=0)
    return [r for r in reads if r.keys["bytes"] == wanted]


def _threads(reading: Reading, all_units: int) -> int:
    return reading.keys.get("threads", all_units)


def _gain(less: Sequence[Reading], more: Sequence[Reading]) -> Gain:
    low, high = (max(readings, key=lambda r: r.rate) for readings in (less, more))
    if low is high:
        return Gain(low, high, 1.0, (1.0, 1.0))
    # Rates are sizes over seconds: the ratio of seconds, low over high, at equal bytes.
    scale = high.size / low.size
    ends = ratio_interval95(low.samples, high.samples)
    return Gain(low, high, high.rate / low.rate, (ends[0] * scale, ends[1] * scale))
