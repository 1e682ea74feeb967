# SPDX-License-Identifier: Apache-2.0
"""Files of random weights, read by the tests' own reader and run in float64."""

import os
import subprocess
import sys

import numpy as np
import pytest

import transformer
from conftest import ROOT, SMALL
from membound.model import shape as shapes
from membound.peers import random_weights
from weight_files import read_gguf

DTYPES = ["f32", "f16", "bf16", "q8_0", "q4_0"]


MODELS = {
    "llama": {},
    "qwen3": {"model_type": "qwen3"},
    "qwen3moe": {
        "model_type": "qwen3_moe",
        "num_experts": 5,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
    },
}


@pytest.mark.parametrize("architecture", MODELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_file_has_the_shape_and_type_and_runs(tmp_path, architecture, dtype):
    shape = shapes.from_config(SMALL | MODELS[architecture], "small", "small")
    path = tmp_path / "weights.gguf"
    random_weights.write(path, shape, dtype)
    metadata, tensors, types = read_gguf(path)
    assert metadata["general.architecture"] == architecture
    assert metadata[f"{architecture}.vocab_size"] == shape.vocab_size
    exact = {name for name in types if "norm" in name or "gate_inp" in name}
    assert {types[name] for name in exact} == {"F32"}
    matrices = {name: tensors[name] for name in set(types) - exact}
    assert {types[name] for name in matrices} == {dtype.upper()}
    assert matrices["blk.1.attn_k.weight"].shape == (32, 64)
    for values in matrices.values():
        assert values.std() * np.sqrt(values.shape[-1]) == pytest.approx(1, rel=0.2)
        assert abs(values.mean()) < 0.2 * values.std()
    assert len(path.read_bytes()) % random_weights.ALIGNMENT == 0
    logits = transformer.Sequence(transformer.load(path)).run([3, 1, 4, 1, 5])
    assert 0.1 < logits.std() < 10


def test_the_seed_gives_the_weights(config, tmp_path):
    shape, _ = shapes.load(str(config))
    written = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        random_weights.write(tmp_path / name, shape, "q4_0", seed)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1] != written[2]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--dtype", "q5_0"), "--dtype q5_0 is not one of f32, f16"),
        (("--model", "nothing"), "nothing"),
        (("--model", str(ROOT / "tests/models/odd.json"), "--dtype", "q8_0"), "multiples of 32"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_3(tmp_path, arguments, word):
    done = subprocess.run(
        [sys.executable, "-m", "membound.peers.random_weights", *arguments, "out.gguf"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 3
    assert word in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
