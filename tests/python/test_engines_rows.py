# SPDX-License-Identifier: Apache-2.0
"""Published rows from outside: defects are skipped and counted, broken files are one line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.engines import names, points, rows, weights
from membound.errors import UsageError

GOOD = {
    "device": "RTX 4090",
    "engine": "llama.cpp CUDA",
    "model": "Llama 2 7B",
    "phase": "decode",
    "tokens_per_s": "150",
    "weight_dtype": "Q4_0",
    "batch": "1",
}


def write(path, *changes):
    columns = list(dict.fromkeys(key for change in changes for key in {**GOOD, **change}))
    lines = [",".join(columns)]
    lines += [",".join({**GOOD, **change}.get(key, "") for key in columns) for change in changes]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_optional_columns_may_be_absent(tmp_path):
    table = rows.read([write(tmp_path / "x.csv", {})])
    (point,) = points.build(table)
    assert not table.skipped
    assert point.work.device.bandwidth_GBps == 1008
    assert point.group == "decode, one stream"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tokens_per_s": "fast"}, "tokens_per_s is not a number"),
        ({"tokens_per_s": "0"}, "tokens_per_s is out of range"),
        ({"tokens_per_s": "-3"}, "tokens_per_s is out of range"),
        ({"tokens_per_s": "nan"}, "tokens_per_s is out of range"),
        ({"tokens_per_s": "inf"}, "tokens_per_s is out of range"),
        ({"tokens_per_s": ""}, "tokens_per_s is missing"),
        ({"batch": "many"}, "batch is not a number"),
        ({"batch": "0"}, "batch is out of range"),
        ({"batch": ""}, "decode without batch"),
        ({"n_devices": "1e9"}, "n_devices is out of range"),
        ({"prompt_len": "-1"}, "prompt_len is out of range"),
        ({"device": "Nobody's 5"}, "device unknown and no mem_bw_GBps"),
        ({"model": "Nobody's"}, "model unknown and no params_B"),
        ({"weight_dtype": "odd"}, "weight_dtype unknown and no weight_bytes_GB"),
        ({"phase": "sleep"}, "unknown phase"),
        ({"phase": "max serving"}, "serving without prompt_len and gen_len"),
        ({"tokens_per_s": "1e30"}, "tokens_per_s is out of range"),
        ({"tokens_per_s": "1e-30"}, "tokens_per_s is out of range"),
        ({"tokens_per_s": "1,500"}, "row with more or fewer fields than the header"),
        ({"mem_bw_GBps": "0"}, "mem_bw_GBps is out of range"),
        ({"mem_bw_GBps": "1e30"}, "mem_bw_GBps is out of range"),
        ({"peak_tflops_fp16": "-1"}, "peak_tflops_fp16 is out of range"),
        ({"params_B": "1e30"}, "params_B is out of range"),
        ({"tp": "0.5"}, "tp is out of range"),
        ({"ep": "inf"}, "ep is out of range"),
    ],
)
def test_a_defect_is_skipped_and_counted(tmp_path, change, reason):
    table = rows.read([write(tmp_path / "x.csv", {}, change)])
    assert len(points.build(table)) == 1
    assert table.skipped == {reason: 1}


def test_spreadsheets_files_are_read(tmp_path):
    """A byte order mark, CRLF, spaces around names, columns that nobody knows, quotes."""
    path = write(tmp_path / "x.csv", {"colour": "red", "note": '"said ""fast"", twice"'})
    text = path.read_text().replace("device,", " device ,").replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    table = rows.read([path])
    (point,) = points.build(table)
    assert not table.skipped
    assert point.row.note == 'said "fast", twice'


NUMBERS = ["", "0", "-1", "0.5", "1e-30", "1e30", "1e308", "nan", "8", "512", "x", "0x10", "1_000"]
FIELDS = {
    "device": ["RTX 4090", "H100 SXM", "Nobody's 5", ""],
    "engine": ["vllm", "llama.cpp (Dec 2023)", "new"],
    "model": ["Llama 2 7B", "gpt-oss-20b", "DeepSeek-R1", "new-30B-A0.001B", "x"],
    "phase": ["decode", "prefill", "serving", "decode (continuous batching, TPOT)",
              "decode (incl. prefill time)"],
    "weight_dtype": ["bf16", "odd", "0bpw", "INT4 g0", ""],
    "note": ["", "TTFT 24323.1 ms", "TTFT 0 ms"],
    **dict.fromkeys(rows.LIMITS, NUMBERS),
}  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_row_is_predicted_or_counted(data):
    usual = {**GOOD, "mem_bw_GBps": "1000", "prompt_len": "128", "gen_len": "64"}
    odd = data.draw(st.lists(st.sampled_from(list(FIELDS)), max_size=4, unique=True))
    fields = usual | {name: data.draw(st.sampled_from(FIELDS[name])) for name in odd}
    table = rows.Table()
    rows._add(fields, Path("x.csv"), 2, table)
    made = points.build(table)
    assert len(made) + sum(table.skipped.values()) == 1
    for point in made:
        assert np.isfinite(point.seconds).all()
        assert (point.seconds >= 0).all()
        assert 0 < point.seconds.sum() < 1e9


def test_a_first_token_that_takes_long_leaves_fewer_sequences(tmp_path):
    served = {"phase": "decode (continuous batching)", "batch": "64", "gen_len": "100",
              "prompt_len": "1000", "tokens_per_s": "6400"}  # fmt: skip
    waits = served | {"note": "TPOT 10.0 ms TTFT 3000.0 ms"}
    plain, waiting = points.build(rows.read([write(tmp_path / "x.csv", served, waits)]))
    assert plain.work.generating == 1
    assert waiting.work.generating == pytest.approx(0.25)  # a second of four


def test_tensors_lie_over_as_many_devices_as_are_named(tmp_path):
    (point,) = points.build(rows.read([write(tmp_path / "x.csv", {"n_devices": "1", "tp": "4"})]))
    assert (point.work.devices, point.work.layout.shards) == (4, 4)


def test_ragged_rows_are_counted_and_empty_lines_are_not(tmp_path):
    path = write(tmp_path / "x.csv", {})
    path.write_text(path.read_text() + "a,b\n\n" + "x," * 30 + "\n")
    table = rows.read([path])
    assert table.skipped == {"row with more or fewer fields than the header": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column 'device'"),
        (b"device,engine\nx,y\n", "no column 'model'"),
        (b"\xff\xfe\x00\x01", "not a CSV file in UTF-8"),
        (b"device\x00,engine\n", "no column|not a CSV"),
        (b"device,engine,model,phase,tokens_per_s,device\n", "column 'device' twice"),
        (b"device;engine;model;phase;tokens_per_s\n", "no column 'device'"),
        (b"device,engine,model,phase,tokens_per_s\n" + b"x" * 200000, "not a CSV"),
    ],
)
def test_broken_files_are_one_line(tmp_path, content, message):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(UsageError, match=message) as raised:
        rows.read([tmp_path / "x.csv"])
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        rows.read([tmp_path / "none.csv"])


def test_columns_of_their_own_are_enough_for_unknown_names(tmp_path):
    own = {"device": "Nobody's 5", "mem_bw_GBps": "500", "model": "new", "params_B": "8",
           "weight_dtype": "odd", "weight_bytes_GB": "4.5"}  # fmt: skip
    (point,) = points.build(rows.read([write(tmp_path / "x.csv", own)]))
    assert not point.work.device.peak_known
    assert not point.work.architecture.known
    assert point.work.kind.bits == pytest.approx(4.5)


def test_old_tables_of_llama_cpp_are_row_splits(tmp_path):
    split = {"layer_split": "yes", "n_devices": "2"}
    old = split | {"engine": "llama.cpp (Dec 2023)"}
    new, older = points.build(rows.read([write(tmp_path / "x.csv", split, old)]))
    assert (new.work.layout.stages, older.work.layout.stages) == (2, 1)
    assert older.work.layout.shards == 2


@pytest.mark.parametrize(
    ("text", "bits", "family"),
    [
        ("bf16", 16, "f16"), ("Q4_0", 4.5, "q4"), ("Q8_0", 8.5, "q8"), ("Q4_K_M", 4.85, "q4"),
        ("EXL2 3.0bpw", 3, "q3"), ("INT4 g32", 5, "i4"), ("fp8_block", 8, "f8"),
        ("nvfp4", 4.5, "f4"), ("MXFP4", 4.25, "f4"), ("AWQ int4 g128", 4.25, "i4"),
    ],
)  # fmt: skip
def test_stored_types(text, bits, family):
    found = weights.parse(text)
    assert (found.bits, found.family) == (bits, family)


@pytest.mark.parametrize(
    ("text", "family", "build"),
    [
        ("trtllm 1.0.0rc3", "tensorrt-llm", "1.0.0rc3"),
        ("vLLM", "vllm", ""),
        ("llama.cpp (Dec 2023)", "llama.cpp", "dec 2023"),
        ("Exllama V2", "exllamav2", ""),
        ("", "unknown", ""),
    ],
)
def test_engines(text, family, build):
    assert names.engine(text) == (family, build)


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("decode", "decode"),
        ("decode (incl. prefill time)", "whole"),
        ("decode (continuous batching, TPOT)", "continuous"),
        ("max-throughput serving (prefill+decode)", "serving"),
        ("decode+prefill Offline", "serving"),
        ("prefill", "prefill"),
        ("training", None),
    ],
)
def test_phases(text, phase):
    assert names.phase(text) == phase
