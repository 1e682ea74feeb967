# SPDX-License-Identifier: Apache-2.0
"""Why a row is missed by much: what can be told from the rows, without knowing the machine."""

from collections.abc import Sequence

import numpy as np

from membound.engines.points import Point

ALIKE = 0.2  # spread of errors (as logarithms) up to which rows miss together


def likely(points: Sequence[Point], index: int, error: np.ndarray) -> str:
    """The first of these reasons that holds."""
    point, work = points[index], points[index].work
    repeats = [i for i, p in enumerate(points) if p.row.point == point.row.point]
    if len(repeats) > 1 and np.ptp([points[i].log_seconds for i in repeats]) > 0.4:
        return "repeats of this point differ by more than 1.5x: builds or settings not stated"
    if not work.architecture.known:
        return "the model's config is not known: work inferred from its parameters"
    if not work.device.peak_known:
        return "the device's peak is not known: assumed from its bandwidth"
    engines = {p.work.device.name for p in points if p.work.engine == work.engine}
    if len(engines) == 1:
        return "the engine was seen on no other device"
    if len({p.work.device.name for p in points if p.work.device.platform == work.device.platform
            and p.work.engine == work.engine}) == 1:  # fmt: skip
        return "the engine was seen on no other device of this kind"
    if work.devices > 1 and work.device.link_GBps <= 32:
        return "several devices without a fast link: the host's topology is not stated"
    kin = [i for i, p in enumerate(points) if p.work.device.name == work.device.name
           and p.work.engine == work.engine and not np.isnan(error[i])]  # fmt: skip
    if len(kin) > 3 and np.std(error[kin]) < ALIKE:
        return "all rows of this device and engine miss alike: host, power limit or build"
    if work.phase == "continuous":
        return "prompts of other requests between the steps, speculative decoding or a batch cap"
    if point.group == "serving":
        return "the batch is not stated: assumed as large as the memory allows"
    if work.assumed:
        return f"not stated: {', '.join(work.assumed)}"
    return "not known"
