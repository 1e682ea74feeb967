# SPDX-License-Identifier: Apache-2.0
"""Files of a record: written under a temporary name and renamed, read back with checks."""

import contextlib
import os
from pathlib import Path

from pydantic import ValidationError

from membound import __version__, journal
from membound.errors import UsageError
from membound.record import Process, Record


def write_atomically(path: Path, text: str) -> None:
    """Readers see the old file or the new one, never a part."""
    write_bytes_atomically(path, text.encode())


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """The same for a file that is not text."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def load(argument: str) -> Record:
    """A record from its folder, its record.json or a bare journal."""
    path = Path(argument)
    if path.is_dir():
        path = path / "record.json"
    if path.suffix == ".jsonl":
        try:
            return _from_journal(path)
        except OSError as error:
            raise _cannot_read(path, error) from None
    record = read_record(path)
    if record.status == "partial":
        _refold(record, path.parent)
    return record


def read_record(path: Path) -> Record:
    """What a record.json holds, without a look at the journals."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise _cannot_read(path, error) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is not a membound record: {place} {first['msg']}") from None


def _cannot_read(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot read {path} ({error.strerror}): give a record's folder, record.json or journal"
    )


def _from_journal(path: Path) -> Record:
    process = journal.read(path, Process(suite="all", journal=path.name))
    header = process.header
    if not header:
        raise UsageError(f"{path} has no header line: it is not a journal of membound-bench")
    process.suite = header.get("process", "all")
    return Record(
        version=__version__,
        status=process.status,
        reason=process.reason,
        started_at=header.get("started_at", ""),
        settings={key: header.get(key) for key in ("profile", "types")},
        model=header.get("model"),
        devices=header.get("devices", []),
        backends=header.get("backends", []),
        processes=[process],
    )


def _refold(record: Record, folder: Path) -> None:
    """After a kill the journals may hold samples that did not reach record.json."""
    for index, process in enumerate(record.processes):
        path = folder / "journals" / process.journal
        if process.journal and path.is_file():
            fresh = Process(
                suite=process.suite,
                index=process.index,
                journal=process.journal,
                launched_at=process.launched_at,
            )
            with contextlib.suppress(UsageError):  # a broken line: what precedes it counts
                journal.read(path, fresh)
            if process.exit_code is not None:  # the run saw its end, and knows better why
                fresh.exit_code = process.exit_code
                fresh.status, fresh.reason = process.status, process.reason
            record.processes[index] = fresh
