# SPDX-License-Identifier: Apache-2.0
"""Whether samples are good enough for a verdict: neighbours, footprints, drift.

Disturbed samples are tagged and kept: choosing samples after the fact is how results are bent.
What they cannot do is carry a verdict.
"""

import statistics
from collections.abc import Mapping, Sequence

from membound.model import machine
from membound.record import Measurement, Record, Sample
from membound.statistics import centre

DISTURBED_MOST = 0.25  # of the samples; with more, a median may be a disturbed sample itself
DIFFERS_BY = 0.03
DRIFT_PCT = 3.0


def doubts(measurements: Sequence[Measurement], what: str) -> list[str]:
    """Why these samples cannot carry a verdict; `what` names them. Empty: they can."""
    found = []
    samples = [sample for m in measurements for sample in m.samples]
    disturbed = [sample for sample in samples if "disturbed" in sample.tags]
    if len(disturbed) > DISTURBED_MOST * len(samples):
        taken = [part for sample in disturbed if (part := stolen(sample)) is not None]
        most = f" {max(taken) * 100:.0f} %" if taken else " more than 5 %"
        found.append(
            f"neighbours took up to{most} of the cores' time in {len(disturbed)} of "
            f"{len(samples)} samples of {what}"
        )
    small = [m for m in measurements if not m.footprint_ok]
    if small:
        size = f" of {least / 1e9:.2f} GB" if (least := small[0].footprint_bytes) else ""
        found.append(
            f"the data of {what} may have come from caches: a footprint{size} is under 4 times the "
            "last-level cache"
        )
    return found


def stolen(sample: Sample) -> float | None:
    """Part of the units' time that others took while the sample ran."""
    value = sample.telemetry.get("steal_fraction")
    return float(value) if isinstance(value, int | float) else None


def undisturbed_seconds(measurements: Sequence[Measurement]) -> float | None:
    """Median over the samples that nobody disturbed, where it differs from that over all."""
    quiet = [
        [sample.seconds for sample in m.samples if "disturbed" not in sample.tags]
        for m in measurements
    ]
    quiet = [samples for samples in quiet if samples]
    everything = [[sample.seconds for sample in m.samples] for m in measurements]
    if not quiet:
        return None
    found = statistics.median(statistics.median(samples) for samples in quiet)
    return found if abs(found / centre(everything) - 1) > DIFFERS_BY else None


def ceiling_doubts(record: Record, devices: Mapping[str, machine.Ceilings]) -> dict[str, list[str]]:
    """Doubts about the read ceiling of each device."""
    groups = machine.group(record, {"ceiling"})
    return {
        name: doubts(groups.get((name, entry.read_bench or ""), []), "the read ceiling")
        for name, entry in devices.items()
    }


def drifted(drift_pct: float | None) -> bool:
    """Whether memory ran at another rate between the steps than among the ceilings."""
    return drift_pct is not None and abs(drift_pct) > DRIFT_PCT


def drift_doubt(drift_pct: float | None, fraction: float | None, least: float,
                residual_pct: float | None) -> str | None:  # fmt: skip
    """Why drift makes a verdict on a step bound by bytes open: another ceiling, another verdict.

    `fraction` is the step's rate over the ceiling, `least` what 'capped' needs, and `residual_pct`
    tier C's, whose sign says on which side of the claim the step is.
    """
    if drift_pct is None or not drifted(drift_pct):
        return None
    factor = 1 + drift_pct / 100
    if fraction is not None and (fraction < least) != (fraction / factor < least):
        return f"the read ceiling drifted by {drift_pct:+.1f} %, across what 'capped' needs"
    if residual_pct is not None:
        corrected = ((1 + residual_pct / 100) / factor - 1) * 100
        if (residual_pct < 0) != (corrected < 0):
            return (
                f"the read ceiling drifted by {drift_pct:+.1f} %, and the sign of tier C's "
                f"residual ({residual_pct:+.1f} %) depends on it"
            )
    return None
