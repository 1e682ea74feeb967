# SPDX-License-Identifier: Apache-2.0
"""The back-test: predict published rows that the fit had not seen, and score that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from membound import paths
from membound.engines import (
    baselines,
    fit,
    holdout,
    intervals,
    natural,
    points,
    profile,
    reasons,
    rows,
    scores,
    terms,
)
from membound.engines.fit import Design, Fit
from membound.engines.holdout import Left
from membound.engines.intervals import Scores
from membound.engines.points import Point

PUBLISHED = paths.ROOT / "results" / "published"
WORST = 10
HOLDOUTS = ("device", "model", "source")


@dataclass
class Backtest:
    """All that the report is made of; arrays are over `points`."""

    points: list[Point]
    scored: np.ndarray
    design: Design
    full: Fit
    skipped: dict[str, int]
    lefts: dict[str, Left] = field(default_factory=dict)
    stretches: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def groups(self) -> list[str]:
        return sorted({p.group for p, use in zip(self.points, self.scored, strict=True) if use})


def published_files() -> list[Path]:
    return sorted(PUBLISHED.glob("*.csv"))


def noise_classes(known: Sequence[Point]) -> dict[str, int]:
    return {name: i for i, name in enumerate(sorted({fit.noise_class(p) for p in known}))}


def run(files: Sequence[Path]) -> Backtest:
    """Score the rows of `files`; the published rows help to fit, each row counts once."""
    given = rows.read(files)
    scored_points = points.build(given)
    seen = {point.row.fingerprint for point in scored_points}
    more = rows.read(published_files())
    others = [p for p in points.build(more) if p.row.fingerprint not in seen]
    all_points = scored_points + others
    scored = np.arange(len(all_points)) < len(scored_points)
    design = fit.design(all_points, noise_classes(all_points)) if all_points else None
    if design is None or not scored.any():
        raise rows.nothing_usable(files, given.skipped)
    full = fit.fit(design, np.ones(len(all_points), bool), noises=len(noise_classes(all_points)))
    test = Backtest(all_points, scored, design, full, dict(given.skipped.most_common()))
    for name in HOLDOUTS:
        test.lefts[name] = holdout.one_by_one(name, all_points, design, full, scored)
    new = np.array([holdout.is_newest(point) for point in all_points])
    newest = holdout.together("HBM3e", new, all_points, design, full, scored)
    if not np.isnan(newest.log_seconds).all():
        test.lefts["HBM3e"] = newest
    unseen = _by_profile(all_points, scored)
    if not np.isnan(unseen.log_seconds).all():
        test.lefts["shipped profile"] = unseen
    for name, left in test.lefts.items():
        test.stretches[name] = _stretches(test, left)
    return test


def _by_profile(all_points: Sequence[Point], scored: np.ndarray) -> Left:
    """The shipped profile on rows that it was not fitted to."""
    left = Left.empty("shipped profile", all_points, len(terms.TERMS))
    if not profile.DEFAULT.exists():
        return left
    trained = set(profile.load().training_fingerprints)
    for i in np.flatnonzero(scored).tolist():
        point = all_points[i]
        if profile.short(point.row) not in trained:
            found = profile.predict(
                point.work, point.seconds, fit.noise_class(point), point.row.source
            )
            left.log_seconds[i], left.sigma[i] = found.log_seconds, found.sigma
            left.shares[i] = found.shares
    return left


def scores_of(test: Backtest, left: Left) -> tuple[Scores, np.ndarray]:
    """Calibration scores of the points that `left` predicts, and where they are."""
    where = np.flatnonzero(_predicted(left))
    measured = np.array([test.points[i].log_seconds for i in where])
    return Scores(
        score=np.abs(measured - left.log_seconds[where]) / left.sigma[where],
        unit=np.array([left.unit[i] for i in where]),
        group=np.array([test.points[i].group for i in where]),
        weight=test.design.weight[where],
    ), where


def _stretches(test: Backtest, left: Left) -> np.ndarray:
    """Each point's stretch: from other units of its hold-out, or as shipped."""
    result = np.full(len(test.points), np.nan)
    found, where = scores_of(test, left)
    shipped = profile.load().stretch if profile.DEFAULT.exists() else {}
    if left.name in HOLDOUTS:
        result[where] = intervals.stretches(found, shipped)
    else:
        names = [test.points[i].group for i in where]
        result[where] = [shipped.get(name, intervals.START) for name in names]
    return result


def document(test: Backtest, files: Sequence[Path]) -> dict[str, Any]:
    """What `membound backtest --json` prints."""
    groups = [_group(test, left, name) for left in test.lefts.values() for name in test.groups]
    groups = [group for group in groups if group["rows"]]
    for left in test.lefts.values():
        groups.append(_group(test, left, None))
    tested = {f"{g['name']}": g["coverage_p"] for g in groups if g["coverage_p"] is not None}
    fair = intervals.corrected(tested)
    for group in groups:
        p = fair.get(group["name"])
        group["coverage_p_corrected"] = None if p is None else round(p, 4)
    return {
        "files": [str(path) for path in files],
        "rows": int(test.scored.sum()) + sum(test.skipped.values()),
        "skipped": test.skipped,
        "groups": groups,
        "baselines": [row for name in HOLDOUTS[:1] for row in _baselines(test, name)],
        "worst": _worst(test),
        "natural_experiments": _experiments(test),
        "profile": {
            "training_rows": len(test.points),
            "training_sha256": profile.rows_hash([p.row.fingerprint for p in test.points]),
        },
        "residuals": residuals(test),
    }


def _experiments(test: Backtest) -> dict[str, Any]:
    """Pairs of devices by each device left out, and across the step to HBM3e.

    Across that step one fit, without both devices, predicts both.
    """
    left = test.lefts["device"]
    result = {"device": natural.table(test.points, left, _predicted(left))}
    if "HBM3e" in test.lefts:
        both = natural.beside(test.points, holdout.is_newest)
        across = holdout.together("HBM3e", both, test.points, test.design, test.full, test.scored)
        result["HBM3e"] = natural.table(test.points, across, _predicted(across))
    return result


def _predicted(left: Left) -> np.ndarray:
    return np.asarray(~np.isnan(left.log_seconds))


def _group(test: Backtest, left: Left, name: str | None) -> dict[str, Any]:
    """Errors and coverage of one group of points under one hold-out; None: all groups."""
    where = _predicted(left) & np.array([name in (None, p.group) for p in test.points])
    errors, members = scores.point_errors(test.points, left.log_seconds, where)
    reach = test.stretches[left.name] * left.sigma
    covered = [
        bool(abs(error) <= np.median(reach[m])) for error, m in zip(errors, members, strict=True)
    ]
    units = [f"{left.unit[m[0]]} {test.points[m[0]].work.device.name}" for m in members]
    correlation, models = scores.rank_correlation(test.points, left.log_seconds, where)
    return {
        "name": f"{left.name} left out: {name or 'all'}"
        if left.name != "shipped profile"
        else f"shipped profile, unseen rows: {name or 'all'}",
        "holdout": left.name,
        "phase": name or "all",
        "rows": int(where.sum()),
        "points": len(errors),
        "skipped": sum(test.skipped.values()),
        **scores.summary(errors),
        "interval90_coverage": round(float(np.mean(covered)), 4) if covered else None,
        "coverage_p": intervals.coverage_test(covered, units) if name and covered else None,
        "interval90_half_width_pct": round(100 * float(np.expm1(np.nanmedian(reach[where]))), 1)
        if covered
        else None,
        "rank_correlation": correlation,
        "rank_sets": models,
    }


def _baselines(test: Backtest, holdout_name: str) -> list[dict[str, Any]]:
    left = test.lefts[holdout_name]
    names = [p.group for p in test.points]
    found = baselines.all_of(test.points, left.unit, names, _predicted(left))
    result = []
    for name in test.groups:
        where = _predicted(left) & np.array([p.group == name for p in test.points])
        for title, log_seconds in {**found, "this model": left.log_seconds}.items():
            errors, _ = scores.point_errors(test.points, log_seconds, where)
            result.append(
                {
                    "name": title,
                    "group": name,
                    "holdout": holdout_name,
                    "points": len(errors),
                    **scores.summary(errors),
                }
            )
    return result


def residuals(test: Backtest) -> list[dict[str, Any]]:
    """Every scored row with its prediction by each hold-out; nothing is left out."""
    left = test.lefts["device"]
    result = []
    for i in np.flatnonzero(test.scored).tolist():
        point = test.points[i]
        rate = float(np.exp(-left.log_seconds[i]))
        reach = float(np.exp(test.stretches["device"][i] * left.sigma[i]))
        shares = {k: round(v, 3) for k, v in natural.causes(left.shares[i]).items()}
        result.append(
            {
                "file": point.row.file,
                "line": point.row.line,
                "group": point.group,
                "device": point.row.device,
                "devices": point.work.devices,
                "engine": point.row.engine,
                "model": point.row.model,
                "dtype": point.row.weight_dtype,
                "batch": point.row.batch,
                "measured": point.row.tokens_per_s,
                "predicted": round(rate, 3),
                "interval90": [round(rate / reach, 3), round(rate * reach, 3)],
                "shares": shares,
                "bound": next(iter(shares), None),
                **{f"residual_pct_{name}_left_out": _residual(test, other, int(i))
                   for name, other in test.lefts.items() if name != "shipped profile"},
            }
        )  # fmt: skip
    return result


def _residual(test: Backtest, left: Left, i: int) -> float | None:
    if np.isnan(left.log_seconds[i]):
        return None
    return round(100 * float(np.expm1(left.log_seconds[i] - test.points[i].log_seconds)), 2)


def _worst(test: Backtest) -> list[dict[str, Any]]:
    """The ten largest errors with a device left out, one for each device and model."""
    left = test.lefts["device"]
    error = left.log_seconds - np.array([p.log_seconds for p in test.points])
    result: list[dict[str, Any]] = []
    met: set[tuple[str, str, str]] = set()
    for i in np.argsort(-np.abs(np.nan_to_num(error))):
        point = test.points[int(i)]
        key = point.work.device.name, point.work.architecture.name, point.group
        if not test.scored[i] or key in met:
            continue
        met.add(key)
        result.append(
            {
                "device": point.row.device,
                "engine": point.row.engine,
                "model": point.row.model,
                "group": point.group,
                "file": point.row.file,
                "line": point.row.line,
                "residual_pct": _residual(test, left, int(i)),
                "reason": reasons.likely(test.points, int(i), error),
            }
        )
        if len(result) == WORST:
            break
    return result


def write_profile(path: Path) -> int:
    """Fit to all published rows, and to nothing else; returns how many there are.

    Its intervals are stretched by the harder of two hold-outs: who asks has another device, and is
    another source.
    """
    test = run(published_files())
    profile.write(
        path,
        test.design,
        test.full,
        list(noise_classes(test.points)),
        _hardest(test),
        [p.row for p in test.points],
    )
    return len(test.points)


def _hardest(test: Backtest) -> dict[str, float]:
    """The larger stretch of the device and source hold-outs, by group."""
    found = [scores_of(test, test.lefts[name])[0] for name in ("device", "source")]
    return {name: max(intervals.stretch(one, name) for one in found) for name in test.groups}
