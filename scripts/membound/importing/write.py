# SPDX-License-Identifier: Apache-2.0
"""`membound import`: an engine's file becomes a record of its own, apart from what we measured."""

import socket
from collections.abc import Callable
from pathlib import Path

from membound import __version__, paths, storage
from membound.errors import UsageError
from membound.importing import llama_bench, table, vllm
from membound.importing.source import Given
from membound.record import EngineResult, Record

Reader = Callable[[Path, Given], list[EngineResult]]
KINDS: dict[str, Reader] = {"llama-bench": llama_bench.read, "vllm": vllm.read, "hf": table.read}


def import_file(kind: str, path: Path, out: Path, given: Given) -> Record:
    """Read, check, write out/record.json; nothing is written when the file is bad."""
    if kind not in KINDS:
        raise UsageError(f"unknown kind '{kind}': give one of {', '.join(KINDS)}")
    results = KINDS[kind](path, given)
    if not results:
        raise UsageError(f"{path} holds no results that membound compares")
    now = paths.utc_now()
    record = Record(
        version=__version__,
        status="complete",
        started_at=now,
        ended_at=now,
        settings={
            "imported": kind,
            "file": str(path),
            "imported_on": socket.gethostname(),
            "given": {key: value for key, value in vars(given).items() if value is not None},
        },
        engine_results=results,
    )
    folder = paths.make_out(out)
    storage.write_atomically(folder / "record.json", record.model_dump_json(indent=1) + "\n")
    return record
