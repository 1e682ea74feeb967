# SPDX-License-Identifier: Apache-2.0
"""membound-bench --generate on the tiny models: logits and tokens against float64.

Errors are the norm of the difference over the norm of float64's logits, over all positions. What a
file's type may cost is what it costs llama.cpp: `SLACK` times its own error on the same file and
prompt. Each kernel path that this CPU has is tried, down to scalar code, and each other device that
the build shows (its HIP kernels may run emulated).
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tiny_models as tiny
import transformer
from conftest import ROOT

PROGRAM = ROOT / "build" / "membound-bench"
F32_ERROR = 1e-5
SLACK = 1.1
DECODED = 8  # tokens whose logits come from decode, not prefill
RULED_OUT = ["none", "avx512_bf16,amx_bf16", "avx512_vnni", "AVX3", "AVX3,AVX2"]  # on the CPU


@dataclass(frozen=True)
class Kernels:
    """A device, and what its kernels have to do without."""

    device: str = "cpu:0"
    without: str = "none"

    def __str__(self) -> str:
        return self.device if self.device != "cpu:0" else f"{self.device} without {self.without}"


def all_kernels() -> list[Kernels]:
    """Of the CPU each path, of every other backend the first device."""
    if not PROGRAM.exists():
        return [Kernels()]
    listed = subprocess.run([PROGRAM, "--list"], capture_output=True, text=True, check=True)
    others = [b["name"] for b in json.loads(listed.stdout)["backends"] if b["devices"] > 0]
    return [Kernels(without=path) for path in RULED_OUT] + [
        Kernels(f"{name}:0") for name in others if name != "cpu"
    ]


pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")
architectures = pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
every_kernel = pytest.mark.parametrize("kernels", all_kernels(), ids=str)
every_device = pytest.mark.parametrize(
    "kernels", [k for k in all_kernels() if k.without == "none"], ids=str
)


@dataclass(frozen=True)
class Generated:
    tokens: list[list[int]]  # of each sequence, without its prompt
    logits: np.ndarray  # [sequence][position][vocabulary]
    said: dict


def generate(
    model: Path,
    prompts: list[list[int]],
    count: int,
    cache: str,
    scratch: Path,
    kernels: Kernels = Kernels(),
) -> Generated:
    logits = scratch / "logits.f32"
    text = ";".join(",".join(map(str, prompt)) for prompt in prompts)
    done = subprocess.run(
        [
            PROGRAM,
            f"--device={kernels.device}",
            f"--model={model}",
            f"--generate={count}",
            f"--prompt={text}",
            f"--cache={cache}",
            f"--logits={logits}",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"MEMBOUND_CPU_WITHOUT": kernels.without},
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    positions = len(prompts[0]) + max(count - 1, 0)
    found = np.fromfile(logits, np.float32).astype(np.float64)
    return Generated(said["tokens"], found.reshape(len(prompts), positions, -1), said)


def exact(model: Path, tokens: list[int], cache: str) -> np.ndarray:
    return transformer.Sequence(transformer.load(model), cache).run(tokens)


def errors(
    model: Path, architecture: str, cache: str, scratch: Path, kernels: Kernels = Kernels()
) -> tuple[float, float, float]:
    """Of the prompt's logits, of those that decode made after it, and of all together."""
    prompt = tiny.prompt(architecture)
    found = generate(model, [prompt], DECODED + 1, cache, scratch, kernels)
    reference = "f16" if cache == "f16" else "f64"
    wanted = exact(model, prompt + found.tokens[0][:-1], reference)
    split = len(prompt)
    return (
        tiny.error(found.logits[0][:split], wanted[:split]),
        tiny.error(found.logits[0][split:], wanted[split:]),
        tiny.error(found.logits[0], wanted),
    )


@architectures
@every_kernel
def test_f32_is_exact(architecture, kernels, tmp_path):
    model = tiny.gguf(architecture, "F32")
    assert max(errors(model, architecture, "f32", tmp_path, kernels)) < F32_ERROR


@architectures
@pytest.mark.parametrize("dtype", tiny.TYPES)
@every_kernel
def test_no_further_from_float64_than_llama_cpp(architecture, dtype, kernels, tmp_path):
    model = tiny.gguf(architecture, dtype)
    theirs = tiny.error(
        tiny.said(architecture, f"llama.cpp/{dtype}"), tiny.exact(model, architecture)
    )
    # Rounding is noise: a few positions alone may have a third more of it, or less.
    assert errors(model, architecture, "f16", tmp_path, kernels)[-1] <= SLACK * theirs


@architectures
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_safetensors_no_further_either(architecture, dtype, tmp_path):
    folder = tiny.hf_folder(architecture)
    if dtype != "BF16":
        folder = tiny.write_hf_folder(architecture, dtype, tmp_path / "model")
    found = errors(folder, architecture, "f32" if dtype == "F32" else "f16", tmp_path)
    if dtype == "F32":
        assert max(found) < F32_ERROR
        return
    # The same weights in its own format are what llama.cpp was asked about.
    theirs = tiny.error(
        tiny.said(architecture, f"llama.cpp/{dtype}"),
        tiny.exact(tiny.gguf(architecture, dtype), architecture),
    )
    assert found[-1] <= SLACK * theirs


@architectures
@every_device
@pytest.mark.parametrize("cache", ["f32", "f16"])
def test_greedy_tokens_are_those_of_llama_cpp_and_hugging_face(
    architecture, kernels, cache, tmp_path
):
    model, prompt = tiny.gguf(architecture, "F32"), tiny.prompt(architecture)
    found = generate(model, [prompt], tiny.STEPS, cache, tmp_path, kernels)
    assert found.tokens == [tiny.greedy(architecture)]


@architectures
@every_device
def test_sequences_of_a_batch_are_apart(architecture, kernels, tmp_path):
    model, prompt = tiny.gguf(architecture, "F32"), tiny.prompt(architecture)
    prompts = [prompt[shift:] + prompt[:shift] for shift in range(5)]
    together = generate(model, prompts, 4, "f32", tmp_path, kernels)
    for number, one in enumerate(prompts):
        wanted = exact(model, one + together.tokens[number][:-1], "f64")
        assert tiny.error(together.logits[number], wanted) < F32_ERROR


@every_device
@pytest.mark.parametrize("batch", [1, 5])
def test_experts_touched_are_those_that_the_router_chose(batch, kernels, tmp_path):
    model, prompt = tiny.gguf("qwen3moe", "F32"), tiny.prompt("qwen3moe")
    prompts = [prompt[shift:] + prompt[:shift] for shift in range(batch)]
    found = generate(model, prompts, DECODED + 1, "f32", tmp_path, kernels)
    chosen = []  # experts [sequence][token][layer]
    for number, one in enumerate(prompts):
        sequence = transformer.Sequence(transformer.load(model), "f64")
        sequence.run(one + found.tokens[number][:-1])
        chosen.append(sequence.chosen)

    def touched(tokens: range) -> float:
        """Of a layer, by one step that runs these tokens of every sequence, on average."""
        layers = range(len(chosen[0][0]))
        return np.mean(
            [
                len({expert for one in chosen for token in tokens for expert in one[token][layer]})
                for layer in layers
            ]
        )

    length = len(prompt)
    decoded = np.mean([touched(range(t, t + 1)) for t in range(length, length + DECODED)])
    wanted = {"prefill": touched(range(length)), "decode": decoded}
    assert found.said["experts_touched"] == pytest.approx(wanted)
