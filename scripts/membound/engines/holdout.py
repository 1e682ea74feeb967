# SPDX-License-Identifier: Apache-2.0
"""Which points are left out of a fit together, and what the fit then says about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from membound.engines import fit
from membound.engines.fit import Design, Fit, Predictions
from membound.engines.points import Point

NEWEST_HBM = ("HBM3E", "HBM4", "HBM4E")
UNITS: dict[str, Callable[[Point], str]] = {
    "device": lambda point: point.work.device.name,
    "model": lambda point: point.work.architecture.name,
    "source": lambda point: point.row.source,
}


@dataclass
class Left:
    """Predictions of points that the fit had not seen; NaN where a point was not left out."""

    name: str
    unit: list[str]
    log_seconds: np.ndarray
    sigma: np.ndarray
    shares: np.ndarray

    @classmethod
    def empty(cls, name: str, points: Sequence[Point], terms: int) -> "Left":
        one, two = np.full((2, len(points)), np.nan)
        unit_of = UNITS.get(name)
        units = [unit_of(point) if unit_of else name for point in points]
        return cls(name, units, one, two, np.full((len(points), terms), np.nan))

    def take(self, where: np.ndarray, found: Predictions) -> None:
        for name in ("log_seconds", "sigma", "shares"):
            getattr(self, name)[where] = getattr(found, name)[where]


def one_by_one(
    name: str, points: Sequence[Point], design: Design, full: Fit, scored: np.ndarray
) -> Left:
    """Leave out each device, model or source that has scored points, one after the other."""
    left = Left.empty(name, points, design.seconds.shape[1])
    unit = np.array(left.unit)
    for value in sorted(set(unit[scored])):
        out = unit == value
        found = fit.fit(design, ~out, start=full, noises=len(full.noise))
        left.take(out & scored, fit.predict(design, found))
    return left


def together(
    name: str,
    out: np.ndarray,
    points: Sequence[Point],
    design: Design,
    full: Fit,
    scored: np.ndarray,
) -> Left:
    """Leave all points that `out` marks out of one fit."""
    left = Left.empty(name, points, design.seconds.shape[1])
    if (out & scored).any() and not out.all():
        found = fit.fit(design, ~out, start=full, noises=len(full.noise))
        left.take(out & scored, fit.predict(design, found))
    return left


def is_newest(point: Point) -> bool:
    return point.work.device.memory.upper() in NEWEST_HBM
