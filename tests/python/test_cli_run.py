# SPDX-License-Identifier: Apache-2.0
"""`run` as a process against the fake measuring program: records, exit codes, output."""

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import command, environment
from membound.record import Record


def record_in(folder: Path) -> Record:
    return Record.model_validate_json((folder / "record.json").read_text())


def samples(record: Record) -> int:
    return sum(len(m.samples) for p in record.processes for m in p.measurements)


def test_a_complete_run_leaves_a_complete_record(finished):
    record = record_in(finished)
    assert (record.status, record.reason) == ("complete", "")
    assert [p.suite for p in record.processes] == ["ceilings", "steps"]
    assert all(m.finished for p in record.processes for m in p.measurements)
    assert len(record.comparison.rows) == 4
    assert record.comparison.residuals["K"].median_abs_pct == pytest.approx(4.8, abs=1)


def test_the_prediction_precedes_the_steps_and_its_hash_covers_its_inputs(finished):
    record = record_in(finished)
    stored = json.loads((finished / "prediction.json").read_text())
    assert stored == record.prediction.model_dump(mode="json")
    text = json.dumps(stored["inputs"], sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == stored["sha256"]
    assert stored["made_at"] < record.processes[1].launched_at
    assert "decode" not in "".join(stored["inputs"]["devices"]["cpu:0"]["kernels"])


def test_json_is_all_that_stdout_holds(cli, config):
    done = cli("run", "--model", config, "--out", "out", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert set(found) >= {"record", "residuals", "rows", "verdicts", "ceilings"}
    assert found["ceilings"]["read_GBps"] == pytest.approx(40, rel=0.02)
    row = found["rows"][0]
    assert row["unit"] == "tokens/s"
    assert row["residual_pct"]["K"] == pytest.approx(
        (row["measured"] / row["predicted"]["K"] - 1) * 100
    )
    assert sum(row["shares"].values()) == pytest.approx(1)
    assert "membound: ceilings 1/1" in done.stderr


def test_profiles_replicate_over_processes(cli, config):
    done = cli("run", "--profile", "standard", "--model", config, "--out", "out", "--json")
    rows = json.loads(done.stdout)["rows"]
    assert {row["interval_basis"] for row in rows} == {"3 processes"}
    assert {(r["phase"], r["batch"], r["context"]) for r in rows} == {
        *(("decode", b, c) for b in (1, 4, 16) for c in (128, 2048)),
        *(("prefill", b, 512) for b in (1, 4, 16)),
    }


def test_tolerance_decides_between_0_and_1(cli, config):
    arguments = ("run", "--model", config, "--json")
    assert cli(*arguments, "--out", "a", "--tolerance", 20).returncode == 0
    done = cli(*arguments, "--out", "b", "--tolerance", 1)
    assert done.returncode == 1
    assert "residual" in done.stderr
    json.loads(done.stdout)


def test_without_out_the_record_goes_under_the_hosts_name(cli, config, tmp_path):
    done = cli("run", "--model", config, "--batch", "2", "--json")
    folder = Path(json.loads(done.stdout)["record"])
    try:
        assert folder.parent.name == os.uname().nodename
        assert record_in(folder).settings["batch"] == [2]
    finally:
        subprocess.run(["rm", "-r", folder], check=True)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()


@pytest.mark.parametrize("suite", ["ceilings", "steps"])
def test_a_crash_is_recorded_and_the_run_goes_on(cli, config, tmp_path, suite):
    done = cli("run", "--model", config, "--out", "out", behaviour=f"crash:{suite}")
    assert done.returncode == 2
    record = record_in(tmp_path / "out")
    assert record.status == "partial"
    assert f"{suite} 1: killed by SIGKILL" in record.reason
    assert [p.suite for p in record.processes] == ["ceilings", "steps"]
    assert samples(record) > 0
    assert done.stderr.count("membound: error:") == 1
    assert "record: out" in done.stdout


def test_a_hang_ends_after_the_given_silence(cli, config, tmp_path):
    began = time.monotonic()
    done = cli(
        *("run", "--model", config, "--out", "out", "--stall-seconds", 0.5),
        behaviour="hang:steps",
    )
    assert done.returncode == 2
    assert "hung" in record_in(tmp_path / "out").reason
    assert time.monotonic() - began < 10


def test_a_journal_with_garbage_makes_the_run_partial(cli, config, tmp_path):
    done = cli("run", "--model", config, "--out", "out", behaviour="garbage:ceilings")
    assert done.returncode == 2
    assert "ceilings-0.jsonl line" in record_in(tmp_path / "out").reason


def start_slow_run(config: Path, folder: Path) -> subprocess.Popen:
    running = subprocess.Popen(
        command("run", "--model", config, "--out", "out"),
        cwd=folder,
        env=environment("slow"),
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = folder / "out" / "journals" / "ceilings-0.jsonl"
    deadline = time.monotonic() + 20
    while not journal.exists() or journal.read_text().count('"done"') < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return running


def test_kill_9_leaves_a_valid_partial_record_and_no_child(cli, config, tmp_path):
    running = start_slow_run(config, tmp_path)
    time.sleep(0.5)  # one write interval
    running.kill()
    running.communicate()
    record = record_in(tmp_path / "out")
    assert record.status == "partial"
    assert "killed" in record.reason
    assert sum(m.finished for m in record.processes[0].measurements) >= 2
    journal = tmp_path / "out" / "journals" / "ceilings-0.jsonl"
    size = journal.stat().st_size
    time.sleep(0.4)
    assert journal.stat().st_size == size, "the measuring program outlived its parent"
    compared = cli("compare", "out", "--json")
    assert compared.returncode == 0
    assert any("partial" in text for text in json.loads(compared.stdout)["verdicts"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_in_order(config, tmp_path, number):
    running = start_slow_run(config, tmp_path)
    running.send_signal(number)
    _, stderr = running.communicate(timeout=15)
    assert running.returncode == 2
    assert stderr.splitlines()[-1].startswith("membound: error: interrupted")
    record = record_in(tmp_path / "out")
    assert (record.status, record.reason) == ("partial", "interrupted")
    assert '"end"' in (tmp_path / "out" / "journals" / "ceilings-0.jsonl").read_text()


def test_drift_marks_the_run(cli, config):
    found = json.loads(
        cli("run", "--model", config, "--out", "o", "--json", behaviour="drift").stdout
    )
    assert found["ceilings"]["drifted"] is True
    assert any("drifted by -10" in text for text in found["verdicts"])
    # The fake's steps do not slow down with it: at that rate they are ahead of what they should be.
    for row in found["rows"]:
        assert row["anchored_residual_pct"]["C"] > row["residual_pct"]["C"]
    assert found["anchored_residuals"]["C"]["n"] == len(found["rows"])


@pytest.mark.parametrize(
    ("behaviour", "said", "unsaid"),
    [
        ("saturated", "capped by memory bandwidth (", "keep in flight"),
        ("", "limited by the bytes that these 2 cores keep in flight", ": capped by memory"),
    ],
)
def test_capped_by_bandwidth_only_where_saturation_was_shown(cli, behaviour, said, unsaid):
    done = cli("run", "--model", "Qwen2.5-0.5B", "--out", "o", "--json", behaviour=behaviour)
    found = json.loads(done.stdout)
    decode = next(text for text in found["verdicts"] if text.startswith("decode"))
    assert said in decode
    assert unsaid not in decode
    assert found["ceilings"]["saturated"] is (behaviour == "saturated")
