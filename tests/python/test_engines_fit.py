# SPDX-License-Identifier: Apache-2.0
"""The fit recovers what made the rows; intervals cover what they promise; scores count once."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.engines import baselines, fit, intervals, points, scores, terms
from membound.engines.intervals import Scores
from membound.engines.rows import Row

RNG = np.random.default_rng(7)
DEVICES = {"RTX 4090": 1008, "RTX 3090": 936, "RTX A6000": 768, "RTX 4080": 716.8, "L4": 300,
           "RTX 4000 Ada": 360, "RTX 5000 Ada": 576, "RTX 6000 Ada": 960}  # fmt: skip
MODELS = {"Llama-2-7B": 6.74, "Llama-2-13B": 13.0, "Qwen3-8B": 8.19, "Llama-3.2-1B": 1.24}


def made_up(fraction=0.8, launch=40e-6, noise=0.01, **extra):
    """Rows of an engine that reads at `fraction` of the bandwidth and takes `launch` a layer."""
    result = []
    for device in DEVICES:
        for model in MODELS:
            row = Row(
                device=device, engine="made-up 1.0", model=model, phase="decode", batch=1,
                weight_dtype="bf16", tokens_per_s=1.0, source="test", **extra,
            )  # fmt: skip
            (point,) = points.build(_table(row))
            at = point.seconds[terms.INDEX["weights"]] / fraction
            at += point.seconds[terms.INDEX["kv"]] / fraction
            at += point.work.architecture.layers * launch
            rate = float(np.exp(RNG.normal(0, noise))) / at
            result.append(row.model_copy(update={"tokens_per_s": rate}))
    return result


def _table(*rows):
    from membound.engines.rows import Table

    return Table(list(rows), Counter())


def learnt(rows, left_out=None):
    made = points.build(_table(*rows))
    design = fit.design(made, {"one stream": 0})
    use = np.array([p.work.device.name != left_out for p in made])
    return made, design, fit.fit(design, use, noises=1)


def test_a_device_that_was_left_out_is_predicted_from_the_others():
    made, design, found = learnt(made_up(), left_out="l4")
    predicted = fit.predict(design, found)
    out = np.array([p.work.device.name == "l4" for p in made])
    error = predicted.log_seconds[out] - design.log_seconds[out]
    assert np.abs(error).max() < 0.05
    assert (predicted.sigma[out] > np.median(predicted.sigma[~out])).all()
    assert predicted.shares.sum(axis=1) == pytest.approx(1)


def test_one_absurd_row_moves_the_others_little():
    rows = made_up()
    broken = [*rows[:-1], rows[-1].model_copy(update={"tokens_per_s": 1e6})]
    _, design, clean = learnt(rows)
    _, _, pulled = learnt(broken)
    before = fit.predict(design, clean).log_seconds
    after = fit.predict(design, pulled).log_seconds
    assert np.abs(before - after)[:-4].max() < 0.03


def test_replicates_weigh_as_one():
    rows = made_up()
    same = [*rows, *[rows[0]] * 9]
    design = fit.design(points.build(_table(*same)), {"one stream": 0})
    assert design.weight.sum() <= len(rows) + 1e-9


def test_scores_count_a_replicate_group_once():
    rows = made_up()
    made = points.build(_table(*rows, rows[0], rows[0]))
    errors, members = scores.point_errors(made, np.zeros(len(made)), np.ones(len(made), bool))
    assert len(errors) == len(rows)
    assert sorted(map(len, members))[-1] == 3


def test_rank_correlation_is_that_of_devices_within_a_model():
    made = points.build(_table(*made_up(noise=0)))
    everywhere = np.ones(len(made), bool)
    right = np.array([point.log_seconds for point in made])
    assert scores.rank_correlation(made, right, everywhere) == (1.0, len(MODELS))
    assert scores.rank_correlation(made, -right, everywhere)[0] == -1.0


def test_no_row_tells_about_its_own_interval():
    n = 400
    unit = np.array([f"d{i % 20}" for i in range(n)])
    score = RNG.normal(0, 1, n).__abs__()
    wild = Scores(np.where(unit == "d0", 100.0, score), unit, np.full(n, "g"), np.ones(n))
    stretched = intervals.stretches(wild, {})
    assert stretched[unit == "d0"][0] == pytest.approx(1.645, abs=0.35)
    assert stretched[unit == "d1"][0] > stretched[unit == "d0"][0]


def test_intervals_of_left_out_units_cover_nine_in_ten():
    n = 4000
    unit = np.array([f"d{i % 80}" for i in range(n)])
    score = np.abs(RNG.standard_t(4, n))
    found = Scores(score, unit, np.full(n, "g"), np.ones(n))
    covered = score <= intervals.stretches(found, {})
    assert 0.88 < covered.mean() < 0.92
    assert intervals.coverage_test(covered.tolist(), unit.tolist()) > 0.01
    assert intervals.coverage_test([True] * 20 + [False] * 80, [str(i) for i in range(100)]) < 1e-6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_corrected_p_values_are_never_smaller(values):
    plain = {str(i): value for i, value in enumerate(values)}
    fair = intervals.corrected(plain)
    assert all(plain[name] <= fair[name] <= 1 for name in plain)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.floats(0.05, 0.95))
def test_weighted_quantile_of_equal_weights(values, level):
    found = intervals.weighted_quantile(np.array(values), np.ones(len(values)), level)
    assert found in values
    assert np.mean(np.array(values) <= found) >= level - 1e-9


def test_baselines():
    made = points.build(_table(*made_up(fraction=0.55, launch=0.0, noise=0)))
    measured = np.array([point.log_seconds for point in made])
    units = [point.work.device.name for point in made]
    groups = [point.group for point in made]
    found = baselines.all_of(made, units, groups, np.ones(len(made), bool))
    assert found["constant 0.55"] == pytest.approx(measured, abs=1e-6)
    assert found["one fitted efficiency"] == pytest.approx(measured, abs=1e-6)
    assert found["datasheet roofline"] == pytest.approx(measured + np.log(0.55), abs=1e-6)
