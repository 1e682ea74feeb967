# SPDX-License-Identifier: Apache-2.0
"""The float64 reference against llama.cpp and Hugging Face: three authors, one result.

Where all arithmetic is f32 and no cache is rounded, they differ by rounding alone. In the other
types llama.cpp rounds activations to the weights' type (bytes with a scale for Q8_0 and Q4_0), and
queries and chances to f16: those errors are what our own are held against.
"""

import math

import numpy as np
import pytest

import tiny_models as tiny
import transformer

F32_ERROR = 2e-6  # seen: 3.8e-7 to 7.3e-7
# llama.cpp's own, seen: within these by 1.3 to 2 times. A wrong layout is off by 1 or so.
LLAMA_CPP_ERROR = {"F32": 1e-3, "F16": 2.5e-3, "BF16": 1.5e-2, "Q8_0": 5e-2, "Q4_0": 5e-2}

architectures = pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)


@architectures
def test_float64_equals_llama_cpp_in_f32(architecture):
    wanted = tiny.exact(tiny.gguf(architecture, "F32"), architecture, "f64")
    assert tiny.error(tiny.said(architecture, "llama.cpp/F32/cache-f32"), wanted) < F32_ERROR


@architectures
@pytest.mark.parametrize("dtype", tiny.TYPES)
def test_llama_cpp_is_as_far_from_float64_as_its_rounding_explains(architecture, dtype):
    wanted = tiny.exact(tiny.gguf(architecture, dtype), architecture)
    found = tiny.error(tiny.said(architecture, f"llama.cpp/{dtype}"), wanted)
    assert LLAMA_CPP_ERROR[dtype] / 10 < found < LLAMA_CPP_ERROR[dtype]


@architectures
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_float64_equals_hugging_face_from_safetensors(architecture, dtype, tmp_path):
    folder = tiny.hf_folder(architecture)
    if dtype != "BF16":
        folder = tiny.write_hf_folder(architecture, dtype, tmp_path / "model")
    wanted = tiny.exact(folder, architecture, "f64")
    assert tiny.error(tiny.said(architecture, f"hf/{dtype}"), wanted) < F32_ERROR


@architectures
@pytest.mark.parametrize("cache", ["f16", "f64"])
def test_greedy_tokens_are_no_close_calls(architecture, cache):
    sequence = transformer.Sequence(transformer.load(tiny.gguf(architecture, "F32")), cache)
    said, lead = sequence.greedy(tiny.prompt(architecture), tiny.STEPS)
    assert said == tiny.greedy(architecture)
    assert min([lead, *sequence.router_margins]) > 1e-3


@architectures
def test_both_formats_hold_the_same_model(architecture):
    one = tiny.exact(tiny.gguf(architecture, "BF16"), architecture, "f64")
    other = tiny.exact(tiny.hf_folder(architecture), architecture, "f64")
    # Norms (and a router) are F32 in one and BF16 in the other.
    assert tiny.error(one, other) < 2e-2


def test_llama3_scaling_keeps_blends_and_slows():
    rope = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    rope["original_max_position_embeddings"] = 256
    # Waves of 32, 64 and 128 positions, then of 256 and more.
    plain = 2 * math.pi / np.array([32.0, 64.0, 128.0, 256.0, 512.0])
    blend = (2 - 1) / (4 - 1)
    expected = [1, 1, blend + (1 - blend) / 4, 1 / 4, 1 / 4]
    assert transformer.llama3_frequencies(plain, rope) / plain == pytest.approx(expected)
