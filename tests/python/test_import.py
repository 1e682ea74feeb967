# SPDX-License-Identifier: Apache-2.0
"""Engines' own files become records; beside ours they stand with our steps and predictions."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine_files
from conftest import Cli
from membound.cli import main
from membound.errors import UsageError
from membound.importing import write
from membound.importing.source import Given
from membound.record import EngineResult, Record


def imported(kind: str, path: Path, content: object, **flags: Any) -> list[EngineResult]:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return write.KINDS[kind](path, Given(**flags))


def test_llama_bench_tests_become_prefill_decode_and_request(tmp_path: Path) -> None:
    tests = [
        engine_files.llama_bench_test(512, 0),
        engine_files.llama_bench_test(0, 128),
        engine_files.llama_bench_test(64, 32),
        engine_files.llama_bench_test(0, 128, depth=1000),
    ]
    prefill, decode, request, deep = imported("llama-bench", tmp_path / "x.json", tests)
    assert (prefill.phase, prefill.context, prefill.seconds) == ("prefill", 512, 0.5)
    assert prefill.tokens_per_s == pytest.approx(1024)
    assert (decode.phase, decode.context, decode.batch) == ("decode", 64, 1)
    assert decode.tokens_per_s == pytest.approx(16)
    assert (request.phase, request.prompt, request.generated) == ("request", 64, 32)
    assert request.tokens_per_s == pytest.approx(64)
    assert deep.context == 1064
    assert deep.notes == ["from a cache of 1000 tokens"]
    for result in (prefill, decode, request, deep):
        assert (result.engine, result.version) == ("llama.cpp", "b4762-c392e509")
        assert (result.model, result.dtype, result.device) == ("Small", "q8_0", "cpu:0")
        assert len(result.samples) == 3


def test_llama_bench_lines_are_the_same_as_a_list(tmp_path: Path) -> None:
    tests = [engine_files.llama_bench_test(512, 0), engine_files.llama_bench_test(0, 16)]
    as_list = imported("llama-bench", tmp_path / "x.json", tests)
    as_lines = imported("llama-bench", tmp_path / "x.jsonl", engine_files.lines(tests))
    assert as_list == as_lines


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"model_type": "llama 1B BF16"}, {"dtype": "bf16"}),
        ({"model_type": "llama 8B mostly Q4_K - Medium"}, {"dtype": "q4_k"}),
        ({"model_type": "llama 8B Q4_K_M"}, {"dtype": "q4_k"}),
        ({"model_type": "qwen3moe 30B.A3B IQ4_XS - 4.25 bpw"}, {"dtype": "iq4_xs"}),
        ({"model_type": "llama 1B all F32"}, {"dtype": "f32"}),
        ({"model_filename": "/m/Llama-3.2-1B-Instruct-Q4_K_M.gguf"},
         {"model": "Llama-3.2-1B-Instruct"}),
        ({"model_filename": "Qwen3-0.6B.BF16.gguf"}, {"model": "Qwen3-0.6B"}),
        ({"backends": "CUDA", "n_gpu_layers": 99}, {"device": "cuda:0"}),
        ({"backends": "BLAS, ROCm", "n_gpu_layers": 99}, {"device": "rocm:0"}),
        ({"backends": "CUDA", "n_gpu_layers": 0}, {"device": "cpu:0"}),
        ({"samples_ns": None}, {"seconds": 0.5}),
    ],
)  # fmt: skip
def test_llama_bench_fields(tmp_path: Path, changed: dict, wanted: dict) -> None:
    test = engine_files.llama_bench_test(512, 0, **changed)
    (found,) = imported("llama-bench", tmp_path / "x.json", [test])
    assert {key: getattr(found, key) for key in wanted} == wanted


def test_vllm_latency_needs_what_its_file_leaves_out(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    said = {"model": "Small", "dtype": "bf16", "batch": 4, "prompt": 128, "generated": 17}
    (found,) = imported("vllm", path, engine_files.latency(), **said)
    assert (found.phase, found.decode_steps, found.seconds) == ("request", 16, 1.25)
    assert found.tokens_per_s == pytest.approx(4 * 17 / 1.25)
    for missing in said:
        with pytest.raises(UsageError, match=f"--{missing}"):
            imported("vllm", path, engine_files.latency(), **{**said, missing: None})
    (whole,) = imported("vllm", path, engine_files.latency_pytorch())
    assert whole.model_dump(exclude={"settings"}) == found.model_dump(exclude={"settings"})


def test_vllm_serving_gives_decode_and_a_lone_requests_prefill(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    (decode,) = imported("vllm", path, engine_files.serving(), dtype="bf16")
    assert (decode.phase, decode.batch, decode.context) == ("decode", 4, 128 + 32)
    assert decode.tokens_per_s == pytest.approx(4 / 0.030)
    found = imported("vllm", path, engine_files.serving(1), dtype="bf16")
    assert [result.phase for result in found] == ["decode", "prefill"]
    assert found[1].tokens_per_s == pytest.approx(128 / 0.25)
    with pytest.raises(UsageError, match="--batch"):
        imported("vllm", path, engine_files.serving(None), dtype="bf16")
    with pytest.raises(UsageError, match="--dtype"):
        imported("vllm", path, engine_files.serving())


def test_a_tables_rows_of_one_point_are_its_samples(tmp_path: Path) -> None:
    decode, prefill = imported("hf", tmp_path / "x.csv", engine_files.TABLE)
    assert (decode.seconds, decode.batch, len(decode.samples)) == (0.05, 2, 3)
    assert decode.tokens_per_s == pytest.approx(40)
    assert (prefill.engine, prefill.tokens) == ("transformers", 512)


BAD = {
    "llama-bench": [
        "", "[]", "{", "| model | t/s |", "[1]", '"text"', "[[[]]]", '[{"n_prompt": 1}]',
        json.dumps([engine_files.llama_bench_test(0, 0)]),
        json.dumps([engine_files.llama_bench_test(-1, 0)]),
        json.dumps([engine_files.llama_bench_test(1 << 40, 0)]),
        json.dumps([engine_files.llama_bench_test(True, 0)]),
        json.dumps([engine_files.llama_bench_test(8, 0, samples_ns=[0])]),
        json.dumps([engine_files.llama_bench_test(8, 0, samples_ns=["1"])]),
        json.dumps([engine_files.llama_bench_test(8, 0, samples_ns="1")]),
        json.dumps([engine_files.llama_bench_test(8, 0, samples_ns=[], avg_ns=None)]),
        json.dumps([engine_files.llama_bench_test(8, 0, samples_ns=[float("nan")])]),
        json.dumps([engine_files.llama_bench_test(8, 0, model_type="llama")]),
        json.dumps([engine_files.llama_bench_test(8, 0)])[:-20],
    ],
    "vllm": [
        "", "{}", "[{}]", '{"latencies": []}', '{"benchmark": 1, "metric": 2}',
        json.dumps(engine_files.serving() | {"completed": 0}),
        json.dumps(engine_files.serving() | {"median_tpot_ms": -1}),
        json.dumps(engine_files.serving() | {"max_concurrency": "four"}),
    ],
    "hf": [
        "", "a,b,c\n1,2,3\n", "model,dtype,phase,batch,context,seconds\n",
        *(engine_files.TABLE + f"Small,bf16,{rest}\n"
          for rest in ("decode,0,1,1", "decode,1,1,0", "decode,1,1,nan", "decode,1,1,x",
                       "walk,1,1,1", "decode,1.5,1,1", "decode,1", "decode,1,99999999999,1",
                       "decode,\N{SUPERSCRIPT TWO},1,1")),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "content"), [(kind, content) for kind, all_ in BAD.items() for content in all_]
)
def test_bad_files_are_one_line_and_leave_nothing(
    cli: Cli, tmp_path: Path, kind: str, content: str
) -> None:
    (tmp_path / "bad").write_text(content)
    done = cli("import", kind, "bad", "--out", "record")
    assert done.returncode == 3, done
    assert done.stderr.count("\n") == 1
    assert "bad" in done.stderr
    assert not (tmp_path / "record").exists()


def test_files_that_are_no_text_or_not_there(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for name in ("bytes", "absent", "."):
        done = cli("import", "vllm", name, "--out", "record")
        assert (done.returncode, done.stderr.count("\n")) == (3, 1), done
    done = cli("import", "abacus", "bytes", "--out", "record")
    assert done.returncode == 3
    assert "llama-bench" in done.stderr


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    field=st.sampled_from(sorted(engine_files.llama_bench_test(8, 8))),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=4,
    ),
)
def test_any_value_of_a_field_is_read_or_refused(tmp_path: Path, field: str, value: Any) -> None:
    test = engine_files.llama_bench_test(8, 8) | {field: value}
    try:
        (found,) = imported("llama-bench", tmp_path / "x.json", [test])
    except UsageError:
        return
    assert found.seconds > 0
    assert Record.model_validate_json(
        Record(version="", started_at="", settings={}, engine_results=[found]).model_dump_json()
    ).engine_results == [found]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.text(max_size=6), min_size=6, max_size=6), max_size=3))
def test_any_table_is_read_or_refused(tmp_path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["model", "dtype", "phase", "batch", "context", "seconds"], *rows])
    try:
        imported("hf", tmp_path / "x.csv", text.getvalue())
    except UsageError as error:
        assert "\n" not in " ".join(str(error).split())


def test_beside_ours_they_have_steps_and_predictions(
    finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = json.loads((finished / "record.json").read_text())
    model, device = ours["model"]["id"], ours["devices"][0]["id"]
    tests = [
        engine_files.llama_bench_test(128, 0, model_type="x BF16"),
        engine_files.llama_bench_test(0, 240, model_type="x BF16"),
        engine_files.llama_bench_test(0, 4000, model_type="x BF16"),
        engine_files.llama_bench_test(64, 32, model_type="x BF16"),
        engine_files.llama_bench_test(128, 0, model_type="x BF16", depth=64),
    ]
    Path("x.json").write_text(json.dumps(tests))
    said = ["--model", model, "--device", device, "--out", "theirs"]
    assert main(["import", "llama-bench", "x.json", *said, "--json"]) == 0
    alone = json.loads(capfd.readouterr().out)
    assert all(row["ours"] is None for row in alone["engines"])
    assert main(["compare", "theirs", str(finished), "--json"]) == 0
    both = json.loads(capfd.readouterr().out)
    # Engines' rows are apart: ours and their residuals stay what they were.
    assert len(both["rows"]) == len(ours["comparison"]["rows"])
    *fitting, behind = both["engines"]
    prefill, decode, deep, request = fitting
    assert behind["predicted"]["C"] is None
    assert "behind a filled cache" in behind["why_not"]
    measured = {(r["phase"], r["batch"]): r["measured"] for r in both["rows"]}
    assert prefill["ours"] == measured["prefill", 1]
    assert prefill["ratio"] == pytest.approx(prefill["ours"] / 256)
    assert (decode["ours"], decode["ours_context"]) == (measured["decode", 1], 128)
    assert deep["ours"] is None  # the cache of 2000 tokens is other work
    assert request["ours"] is None
    for row in fitting:
        assert row["predicted"]["C"] > 0
        rate = row["result"]["tokens_per_s"]
        assert row["residual_pct"]["C"] == pytest.approx((rate / row["predicted"]["C"] - 1) * 100)
    # A request is its prefill and its steps, one after another.
    assert request["predicted"]["C"] < decode["predicted"]["C"]
    assert main(["compare", str(finished), "theirs"]) == 0
    assert "llama.cpp b4762" in capfd.readouterr().out
    assert main(["report", str(finished), "theirs", "--out", "page"]) == 0
    html = Path("page/report.html").read_text()
    assert "Other engines" in html
    assert "llama.cpp b4762" in html


def test_another_model_is_told_apart(finished: Path, tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "x.json").write_text(json.dumps([engine_files.llama_bench_test(128, 0)]))
    assert cli("import", "llama-bench", "x.json", "--out", "theirs").returncode == 0
    done = cli("compare", "theirs", str(finished), "--json")
    (row,) = json.loads(done.stdout)["engines"]
    assert row["ours"] is None
    assert "--model Qwen2.5-0.5B" in row["why_not"]
    again = cli("import", "llama-bench", "x.json", "--out", "theirs")
    assert again.returncode == 3
