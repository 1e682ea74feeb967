# SPDX-License-Identifier: Apache-2.0
"""`membound-bench --describe` on whole and on broken files, and predictions from what it says."""

import json
import subprocess
from pathlib import Path

import pytest

import model_files
from membound.cli import main
from membound.model import types

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "build" / "membound-bench"

pytestmark = pytest.mark.skipif(not BENCH.exists(), reason="no build of the project here")


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [str(BENCH), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def described(path: Path) -> dict:
    done = run("--describe", str(path))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_folder(folder: Path, architecture: str) -> Path:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(model_files.safetensors(architecture))
    (folder / "config.json").write_text(json.dumps(model_files.config(architecture)))
    return folder


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "qwen3moe"])
def test_both_formats_are_described_alike(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(model_files.gguf(architecture, "bf16"))
    gguf = described(path)
    folder = described(write_folder(tmp_path / "m", architecture))
    assert (gguf["format"], folder["format"]) == ("gguf", "safetensors")
    assert gguf["architecture"] == folder["architecture"] == architecture
    assert gguf["shape"] == folder["shape"]
    for name in ("embedding", "attention", "mlp", "head"):
        assert gguf["tensors"][name] == folder["tensors"][name]
    # Norms and the router are f32 in one and bf16 in the other; experts are one tensor or many.
    for name in ("experts", "norms", "router"):
        factor = 1 if name == "experts" else 2
        assert gguf["tensors"][name]["bytes"] == factor * folder["tensors"][name]["bytes"]
    assert gguf["problem"] is None


def test_bytes_are_the_tensors_own(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    others = {"attn_v": "q6_k", "ffn_down": "q8_0", "attn_output": "q8_0"}
    path.write_bytes(model_files.gguf("llama", "q4_k", others, layers=3, hidden=256))
    found = described(path)
    assert found["tensors"]["attention"]["types"] == {
        "q4_k": {"count": 6, "bytes": 3 * (32 + 16) * 144},
        "q6_k": {"count": 3, "bytes": 3 * 16 * 210},
        "q8_0": {"count": 3, "bytes": 3 * 256 * 34},
    }
    assert found["unsupported_types"].keys() == {"q4_k", "q6_k"}
    reads, tensors = found["decode_token_bytes"], found["tensors"]
    assert reads["embedding"] == 144
    in_full = ("attention", "mlp", "norms", "head")
    assert reads["total"] == 144 + sum(tensors[name]["bytes"] for name in in_full)


BROKEN = {
    "empty": b"",
    "short": b"GGUF",
    "noise": bytes(range(256)) * 8,
    "truncated": model_files.gguf()[:-64],
    "count": model_files.gguf().replace(b"GGUF\x03\0\0\0", b"GGUF\x03\0\0\0" + b"\xff" * 7, 1),
    "version": model_files.gguf().replace(b"GGUF\x03", b"GGUF\x09", 1),
    "metadata": model_files.gguf(block_count=7),
    "zero": model_files.gguf(block_count=0),
    "huge": model_files.gguf(embedding_length=(1 << 32) - 1),
    "heads": model_files.gguf(**{"attention.head_count": 3}),
    "text": model_files.gguf(block_count="one\ntwo"),
}


@pytest.mark.parametrize("flags", [["--describe={}"], ["--model={}", "--print-work"]])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line_and_code_3(tmp_path: Path, name: str, flags: list[str]) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(BROKEN[name])
    done = run(*(flag.format(path) for flag in flags))
    assert done.returncode == 3, done
    assert done.stderr.count("\n") == 1
    assert "m.gguf" in done.stderr
    assert done.stdout == ""


def test_a_truncated_folder_is_one_line_and_code_3(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "m", "llama")
    whole = (folder / "model.safetensors").read_bytes()
    for size in (0, 7, 8, 100, len(whole) - 1):
        (folder / "model.safetensors").write_bytes(whole[:size])
        done = run("--describe", str(folder))
        assert (done.returncode, done.stderr.count("\n")) == (3, 1), done


def test_other_architectures_are_described_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(model_files.gguf("gemma3"))
    assert "'gemma3' can't be run" in described(path)["problem"]
    done = run(f"--model={path}", "--print-work")
    assert done.returncode == 3
    assert "gemma3" in done.stderr


def predicted(capfd: pytest.CaptureFixture, record: Path, model: Path, *flags: str) -> dict:
    capfd.readouterr()
    command = ["predict", "--machine", str(record), "--model", str(model), "--json", *flags]
    assert main(command) == 0, capfd.readouterr().err
    return json.loads(capfd.readouterr().out)


@pytest.mark.parametrize(
    ("architecture", "dtype", "others"),
    [
        ("llama", "f16", {}),
        ("llama", "q4_k", {"attn_v": "q6_k", "ffn_down": "q4_0", "attn_output": "q8_0"}),
        ("qwen3", "q6_k", {"ffn_down": "bf16", "attn_output": "q4_0"}),
        ("qwen3moe", "q8_0", {"ffn_down_exps": "q4_0"}),
    ],
)
def test_a_predicted_step_reads_the_files_own_bytes(
    finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture,
    architecture: str, dtype: str, others: dict[str, str],
) -> None:  # fmt: skip
    path = tmp_path / "m.gguf"
    path.write_bytes(model_files.gguf(architecture, dtype, others, layers=3, hidden=256))
    reads = described(path)["decode_token_bytes"]["total"]
    found = predicted(capfd, finished, path, "--context", "10")
    cache = 3 * 2 * model_files.HEAD_DIM * 2 * (10 + 1)  # f16, ten tokens read and one written
    assert found["bytes_per_step"] == reads + cache
    assert found["dtype"] == dtype
    assert found["tokens_per_s"] > 0
    prefill = predicted(capfd, finished, path, "--phase", "prefill", "--tokens", "32")
    assert prefill["tokens_per_s"] > 0


def test_prediction_refuses_what_cannot_be_run_at_all(
    finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    path = tmp_path / "m.gguf"
    for content, flags, says in (
        (model_files.gguf("gemma3"), [], "gemma3"),
        (model_files.gguf(), ["--dtype", "q8_0"], "leave --dtype out"),
        (model_files.gguf(), ["--cache", "q8_0"], "unknown cache"),
        (model_files.gguf()[:-40], [], "truncated"),
    ):
        path.write_bytes(content)
        capfd.readouterr()
        code = main(["predict", "--machine", str(finished), "--model", str(path), *flags])
        error = capfd.readouterr().err
        assert (code, error.count("\n")) == (3, 1), error
        assert says in error


def test_both_languages_know_the_same_blocks(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    others = {"attn_output": "f32", "ffn_down": "f32"}  # whose rows are too short for some blocks
    for name, (_, elements, size) in model_files.GGUF_TYPES.items():
        assert types.block(name) == (elements, size), name
        path.write_bytes(model_files.gguf("llama", name, others, hidden=256))
        kept = described(path)["tensors"]["head"]["types"]
        assert kept == {name: {"count": 1, "bytes": 8 * 256 // elements * size}}
    formats_of_safetensors_alone = {"f8_e4m3", "f8_e5m2"}
    known = {*types.NAMES, *types.DESCRIBED} - formats_of_safetensors_alone
    assert known == model_files.GGUF_TYPES.keys()
