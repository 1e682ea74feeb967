# SPDX-License-Identifier: Apache-2.0
"""The catalogues of accelerators, memory and served models: sources, and no absurd figure."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from membound import paths
from membound.engines import architecture, demand, devices, models, weights
from membound.engines.devices import Accelerator
from membound.errors import UsageError

ROWS = list(devices.accelerators().values())
MEMORY = json.loads((paths.CATALOGUE / "memory.json").read_text())["memory"]
SERVED = json.loads((paths.CATALOGUE / "served_models.json").read_text())["models"]
RACKS = ("rack", "superseded claim")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_an_accelerator_has_a_source_and_plausible_figures(row):
    assert len(row.source) > 5
    if row.status in RACKS:
        return
    if row.bandwidth_GBps and row.f16_TFLOPS:
        ridge = row.f16_TFLOPS * 1e3 / row.bandwidth_GBps
        assert 10 < ridge < 700, "dense f16 flops per byte"
    if row.hbm_stacks and row.bandwidth_GBps:
        assert 100 < row.bandwidth_GBps / row.hbm_stacks < 4100, "GB/s of a stack"
    if row.power_W and row.bandwidth_GBps:
        assert row.bandwidth_GBps * 8e9 * 3e-12 < row.power_W, "3 pJ/bit within the board's power"
    if row.f8_TFLOPS and row.f16_TFLOPS:
        most = 2.05 if row.status == "shipping" else 4.5
        assert 0.99 < row.f8_TFLOPS / row.f16_TFLOPS < most, "dense, not sparse"
    if row.f4_TFLOPS and row.f16_TFLOPS:
        assert row.f4_TFLOPS / row.f16_TFLOPS < 9, "dense, not sparse"
    if row.capacity_GB and row.bandwidth_GBps:
        assert 1 < row.bandwidth_GBps / row.capacity_GB < 100, "reads its memory 1 to 100 times a s"


def test_ids_and_names_are_unique():
    assert len({row.id for row in ROWS}) == len(ROWS)
    names = [devices.simplify(name) for row in ROWS if row.status not in RACKS
             for name in {row.name, *row.aliases}]  # fmt: skip
    doubled = {name for name in names if names.count(name) > 1}
    assert all(
        len({row.id for row in ROWS if name in map(devices.simplify, (row.name, *row.aliases))
             and row.status not in RACKS}) == 1 for name in doubled
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"source": None}, {"bandwidth_GBps": -1}, {"bandwidth_GBps": "fast"}, {"bandwith_GBps": 3}],
)
def test_a_broken_accelerator_is_refused(change):
    row = {"id": "x", "vendor": "X", "name": "X", "status": "shipping", "source": "a page"} | change
    row = {key: value for key, value in row.items() if value is not None}
    with pytest.raises(ValidationError):
        Accelerator.model_validate(row)


@pytest.mark.parametrize("row", MEMORY, ids=lambda row: row["id"])
def test_a_memory_generation_is_consistent(row):
    assert row["source"].strip()
    if {"width_bits", "Gbps_per_pin", "GBps_per_stack"} <= row.keys():
        derived = row["width_bits"] * row["Gbps_per_pin"] / 8
        assert row["GBps_per_stack"] == pytest.approx(derived, rel=0.03)
    if "pJ_per_bit" in row:
        assert 0.2 < row["pJ_per_bit"] < 10
        derived = row["power_W"] / (row["GBps_per_stack"] * 8e9) * 1e12
        assert row["pJ_per_bit"] == pytest.approx(derived, rel=0.02)


@pytest.mark.parametrize("row", SERVED, ids=lambda row: row["id"])
def test_a_served_model_has_a_source_and_the_parameters_it_states(row):
    assert row["source"].strip()
    found = models.find(row["id"])
    assert found is not None
    for key, value in (("", found.total), ("active_", found.active)):
        if stated := row.get(f"stated_{key}parameters_billion"):
            tolerance = 0.03 if not key else 0.10
            assert value / 1e9 == pytest.approx(stated, rel=tolerance)


@pytest.mark.parametrize(
    ("published", "catalogue"),
    [
        ("Qwen2.5-Coder-7B-Q8_0", "Qwen2.5-7B"),
        ("Qwen/Qwen3-235B-A22B-FP8", "Qwen3-235B-A22B"),
        ("nvidia/DeepSeek-V3.1-NVFP4", "DeepSeek-V3"),
        ("Llama 3.3 70B", "Llama-3.1-70B"),
        ("meta-llama/Llama-3.1-8B-Instruct", "Llama-3.1-8B"),
        ("gemma-3-4b-it-qat", "Gemma-3-4B"),
    ],
)
def test_published_names_find_their_shape(published, catalogue):
    assert models.find(published).name == catalogue


def test_a_name_that_contradicts_the_stated_size_is_not_believed():
    assert not models.describe("Llama 2 7B", 9.5, None).known
    assert models.describe("nobody/new", None, None) is None
    assert models.describe("new-30B-A3B", 30.5, None).active == pytest.approx(3e9, rel=0.1)


@pytest.mark.parametrize(
    ("name", "catalogue_id"),
    [
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("M2 Ultra 76-Core GPU", "apple_m2_ultra_76_core"),
        ("H100 SXM5 80 GB", "h100_sxm"),
        ("AMD Instinct MI300X", "mi300x"),
    ],
)
def test_published_names_find_their_device(name, catalogue_id):
    assert devices.find(name).id == catalogue_id


def test_geforce_multiplies_f16_at_twice_its_f32_accumulating_rate():
    assert devices.describe("RTX 4090").f16_TFLOPS == pytest.approx(330.4)
    assert devices.describe("RTX 9999", 1000, 100).f16_TFLOPS == 100
    assert devices.describe("GeForce RTX 3060", 360, 25.3).f16_TFLOPS == pytest.approx(50.6)


@pytest.mark.parametrize("name", ["Llama-2-7B", "Mixtral-8x7B", "DeepSeek-V3", "Gemma-3-27B"])
def test_configs_with_unknown_keys_and_nested_text_are_read(name):
    row = next(r for r in models.catalogue.models().values() if r["id"] == name)
    plain = architecture.from_config(row, name, name)
    nested = {"model_type": "x", "vision_config": {"hidden_size": 7}, "text_config": row, "new": []}
    assert architecture.from_config(nested, name, name) == plain


@pytest.mark.parametrize("key", ["llm_config", "language_config", "thinker_config"])
def test_decoders_of_several_modalities_are_found(key):
    row = next(r for r in models.catalogue.models().values() if r["id"] == "Llama-2-7B")
    nested = {"vision_config": {}, key: {"text_config": row}}
    plain = architecture.from_config(row, "x", "x")
    assert architecture.from_config(nested, "x", "x") == plain
    older = {"n_embd": 4096, "n_layer": 32, "n_head": 32, "n_inner": 11008, "vocab_size": 32000}
    assert architecture.from_config(older, "x", "x").active == plain.active


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_size": None}, "has no 'hidden_size'"),
        ({"hidden_size": "4096"}, "must be an integer"),
        ({"num_hidden_layers": 0}, "must not be 0"),
        ({"vocab_size": 1 << 30}, "must be an integer up to"),
        ({"num_key_value_heads": [8, 8]}, "must be an integer"),
        ({"intermediate_size": 0}, "no 'intermediate_size'"),
    ],
)
def test_configs_that_make_no_sense_are_one_line(change, words):
    row = next(r for r in models.catalogue.models().values() if r["id"] == "Llama-2-7B")
    with pytest.raises(UsageError, match=words):
        architecture.from_config({**row, **change}, "x", "x")


CONFIG_KEYS = sorted({key for row in models._known().values() for key in row})
ODD = [0, 1, 2, -1, 8, 4096, 1 << 30, 1.5, "8", None, True, [], [8, 8], {}]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([row for row in models._known().values() if "hidden_size" in row]),
    st.dictionaries(st.sampled_from(CONFIG_KEYS), st.sampled_from(ODD), max_size=3),
)
def test_any_config_is_read_or_refused(row, changes):
    try:
        shape = architecture.from_config({**row, **changes}, "x", "x")
    except UsageError:
        return
    step = demand.decode(shape, weights.parse("bf16"), 4, 100, demand.Layout(8, 8))
    assert min(getattr(step, name) for name in step.__dataclass_fields__) >= 0


@pytest.mark.parametrize(
    ("name", "generation"),
    [
        ("NVIDIA GeForce RTX 3060", "ampere"), ("A100 SXM 80GB", "ampere server"),
        ("RTX 4000 Ada", "ada"), ("RTX4090", "ada"), ("L40S", "ada"), ("H200 SXM", "hopper"),
        ("GB200", "blackwell server"), ("RTX 5090", "blackwell"), ("Tesla T4", "turing"),
        ("M2 Ultra 76-Core GPU", "m2"), ("MI300X", "cdna"), ("RX 7900 XTX", "rdna"),
        ("Xeon 8480", ""), ("Nobody's 5", ""),
    ],
)  # fmt: skip
def test_generations(name, generation):
    assert devices.generation_of(name)[0] == generation


def test_catalogue_counts_agree_with_the_names():
    for name in ("Qwen3-30B-A3B", "Qwen3-235B-A22B", "DeepSeek-V3"):
        found = models.find(name)
        if stated := re.search(r"(\d+)B-A(\d+)B", name):
            assert found.total / 1e9 == pytest.approx(float(stated[1]), rel=0.03)
            assert found.active / 1e9 == pytest.approx(float(stated[2]), rel=0.12)
