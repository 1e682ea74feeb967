# SPDX-License-Identifier: Apache-2.0
"""Wrong use and bad input: exit code 3, one line, nothing left behind."""

import json

import pytest


def refused(done, *words):
    assert done.returncode == 3, done.stderr
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("membound: error: ")
    assert sum(line.startswith("membound: error") for line in lines) == 1
    for word in words:
        assert word in lines[-1]
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "Missing command"),
        (("fly",), "fly"),
        (("run", "--fly"), "--fly"),
        (("run", "--profile", "huge"), "quick, standard, full"),
        (("run", "--model", "Lama-3.2-1B"), "did you mean Llama-3.2-1B"),
        (("run", "--dtype", "int3"), "bf16, f16, f32, q8_0, q4_0"),
        (("run", "--cache", "q8_0"), "bf16, f16, f32"),
        (("run", "--device", "gpu"), "membound list"),
        (("run", "--batch", "0"), "--batch"),
        (("run", "--batch", "1,,4"), "--batch"),
        (("run", "--context", "x"), "--context"),
        (("run", "--prefill", ""), "--prefill"),
        (("run", "--tolerance", "x"), "--tolerance"),
        (("run", "--tolerance", "-1"), "--tolerance"),
        (("run", "--stall-seconds", "0"), "--stall-seconds"),
        (("run", "--model", "Llama-3.1-405B"), "GB"),
        (("run", "--model", "Mixtral-8x7B"), "mixture of 8 experts"),
        (("run", "--model", "DeepSeek-V3"), "mixture"),
        (("run", "--model", "missing/config.json"), "cannot read"),
        (("compare",), "records"),
        (("compare", "nowhere"), "nowhere"),
        (("predict", "--model", "Llama-3.1-8B"), "--machine"),
        (("predict", "--machine", "H100"), "is not a record"),
        (("predict", "--machine", ".", "--phase", "sleep"), "decode or prefill"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_3(cli, arguments, word):
    refused(cli(*arguments), word)


def test_a_device_that_the_measuring_program_refuses(cli, config, tmp_path):
    done = cli("run", "--model", config, "--device", "cuda:7", "--out", "new/out")
    refused(done, "no device 'cuda:7'")
    assert not (tmp_path / "new" / "out").exists()


@pytest.mark.parametrize("text", ["{", '{"hidden_size": "many"}', "[]", ""])
def test_a_broken_config(cli, config, text):
    config.write_text(text)
    refused(cli("run", "--model", config), str(config))


def test_out_that_cannot_be_written(cli, config, tmp_path):
    (tmp_path / "file").write_text("")
    for out in ("file", "file/below", "/proc/membound"):
        refused(cli("run", "--model", config, "--out", out), "cannot write", out)


def test_out_that_holds_a_record_is_not_overwritten(cli, config, finished):
    before = (finished / "record.json").read_bytes()
    refused(cli("run", "--model", config, "--out", finished), "already holds a record")
    assert (finished / "record.json").read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"status": "complete"}', '{"schema_version": 99}']
)
def test_a_file_that_is_no_record(cli, tmp_path, text):
    (tmp_path / "record.json").write_text(text)
    refused(cli("compare", "."), "not a membound record")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["nonsense"], "line 1"),
        (['{"type": "end"}'], "no header"),
        (['{"type": "header"}', '{"type": "sample", "bench": "x", "device": "y"}'], "line 2"),
        (
            [
                '{"type": "header"}',
                '{"type": "bench", "bench": "x", "device": "y", "stage": "step"}',
                '{"type": "sample", "bench": "x", "device": "y", "seconds": -1}',
            ],
            "line 3",
        ),
    ],
)
def test_a_file_that_is_no_journal(cli, tmp_path, lines, words):
    (tmp_path / "x.jsonl").write_text("\n".join(lines) + "\n")
    refused(cli("compare", "x.jsonl"), words)


def test_a_missing_measuring_program_is_exit_code_2(cli, config, tmp_path):
    for arguments in (("list",), ("run", "--model", config, "--out", "out")):
        done = cli(*arguments, MEMBOUND_BENCH=str(tmp_path / "none"))
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_record_without_steps_or_ceilings_is_compared_without_a_crash(cli, tmp_path):
    (tmp_path / "x.jsonl").write_text('{"type": "header", "hostname": "x"}\n')
    found = json.loads(cli("compare", "x.jsonl", "--json").stdout)
    assert (found["rows"], found["residuals"]["C"]["n"]) == ([], 0)
    refused(cli("predict", "--machine", "x.jsonl"), "no ceilings")
