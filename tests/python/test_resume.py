# SPDX-License-Identifier: Apache-2.0
"""`run --resume`: what is kept, what is measured again, what is refused."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import command, environment
from membound.record import Record

MODEL = ("--model", "Qwen2.5-0.5B")


def record_in(folder: Path) -> Record:
    return Record.model_validate_json((folder / "record.json").read_text())


def samples(record: Record, suite: str) -> list[list[float]]:
    return [
        [sample.seconds for sample in measurement.samples]
        for process in record.processes
        if process.suite == suite
        for measurement in process.measurements
    ]


def stop_in(folder: Path, suite: str, number: int, *options: str) -> Path:
    """Start a run that is slow in `suite` and end it there by a signal; its record's folder."""
    running = subprocess.Popen(
        command("run", *MODEL, "--out", "out", *options),
        cwd=folder,
        env=environment(f"slow:{suite}"),
        stderr=subprocess.PIPE,
    )
    journal = folder / "out" / "journals" / f"{suite}-0.jsonl"
    deadline = time.monotonic() + 30
    while not journal.exists() or journal.read_text().count('"done"') < 1:
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(number)
    running.communicate(timeout=20)
    assert record_in(folder / "out").status == "partial"
    return folder / "out"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_stopped_in_the_ceilings_measures_them_again(cli, tmp_path, number):
    out = stop_in(tmp_path, "ceilings", number)
    evidence = (out / "journals" / "ceilings-0.jsonl").read_bytes()
    done = cli("run", "--resume", out, "--json")
    assert done.returncode == 0, done.stderr
    record = record_in(out)
    assert (record.status, record.reason) == ("complete", "")
    assert [(p.suite, p.status) for p in record.processes] == [
        ("ceilings", "complete"),
        ("steps", "complete"),
    ]
    assert (out / "journals" / "ceilings-0.unfinished-1.jsonl").read_bytes() == evidence
    assert {len(values) for values in samples(record, "ceilings")} == {6}  # none of the old ones
    (resumed,) = record.resumed
    assert (resumed.kept, resumed.set_aside) == ([], ["ceilings-0.unfinished-1.jsonl"])
    assert any("resumed at" in text for text in json.loads(done.stdout)["verdicts"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_stopped_in_the_steps_keeps_ceilings_and_prediction(cli, tmp_path, number):
    out = stop_in(tmp_path, "steps", number)
    before = record_in(out)
    stored = (out / "prediction.json").read_bytes()
    ceilings = (out / "journals" / "ceilings-0.jsonl").read_bytes()
    done = cli("run", "--resume", out, "--json")
    assert done.returncode == 0, done.stderr
    record = record_in(out)
    assert record.status == "complete"
    assert record.prediction == before.prediction
    assert (out / "prediction.json").read_bytes() == stored
    assert (out / "journals" / "ceilings-0.jsonl").read_bytes() == ceilings
    assert samples(record, "ceilings") == samples(before, "ceilings")
    assert record.resumed[0].kept == ["ceilings-0.jsonl"]
    assert len(json.loads(done.stdout)["rows"]) == 4


@pytest.fixture
def partial(finished, tmp_path) -> Path:
    """A finished run, cut back to where a kill between ceilings and steps leaves it."""
    out = tmp_path / "cut"
    shutil.copytree(finished, out)
    record = record_in(out)
    record.processes, record.prediction, record.comparison = record.processes[:1], None, None
    record.status, record.reason = "partial", "not finished: the run is going on or was killed"
    (out / "record.json").write_text(record.model_dump_json())
    (out / "journals" / "steps-0.jsonl").unlink()
    return out


@pytest.mark.parametrize("predicted", [True, False])
def test_a_run_killed_between_ceilings_and_steps(cli, partial, predicted):
    if not predicted:
        (partial / "prediction.json").unlink()
    ceilings = samples(record_in(partial), "ceilings")
    stored = (partial / "prediction.json").read_text() if predicted else ""
    assert cli("run", "--resume", partial).returncode == 0
    record = record_in(partial)
    assert record.status == "complete"
    assert samples(record, "ceilings") == ceilings
    assert record.prediction.made_at < record.processes[1].launched_at
    if predicted:  # it was on disk before the record that would have held it
        assert record.prediction.made_at == json.loads(stored)["made_at"]


def test_a_process_that_ended_after_the_last_write_of_the_record_is_kept(cli, partial):
    record = record_in(partial)
    record.processes[0].status, record.processes[0].exit_code = "partial", None
    record.processes[0].measurements = record.processes[0].measurements[:2]
    (partial / "record.json").write_text(record.model_dump_json())
    assert cli("run", "--resume", partial).returncode == 0
    assert record_in(partial).resumed[0].kept == ["ceilings-0.jsonl"]


def test_replicates_that_finished_are_kept(cli, config, tmp_path):
    arguments = ("run", "--profile", "standard", "--model", config, "--out", "out")
    assert cli(*arguments, behaviour="crash:steps").returncode == 2
    record = record_in(tmp_path / "out")
    # As if the crash had ended the run with its first process of steps.
    record.processes = record.processes[:4]
    record.status = "partial"
    (tmp_path / "out" / "record.json").write_text(record.model_dump_json())
    for journal in (tmp_path / "out" / "journals").glob("steps-[12]*"):
        journal.unlink()
    assert cli("run", "--resume", "out").returncode == 0
    record = record_in(tmp_path / "out")
    assert record.resumed[0].kept == [f"ceilings-{n}.jsonl" for n in range(3)]
    assert record.resumed[0].set_aside == ["steps-0.unfinished-1.jsonl"]
    assert sorted(p.journal for p in record.processes if p.suite == "steps") == [
        f"steps-{n}.jsonl" for n in range(3)
    ]


def refused(cli, folder, *arguments, word, **extra):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = cli("run", "--resume", folder, *arguments, **extra)
    assert done.returncode == 3, done.stderr
    (line,) = [text for text in done.stderr.splitlines() if "error" in text]
    assert word in line
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--profile", "standard"), "--profile"),
        (("--model", "Llama-3.2-1B"), "--model"),
        (("--dtype", "f32"), "--dtype"),
        (("--batch", "1,8"), "--batch"),
        (("--context", "64"), "--context"),
        (("--device", "cpu:0"), "--device"),
        (("--out", "elsewhere"), "--out"),
    ],
)
def test_options_that_contradict_the_record(cli, partial, arguments, word):
    refused(cli, partial, *arguments, word=word)


def test_options_that_agree_with_the_record_are_taken(cli, partial):
    same = ("--model", "qwen2.5-0.5b", "--batch", "1,4", "--profile", "quick", "--tolerance", 90)
    assert cli("run", "--resume", partial, *same).returncode == 0


@pytest.mark.parametrize(("behaviour", "word"), [("elsewhere", "host"), ("other", "devices")])
def test_another_machine(cli, partial, behaviour, word):
    refused(cli, partial, word=f"another machine ({word}", behaviour=behaviour)


def test_a_shape_that_changed(cli, partial):
    record = record_in(partial)
    record.model["layers"] += 1
    (partial / "record.json").write_text(record.model_dump_json())
    refused(cli, partial, word="another shape")


def test_a_prediction_that_was_changed(cli, partial):
    stored = json.loads((partial / "prediction.json").read_text())
    stored["inputs"]["version"] = "9"
    (partial / "prediction.json").write_text(json.dumps(stored))
    refused(cli, partial, word="does not match its hash")


def test_ceilings_are_never_measured_after_steps(cli, tmp_path):
    done = cli("run", *MODEL, "--out", "out", behaviour="crash:ceilings")
    assert done.returncode == 2  # the steps were measured all the same
    refused(cli, tmp_path / "out", word="ceilings come first")


def test_a_run_that_still_goes_on(cli, tmp_path):
    running = subprocess.Popen(
        command("run", *MODEL, "--out", "out"),
        cwd=tmp_path,
        env=environment("slow"),
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "out" / "record.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        done = cli("run", "--resume", "out")
        assert done.returncode == 3
        assert "still going on" in done.stderr
    finally:
        running.kill()
        running.wait()


def test_a_complete_record_is_shown_and_left_alone(cli, finished):
    before = (finished / "record.json").read_bytes()
    done = cli("run", "--resume", finished, "--json")
    assert done.returncode == 0
    assert "is complete: nothing to resume" in done.stderr
    assert len(json.loads(done.stdout)["rows"]) == 4
    assert (finished / "record.json").read_bytes() == before


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_without_a_record(cli, folder):
    done = cli("run", "--resume", folder)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_a_journal_with_garbage_is_set_aside(cli, tmp_path):
    done = cli("run", *MODEL, "--out", "out", behaviour="garbage:steps")
    assert done.returncode == 2
    assert cli("compare", "out").returncode == 0
    assert cli("run", "--resume", "out").returncode == 0
    assert record_in(tmp_path / "out").resumed[0].set_aside == ["steps-0.unfinished-1.jsonl"]
