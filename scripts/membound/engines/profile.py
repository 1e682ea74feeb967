# SPDX-License-Identifier: Apache-2.0
"""The engine profile: what was learnt from the published rows, as a versioned JSON file."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from membound import paths, storage
from membound.engines import effects
from membound.engines.effects import Effect
from membound.engines.fit import Design, Fit, combine
from membound.engines.rows import Row
from membound.engines.terms import TERMS
from membound.engines.workload import Workload
from membound.errors import UsageError

VERSION = 1
DEFAULT = paths.ROOT / "results" / "published" / "profile.json"
SMALLEST = 1e-4  # an effect nearer to its level's centre, and as uncertain, is not written


class Learnt(BaseModel):
    """One effect: `value` is added to the logarithm of a coefficient."""

    model_config = ConfigDict(frozen=True)

    level: str
    of: str
    name: str
    value: float
    sd: float = Field(ge=0)


class Profile(BaseModel):
    """Coefficients are e to the sum of their effects; see docs/engines.md."""

    version: Literal[1] = 1
    training_rows: int
    training_sha256: str
    training_fingerprints: list[str]
    spreads: dict[str, dict[str, float]]
    noise: dict[str, float]
    stretch: dict[str, float]
    stretch_in_fit: dict[str, float]  # where effects are known with their covariance
    effects: list[Learnt]


@dataclass(frozen=True)
class Predicted:
    """Log seconds per token, its standard deviation, the terms' shares, what was not known."""

    log_seconds: float
    sigma: float
    shares: np.ndarray
    unknown: tuple[str, ...]


def rows_hash(fingerprints: Sequence[str]) -> str:
    """SHA-256 over the sorted fingerprints of the rows."""
    return hashlib.sha256("\n".join(sorted(fingerprints)).encode()).hexdigest()


def short(row: Row) -> str:
    return row.fingerprint[:12]


def write(
    path: Path,
    design: Design,
    found: Fit,
    noise_names: Sequence[str],
    stretches: dict[str, float],
    stretches_in_fit: dict[str, float],
    rows: Sequence[Row],
) -> Profile:
    """Write the profile of a fit to all of `rows`."""
    spreads: dict[str, dict[str, float]] = {}
    for (level, part), spread in zip(design.levels, found.spread, strict=True):
        spreads.setdefault(level, {})[part] = round(float(spread), 5)
    learnt = [
        Learnt(level=level, of=of, name=name, value=round(value, 5), sd=round(sd, 5))
        for (level, of, name), value, sd in zip(
            design.names, found.value.tolist(), np.sqrt(found.variance).tolist(), strict=True
        )
    ]
    profile = Profile(
        training_rows=len(rows),
        training_sha256=rows_hash([row.fingerprint for row in rows]),
        training_fingerprints=sorted({short(row) for row in rows}),
        spreads=spreads,
        noise={name: round(float(found.noise[i]), 5) for i, name in enumerate(noise_names)},
        stretch={name: round(value, 4) for name, value in stretches.items()},
        stretch_in_fit={name: round(value, 4) for name, value in stretches_in_fit.items()},
        effects=sorted(learnt, key=lambda item: (item.level, item.of, item.name)),
    )
    storage.write_atomically(path, _text(profile))
    return profile


def _text(profile: Profile) -> str:
    """One effect a line: differences between versions can be read."""
    whole = profile.model_dump()
    listed = whole.pop("effects")
    prints = whole.pop("training_fingerprints")
    head = json.dumps(whole, indent=1)[:-2]
    lines = ",\n".join("  " + json.dumps(item) for item in listed)
    return (
        f'{head},\n "training_fingerprints": {json.dumps(prints)},\n'
        f' "effects": [\n{lines}\n ]\n}}\n'
    )


@cache
def load(path: Path = DEFAULT) -> Profile:
    try:
        return Profile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read the engine profile {path} ({error.strerror})") from None
    except ValidationError as error:
        raise UsageError(f"{path} is not an engine profile: {error.errors()[0]['msg']}") from None


def stretch(group: str, path: Path = DEFAULT) -> float:
    """Standard deviations that cover 90 %; of a group never scored, the widest."""
    known = load(path).stretch
    return known.get(group, max(known.values(), default=1.645))


@cache
def _learnt(path: Path) -> dict[Effect, Learnt]:
    return {(item.level, item.of, item.name): item for item in load(path).effects}


def predict(
    work: Workload, seconds: np.ndarray, noise_class: str, source: str = "", path: Path = DEFAULT
) -> Predicted:
    """From the profile alone; what it has never seen counts as typical, and as uncertain."""
    profile, known = load(path), _learnt(path)
    logs = np.zeros(len(TERMS))
    slopes: dict[Effect, float] = {}
    uses: list[tuple[int, Effect]] = []
    for index, term in enumerate(TERMS):
        if seconds[index] > 0:
            uses += [(index, effect) for effect in effects.of_term(term, work, source)]
    variances: dict[Effect, float] = {}
    unknown = set()
    for index, effect in uses:
        if item := known.get(effect):
            logs[index] += item.value
            variances[effect] = item.sd**2
        else:
            level, part = effects.level_of(effect)
            logs[index] += np.log(effects.PRIOR[effect[1]]) if level == "term" else 0.0
            spread = profile.spreads.get(level, {}).get(part) or effects.SPREAD[level][part]
            variances[effect] = spread**2
            if level in ("engine", "device", "build", "model"):
                unknown.add(f"{level} {effect[2].split()[0]}")
    parts = (seconds * np.exp(logs))[None, :]
    total, shares = combine(parts)
    for index, effect in uses:
        slopes[effect] = slopes.get(effect, 0.0) + float(shares[0, index])
    variance = sum(slope**2 * variances[effect] for effect, slope in slopes.items())
    noise = profile.noise.get(noise_class, max(profile.noise.values()))
    sigma = float(np.sqrt(variance + noise**2))
    return Predicted(float(np.log(total[0])), sigma, shares[0], tuple(sorted(unknown)))
