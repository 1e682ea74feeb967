# SPDX-License-Identifier: Apache-2.0
"""Taking up a run that was interrupted or killed: what is kept, what is measured again.

A process is the unit of replication. One that did not finish is measured again from the start;
its journal is set aside as evidence and its samples are never mixed with the new ones.
"""

import tempfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from membound import journal, options, paths, runner
from membound.errors import CannotMeasure, UsageError
from membound.model.shape import Shape
from membound.options import RunOptions
from membound.predict import fingerprint
from membound.record import Prediction, Process, Record, Resumption
from membound.storage import read_record

PROBE = "overhead/launch/none"  # the cheapest bench: its journal's header names the machine


def read(folder: Path) -> Record:
    """The record in `folder`; UsageError when there is none or another run holds it."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder with a record: nothing to resume")
    return read_record(folder / "record.json")


def settle(record: Record, folder: Path, given: dict[str, Any], stall_seconds: float) -> RunOptions:
    """The record's own options; UsageError where `given` ones, the shape or the hash contradict.

    `given` has the options of the command line that were given, by name; None is not given.
    """
    stored = record.settings
    wanted: dict[str, Any] = {
        key: ",".join(map(str, stored[key]))
        if isinstance(stored.get(key), list)
        else stored.get(key)
        for key in options.SETTLED
    }
    if missing := [key for key in ("profile", "model", "dtype") if not wanted[key]]:
        raise UsageError(f"{folder}: its settings lack {missing[0]}: it cannot be resumed")
    found = options.check(**wanted, stall_seconds=stall_seconds)
    asked = options.check(
        **{key: wanted[key] if given.get(key) is None else given[key] for key in wanted},
        stall_seconds=stall_seconds,
    ).as_dict()
    for key, value in found.as_dict().items():
        if asked[key] != value and key in wanted:
            before = "none" if wanted[key] is None else wanted[key]
            raise UsageError(
                f"--{options.PAPER_FLAGS.get(key, key)} contradicts the record in {folder}, which "
                f"was measured with {before}: leave it out, or start a new run"
            )
    if record.model is None or Shape.from_record(record.model) != found.shape:
        raise UsageError(
            f"{found.shape.id} has another shape now than in {folder}: start a new run"
        )
    if record.prediction is None:
        record.prediction = _stored_prediction(folder)
    if record.prediction and fingerprint(record.prediction.inputs) != record.prediction.sha256:
        raise UsageError(f"the prediction in {folder} does not match its hash: start a new run")
    return found


def finished(record: Record, folder: Path) -> list[Process]:
    """Processes that stay: complete ones, and all ceilings that a prediction rests on."""
    kept = []
    for process in record.processes:
        if process.exit_code is None:
            process = _from_journal(process, folder)
        complete = process.status == "complete" and not process.exit_code
        if complete or (process.suite == "ceilings" and record.prediction):
            kept.append(process)
    return kept


def check_order(record: Record, kept: list[Process], processes: int, folder: Path) -> None:
    """Ceilings are never measured once there is a prediction or any sample of a step."""
    began = any(p.suite == "steps" and p.measurements for p in record.processes)
    cut_short = [p for p in kept if p.status == "partial" or p.exit_code]
    steps_done = sum(p.suite == "steps" for p in kept) >= processes
    if (began and record.prediction is None) or (cut_short and steps_done):
        raise UsageError(
            f"{folder} lacks ceilings, and its steps were measured already: ceilings come first, "
            "so start a new run"
        )


def check_machine(record: Record, chosen: RunOptions, folder: Path) -> None:
    """Ask the measuring program who it is now, with nothing of the record touched."""
    header = next((p.header for p in record.processes if p.header), None)
    if header is None:
        return
    probe = Process(suite="ceilings", journal="probe.jsonl")
    command = [
        str(paths.bench_program()),
        "--suite=ceilings",
        *chosen.arguments(),
        f"--benchmark_filter={PROBE}",
        "--min-samples=1",
        "--max-samples=1",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        runner.run(
            command, probe, Path(scratch), chosen.stall_seconds, lambda line: None, lambda: False
        )
    if not probe.header:
        raise CannotMeasure(f"the measuring program does not start: {probe.reason}")
    for what, before, now in zip(
        ("host", "devices"), _identity(header), _identity(probe.header), strict=True
    ):
        if before != now:
            raise UsageError(
                f"{folder} was measured on another machine ({what} {before}, here {now}): "
                "start a new run"
            )


def set_aside(record: Record, kept: list[Process], folder: Path) -> None:
    """Keep `kept` in the record and rename the journals of the others, which are left out."""
    names = []
    stays = {process.journal for process in kept}
    for process in record.processes:
        path = folder / "journals" / process.journal
        if process.journal in stays or not process.journal or not path.exists():
            continue
        new = _free_name(path)
        path.rename(new)
        names.append(new.name)
        if (errors := path.with_suffix(".stderr")).exists():
            errors.rename(new.with_suffix(".stderr"))
    record.processes = kept
    record.resumed.append(
        Resumption(at=paths.utc_now(), kept=[p.journal for p in kept], set_aside=names)
    )


def _identity(header: dict[str, Any]) -> tuple[str, list[str]]:
    """Host, and devices with what they had to measure with."""
    devices = header.get("devices") or []
    named = [f"{d.get('id')} {d.get('name')} x {d.get('compute_units')}" for d in devices]
    return str(header.get("hostname")), sorted(named)


def _from_journal(process: Process, folder: Path) -> Process:
    """As its journal tells it: it may have ended after the record was last written."""
    path = folder / "journals" / process.journal
    if not process.journal or not path.is_file():
        return process
    fresh = process.model_copy(update={"measurements": [], "failures": [], "header": {}})
    try:
        return journal.read(path, fresh)
    except UsageError:
        return process


def _stored_prediction(folder: Path) -> Prediction | None:
    """From prediction.json, which is written a moment before the record that holds it."""
    path = folder / "prediction.json"
    if not path.is_file():
        return None
    try:
        return Prediction.model_validate_json(path.read_bytes())
    except ValidationError:
        raise UsageError(f"{path} is not a prediction: start a new run") from None


def _free_name(path: Path) -> Path:
    number = 1
    while (name := path.with_name(f"{path.stem}.unfinished-{number}.jsonl")).exists():
        number += 1
    return name
