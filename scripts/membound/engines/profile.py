# SPDX-License-Identifier: Apache-2.0
"""The engine profile: what was learnt from the published rows, as a versioned JSON file."""

import base64
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

DEFAULT = paths.ROOT / "results" / "published" / "profile.json"
NAMED = ("engine", "device", "build", "model", "model inferred")  # worth telling if never seen


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
    effects: list[Learnt]
    correlation_f16: str  # lower triangle by rows, half precision, little endian, base64


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
    rows: Sequence[Row],
) -> Profile:
    """Write the profile of a fit to all of `rows`."""
    spreads: dict[str, dict[str, float]] = {}
    for (level, part), spread in zip(design.levels, found.spread, strict=True):
        spreads.setdefault(level, {})[part] = round(float(spread), 5)
    order = sorted(range(len(design.names)), key=lambda i: design.names[i])
    sd = np.sqrt(found.variance)
    learnt = [
        Learnt(level=level, of=of, name=name, value=round(value, 5), sd=round(deviation, 5))
        for (level, of, name), value, deviation in (
            (design.names[i], float(found.value[i]), float(sd[i])) for i in order
        )
    ]
    profile = Profile(
        training_rows=len(rows),
        training_sha256=rows_hash([row.fingerprint for row in rows]),
        training_fingerprints=sorted({short(row) for row in rows}),
        spreads=spreads,
        noise={name: round(float(found.noise[i]), 5) for i, name in enumerate(noise_names)},
        stretch={name: round(value, 4) for name, value in stretches.items()},
        effects=learnt,
        correlation_f16=_packed((found.covariance / np.outer(sd, sd))[np.ix_(order, order)]),
    )
    storage.write_atomically(path, _text(profile))
    return profile


def _packed(correlation: np.ndarray) -> str:
    lower = correlation[np.tril_indices(len(correlation))].astype("<f2")
    return base64.b64encode(lower.tobytes()).decode()


@cache
def _covariance(path: Path) -> np.ndarray:
    """Of the effects, in the profile's order."""
    profile = load(path)
    size = len(profile.effects)
    lower = np.frombuffer(base64.b64decode(profile.correlation_f16), "<f2").astype(float)
    if len(lower) != size * (size + 1) // 2:
        raise UsageError(f"{path} is not an engine profile: its correlations are cut short")
    matrix = np.zeros((size, size))
    matrix[np.tril_indices(size)] = lower
    matrix += np.tril(matrix, -1).T
    sd = np.array([item.sd for item in profile.effects])
    return np.asarray(matrix * np.outer(sd, sd))


def _text(profile: Profile) -> str:
    """One effect a line: differences between versions can be read."""
    whole = profile.model_dump()
    listed = whole.pop("effects")
    packed = {key: whole.pop(key) for key in ("training_fingerprints", "correlation_f16")}
    head = json.dumps(whole, indent=1)[:-2]
    lines = ",\n".join("  " + json.dumps(item) for item in listed)
    return (
        f'{head},\n "effects": [\n{lines}\n ],\n'
        + ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in packed.items())
        + "\n}\n"
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
def _places(path: Path) -> dict[Effect, int]:
    return {(e.level, e.of, e.name): i for i, e in enumerate(load(path).effects)}


def predict(
    work: Workload, seconds: np.ndarray, noise_class: str, source: str = "", path: Path = DEFAULT
) -> Predicted:
    """From the profile alone; what it has never seen counts as typical, and as uncertain."""
    profile, places = load(path), _places(path)
    uses = [
        (index, effect, times)
        for index, term in enumerate(TERMS)
        if seconds[index] > 0
        for effect, times in effects.of_term(term, work, source)
    ]
    logs = np.zeros(len(TERMS))
    for index, effect, times in uses:
        if effect in places:
            logs[index] += times * profile.effects[places[effect]].value
        elif effect[0] == "term":
            logs[index] += np.log(effects.PRIOR[effect[1]])
    total, shares = combine((seconds * np.exp(logs))[None, :])
    known = np.zeros(len(places))
    unknown: dict[Effect, float] = {}
    for index, effect, times in uses:
        if effect in places:
            known[places[effect]] += times * shares[0, index]
        else:
            unknown[effect] = unknown.get(effect, 0.0) + times * float(shares[0, index])
    variance = max(0.0, float(known @ _covariance(path) @ known))
    variance += sum((slope * _spread(profile, e)) ** 2 for e, slope in unknown.items())
    noise = profile.noise.get(noise_class, max(profile.noise.values()))
    never = {f"{e[0]} {e[2].split()[0]}" for e in unknown if e[0] in NAMED}
    sigma = float(np.sqrt(variance + noise**2))
    return Predicted(float(np.log(total[0])), sigma, shares[0], tuple(sorted(never)))


def _spread(profile: Profile, effect: Effect) -> float:
    """How far a value that was never seen may lie from its level's centre."""
    level, part = effects.level_of(effect)
    return profile.spreads.get(level, {}).get(part) or effects.SPREAD[level][part]
