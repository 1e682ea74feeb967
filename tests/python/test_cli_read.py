# SPDX-License-Identifier: Apache-2.0
"""`list`, `predict` and `compare`: what they print, as tables and as JSON."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from conftest import HERE, command, environment

SNAPSHOT = HERE / "snapshots" / "compare.txt"


def test_list_as_table_and_as_json(cli):
    found = json.loads(cli("list", "--json").stdout)
    assert [b["name"] for b in found["backends"]] == ["fake", "cuda"]
    table = cli("list").stdout
    for word in ("no driver", "bandwidth/read", "avx512: run"):
        assert word in table


def test_help_is_exit_code_0_and_names_every_command(cli):
    done = cli("--help")
    assert done.returncode == 0
    for name in ("run", "test", "list", "predict", "compare"):
        assert name in done.stdout


def test_the_comparison_prints_as_in_the_snapshot(finished):
    done = subprocess.run(
        command("compare", "out"),
        cwd=finished.parent,
        env=environment(),
        capture_output=True,
        text=True,
    )
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"
    # To accept a new look: write `printed` to the file and read the difference.
    assert printed == SNAPSHOT.read_text()


def test_compare_takes_a_folder_a_record_and_a_bare_journal(cli, finished):
    folder = json.loads(cli("compare", finished, "--json").stdout)
    record = json.loads(cli("compare", finished / "record.json", "--json").stdout)
    assert folder["rows"] == record["rows"]
    journal = json.loads(cli("compare", finished / "journals" / "steps-0.jsonl", "--json").stdout)
    measured = [row["measured"] for row in folder["rows"]]
    assert [row["measured"] for row in journal["rows"]] == measured
    assert {row["predicted"]["C"] for row in journal["rows"]} == {None}


def test_compare_pools_several_records(cli, finished):
    found = json.loads(cli("compare", finished, finished, "--json").stdout)
    assert found["residuals"]["K"]["n"] == 8
    assert len(found["records"]) == 2
    assert cli("compare", finished, finished, "--tolerance", 1).returncode == 1


def test_one_journal_with_everything_gets_its_prediction_late(cli, finished, tmp_path):
    parts = [finished / "journals" / f"{suite}-0.jsonl" for suite in ("ceilings", "steps")]
    lines = [line for part in parts for line in part.read_text().splitlines()]
    (tmp_path / "all.jsonl").write_text("\n".join(lines) + "\n")
    found = json.loads(cli("compare", "all.jsonl", "--json").stdout)
    assert found["residuals"]["C"]["n"] == 4


@pytest.mark.parametrize("phase", ["decode", "prefill"])
def test_predict_from_a_record(cli, finished, phase):
    arguments = ("predict", "--model", "Qwen2.5-0.5B", "--machine", finished, "--phase", phase)
    found = json.loads(cli(*arguments, "--json").stdout)
    low, high = found["interval90"]
    assert low < found["tokens_per_s"] < high
    assert "residuals of 2 measured steps" in found["interval_basis"]
    assert found["bound"] == {"decode": "bytes", "prefill": "flops"}[phase]
    assert sum(found["shares"].values()) == pytest.approx(1)
    tokens = 1 if phase == "decode" else 128
    assert found["tokens_per_s"] == pytest.approx(tokens / found["seconds_per_step"])
    assert "Qwen2.5-0.5B" in cli(*arguments).stdout


def test_predict_a_model_that_was_not_measured(cli, finished):
    found = json.loads(
        cli("predict", "--model", "Llama-3.1-8B", "--machine", finished, "--json").stdout
    )
    assert found["bytes_per_step"] / 1e9 == pytest.approx(15.03, rel=0.01)
    assert found["tokens_per_s"] == pytest.approx(40e9 / 15.03e9, rel=0.1)
    assert found["interpolated"]


def test_predict_falls_back_to_the_claim_for_a_dtype_without_kernels(cli, finished):
    arguments = ("predict", "--model", "Qwen2.5-0.5B", "--machine", finished, "--dtype", "f32")
    found = json.loads(cli(*arguments, "--json").stdout)
    assert found["predicted"]["C"] > 0
    assert cli(*arguments, "--device", "cuda:0").returncode == 3


def test_the_measuring_program_is_started_soon(tmp_path, config):
    """Nothing heavy is imported before it: numpy and scipy wait until they are needed."""
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\ndate +%s.%N > "{tmp_path}/began"\nexit 2\n')
    program.chmod(0o755)
    for arguments in (("list",), ("run", "--model", config, "--out", "out")):
        began = time.time()
        subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            env=environment() | {"MEMBOUND_BENCH": str(program)},
            capture_output=True,
        )
        assert float(Path(tmp_path, "began").read_text()) - began < 1.5
