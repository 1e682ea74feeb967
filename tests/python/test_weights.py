# SPDX-License-Identifier: Apache-2.0
"""A file of weights as the model of a run: shape, types, bytes by class of tensor."""

import json
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT
from membound import options
from membound.errors import UsageError
from membound.model import weights, work

PROGRAM = ROOT / "build" / "membound-bench"
FIXTURES = ROOT / "tests" / "fixtures"
FILES = sorted(FIXTURES.glob("*/*.gguf"))

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")


def name(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def described(path: Path) -> dict:
    done = subprocess.run(
        [PROGRAM, "--describe", path], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_step_reads_the_tensors_bytes_class_by_class(path):
    shape, types, _ = weights.read(str(path), None, None)
    assert types.weights == path.stem.lower()
    assert types.cache == "f16"
    file = described(path)
    step = work.decode(shape, types, 1, 5)
    read = step.bytes_by_class
    assert read.pop("cache") == work.kv_bytes(shape, types, 1, 5 + 1)  # five read, one written
    assert read == {kind: n for kind, n in file["decode_token_bytes"].items() if read.get(kind)}
    assert sum(read.values()) == file["decode_token_bytes"]["total"]
    scaling = file["tensors"].get("other", {"bytes": 0})["bytes"]  # factors of the rotation
    assert work.weight_bytes(shape, types) == file["bytes"] - scaling


@pytest.mark.parametrize("path", FILES[:1], ids=name)
def test_options_take_shape_and_types_from_the_file(path):
    found = options.check("quick", str(path), None, None, "1", "8", "8", 10.0)
    assert found.types.weights == path.stem.lower()
    assert found.model_argument == str(path.resolve())
    assert f"--dtype={found.types.weights}" in found.arguments()
    with pytest.raises(UsageError, match="leave --dtype out"):
        options.check("quick", str(path), "f32", None, "1", "8", "8", 10.0)


def test_what_the_program_refuses_is_a_usage_error(tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF but not really")
    with pytest.raises(UsageError, match=r"broken\.gguf"):
        weights.read(str(path), None, None)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [("x.gguf", True), ("x.safetensors", True), ("model.safetensors.index.json", True),
     ("config.json", False), ("Llama-3.2-1B", False)],
)  # fmt: skip
def test_files_are_known_by_their_names(argument, expected):
    assert weights.is_file_of(argument) is expected


def test_a_folder_is_one_of_weights_where_it_holds_some(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert not weights.is_file_of(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert weights.is_file_of(str(tmp_path))
