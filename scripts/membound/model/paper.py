# SPDX-License-Identifier: Apache-2.0
"""Paper figures (datasheet bandwidth and peaks) and where they come from; none is guessed.

A figure is in bytes/s under the key "bandwidth", or in flops/s under an operand type.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

BY_DEVICE = "named by the device"
BY_USER = "given on the command line"


def of_device(details: Mapping[str, Any]) -> dict[str, float]:
    """From keys such as paper_bandwidth_GBps and paper_f32_GFLOPS."""
    figures = {}
    for key, value in details.items():
        named = re.fullmatch(r"paper_([a-z0-9]+)_(?:GBps|GFLOPS)", key)
        if named and (rate := _positive(value)):
            figures[named[1]] = rate * 1e9
    return figures


def of_settings(settings: Mapping[str, Any]) -> dict[str, float]:
    """From a run's options; its one peak is that of the run's operand type, and f32's too."""
    figures = {}
    if bandwidth := _positive(settings.get("paper_bandwidth_GBps")):
        figures["bandwidth"] = bandwidth * 1e9
    if flops := _positive(settings.get("paper_flops_GFLOPS")):
        for kind in (str(settings.get("dtype")), "f32"):
            figures[kind] = flops * 1e9
    return figures


def with_sources(
    devices: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> list[dict[str, tuple[float, str]]]:
    """For each device's details: its figures, each with its source.

    What the user gave stands for the one device that names none: of several it is not known which
    was meant.
    """
    named = [of_device(details) for details in devices]
    given = of_settings(settings)
    result = []
    for details, own in zip(devices, named, strict=True):
        source = details.get("paper_source")
        source = source if isinstance(source, str) else BY_DEVICE
        figures = {key: (value, source) for key, value in own.items()}
        for key, value in given.items():
            if _lacks(own, key) and sum(_lacks(other, key) for other in named) == 1:
                figures[key] = (value, BY_USER)
        result.append(figures)
    return result


def _lacks(own: Mapping[str, float], key: str) -> bool:
    """A device that names a peak of any type knows its peaks."""
    return "bandwidth" not in own if key == "bandwidth" else set(own) <= {"bandwidth"}


def _positive(value: object) -> float | None:
    """Records come from outside: anything else is no figure."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value > 0 else None
