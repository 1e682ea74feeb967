# SPDX-License-Identifier: Apache-2.0
"""Numbers as text: three significant digits, units, a true minus sign, 'unknown' for None."""

import math
from collections.abc import Sequence

from membound.record import Row

UNKNOWN = "unknown"
NONE = "\N{EN DASH}"
NB = "\N{NO-BREAK SPACE}"  # between a number and its unit
MINUS = "\N{MINUS SIGN}"
STEPS_OF_1024 = ("B", "KiB", "MiB", "GiB", "TiB")


def number(value: float | None, digits: int = 3) -> str:
    """Without an exponent: 38.1, 0.202, 1230."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:.{decimals}f}".replace("-", MINUS)


def percent(fraction: float | None) -> str:
    """A fraction as a percentage; whole numbers from 10 % up."""
    if fraction is None:
        return UNKNOWN
    value = fraction * 100
    return f"{value:.0f}{NB}%" if abs(value) >= 9.95 or value == 0 else f"{value:.1f}{NB}%"


def signed_percent(value: float | None) -> str:
    """A difference that is in percent already."""
    return UNKNOWN if value is None else f"{value:+.1f}{NB}%".replace("-", MINUS)


def size(count: float | None) -> str:
    """Bytes of a cache or buffer, in powers of 1024."""
    if count is None:
        return UNKNOWN
    power = 0
    while count >= 1024 and power < len(STEPS_OF_1024) - 1:
        count, power = count / 1024, power + 1
    return f"{f'{count:.3g}' if count < 1000 else f'{count:.0f}'} {STEPS_OF_1024[power]}"


def seconds(value: float | None) -> str:
    """In the largest of s, ms, us, ns that leaves a number of at least 1."""
    if value is None:
        return UNKNOWN
    scales = ((1.0, "s"), (1e-3, "ms"), (1e-6, "\N{MICRO SIGN}s"))
    scale, unit = next(((s, u) for s, u in scales if abs(value) >= s), (1e-9, "ns"))
    return f"{number(value / scale)} {unit}"


def spread(values: Sequence[float], unit: str = "") -> str:
    """One number, or the range from the smallest to the largest."""
    low, high = number(min(values)), number(max(values))
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"


def clipped(text: object, longest: int = 60) -> str:
    """Names from outside may be of any length."""
    whole = " ".join(str(text).split())
    return whole if len(whole) <= longest else whole[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def step_labels(rows: Sequence[Row]) -> list[str]:
    """A short name for each row; model and dtype appear only where they tell rows apart."""
    models, dtypes = {row.model for row in rows}, {row.dtype for row in rows}
    labels = []
    for row in rows:
        parts = [clipped(row.model, 24)] if len(models) > 1 else []
        parts += [row.phase] + ([row.dtype] if len(dtypes) > 1 else [])
        parts += [f"b{row.batch}", f"{'c' if row.phase == 'decode' else 't'}{row.context}"]
        labels.append(" ".join(parts))
    return labels
