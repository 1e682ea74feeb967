# SPDX-License-Identifier: Apache-2.0
"""Reading a config.json: defaults, nesting, and one clear line for everything that is wrong."""

import json

import pytest

from conftest import SMALL
from membound.errors import UsageError
from membound.model import shape


def of(**changes):
    merged = SMALL | changes
    config = {key: value for key, value in merged.items() if value is not ...}
    return shape.from_config(config, "small", "small")


def test_defaults():
    found = of(num_key_value_heads=...)
    assert (found.kv_heads, found.head_dim, found.tie_word_embeddings) == (4, 16, False)
    assert of(model_type="gemma2").tie_word_embeddings is True


MIXTURE = {
    "model_type": "qwen3_moe",
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}


def test_a_mixture_as_in_qwen3_moe():
    found = of(**MIXTURE)
    assert (found.experts, found.experts_per_token, found.expert_intermediate) == (8, 2, 32)
    assert found.qk_norm
    assert not of().qk_norm
    assert of(model_type="qwen3").qk_norm


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_experts_per_tok": 9}, "more than num_experts"),
        ({"num_experts_per_tok": 65}, "from 1 to 64"),
        ({"moe_intermediate_size": ...}, "moe_intermediate_size"),
        ({"num_experts": 0}, "from 1 to"),
        ({"mlp_only_layers": [0]}, "dense layers"),
        ({"decoder_sparse_step": 2}, "dense layers"),
    ],
)
def test_odd_mixtures_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        of(**(MIXTURE | changes))


def test_text_config_wins_over_the_outer_object():
    outer = {"model_type": "x", "vocab_size": 5, "text_config": SMALL}
    assert shape.from_config(outer, "nested", "nested").vocab_size == 1000


def test_a_folder_or_file_gives_its_name(config):
    for argument in (config, config.parent):
        found, for_program = shape.load(str(argument))
        assert found.id == "small"
        assert for_program == str(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": ...}, "no 'hidden_size'"),
        ({"hidden_size": 0}, "from 1 to"),
        ({"hidden_size": -64}, "from 1 to"),
        ({"hidden_size": 2**40}, "from 1 to"),
        ({"hidden_size": 64.0}, "integer"),
        ({"hidden_size": True}, "integer"),
        ({"hidden_size": "64"}, "integer"),
        ({"num_hidden_layers": 1025}, "1024"),
        ({"num_key_value_heads": 3}, "not a multiple"),
        ({"head_dim": 15}, "even"),
        ({"head_dim": 1024}, "at most 512"),
        ({"tie_word_embeddings": 1}, "true or false"),
        ({"num_experts": 8}, "mixture of 8 experts"),
        ({"num_local_experts": 8}, "mixture"),
        ({"n_routed_experts": 8}, "mixture"),
        ({"kv_lora_rank": 512}, "latent"),
        ({"model_type": "gpt2"}, "without a gate"),
    ],
)
def test_bad_configs_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        of(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not valid JSON"), ("[1]", "JSON object"), ("[" * 100000, "not valid JSON")],
)
def test_broken_files_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as raised:
        shape.load(str(path))
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        shape.load(str(tmp_path))
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not valid JSON"):
        shape.load(str(tmp_path))


def test_shape_survives_a_record():
    found = of()
    assert shape.Shape.from_record(json.loads(json.dumps(found.as_dict()))) == found
    with pytest.raises(UsageError, match="not a shape"):
        shape.Shape.from_record({"id": "x"})
