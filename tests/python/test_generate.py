# SPDX-License-Identifier: Apache-2.0
"""membound-bench --generate: sequences apart from each other, prefill and decode of one mind."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT

PROGRAM = ROOT / "build" / "membound-bench"
MODELS = ROOT / "tests" / "models"
PROMPTS = [[1, 2, 3, 4], [9, 8, 7, 6], [500, 1, 500, 1]]

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")


def call(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def generate(model: str, prompts: list[list[int]], count: int, *flags: str) -> dict:
    text = ";".join(",".join(map(str, prompt)) for prompt in prompts)
    path = MODELS / f"{model}.json"
    done = call(f"--model={path}", "--dtype=f32", f"--generate={count}", f"--prompt={text}", *flags)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("model", ["small", "odd", "mixture", "scaled"])
def test_a_sequence_is_the_same_alone_and_among_others(model):
    prompts = [[token % 500 for token in prompt] for prompt in PROMPTS]
    together = generate(model, prompts, 6)["tokens"]
    assert [generate(model, [prompt], 6)["tokens"][0] for prompt in prompts] == together


@pytest.mark.parametrize("model", ["small", "mixture"])
def test_logits_are_of_every_position_and_decide_the_tokens(tmp_path: Path, model):
    out = tmp_path / "logits"
    found = generate(model, PROMPTS[:2], 5, f"--logits={out}")
    logits = np.fromfile(out, np.float32).reshape(2, 4 + 4, 1000)
    assert np.isfinite(logits).all()
    for sequence, tokens in enumerate(found["tokens"]):
        assert logits[sequence, 3:].argmax(axis=1).tolist() == tokens
    # What was generated token by token, in one prefill.
    whole = [p + t[:4] for p, t in zip(PROMPTS[:2], found["tokens"], strict=True)]
    assert generate(model, whole, 0, f"--logits={out}")["tokens"] == [[], []]
    again = np.fromfile(out, np.float32).reshape(2, 8, 1000)
    assert np.abs(again - logits).max() < 2e-5 * np.abs(logits).max()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--prompt=1"], "--model"),
        ([f"--model={MODELS}/small.json"], "--prompt"),
        ([f"--model={MODELS}/small.json", "--prompt=1,2;3"], "as many tokens"),
        ([f"--model={MODELS}/small.json", "--prompt=1000"], "vocabulary of 1000"),
        ([f"--model={MODELS}/small.json", "--prompt=-1"], "number from 0"),
        ([f"--model={MODELS}/small.json", "--prompt=1", "--logits=/nowhere/x"], "/nowhere/x"),
    ],
)
def test_wrong_use_is_one_line_and_code_3(flags, says):
    done = call("--generate=2", *flags)
    assert done.returncode == 3, done.stderr
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
