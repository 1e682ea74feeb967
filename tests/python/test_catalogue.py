# SPDX-License-Identifier: Apache-2.0
"""Every row of the model catalogue has a source, parses, and has the parameters it states."""

import pytest

from membound import catalogue
from membound.errors import UsageError
from membound.model import shape
from parameters import count

ROWS = list(catalogue.models().values())
STATED = [row for row in ROWS if "stated_parameters_billion" in row]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_row_has_a_source_and_is_a_shape_or_refused_with_a_reason(row):
    assert row["source"].strip()
    assert row["hf_id"].count("/") == 1
    other = row.get("kv_lora_rank") or row.get("mlp_gated") is False
    mixture = row.get("num_experts") and row.get("model_type") != "qwen3_moe"
    if not (other or mixture):
        assert shape.from_config(row, row["id"], "row").id == row["id"]
    else:
        with pytest.raises(UsageError, match="cannot run"):
            shape.from_config(row, row["id"], "row")


@pytest.mark.parametrize("row", STATED, ids=lambda row: row["id"])
def test_parameter_count_is_the_stated_one(row):
    # Publishers round: 16 stands for 15.7.
    assert count(row) / 1e9 == pytest.approx(row["stated_parameters_billion"], rel=0.025)


def test_ids_are_unique_and_found_in_any_case_and_by_hugging_face_id():
    assert len({row["id"].casefold() for row in ROWS}) == len(ROWS)
    assert catalogue.find_model("llama-3.2-1b")["id"] == "Llama-3.2-1B"
    assert catalogue.find_model("Qwen/Qwen2.5-0.5B")["id"] == "Qwen2.5-0.5B"


@pytest.mark.parametrize(
    ("name", "hint"), [("Lama-3.2-1B", "Llama-3.2-1B"), ("mixtral", "Mixtral-8x7B"), ("", "ids in")]
)
def test_unknown_model_lists_close_matches(name, hint):
    with pytest.raises(UsageError, match=hint):
        catalogue.find_model(name)
