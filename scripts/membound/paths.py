# SPDX-License-Identifier: Apache-2.0
"""Where things lie: the checkout, the measuring program, the catalogue, new records."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from membound.errors import CannotMeasure, UsageError

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "results" / "catalogue"


def bench_program() -> Path:
    """The measuring program: $MEMBOUND_BENCH, else the checkout's own build."""
    program = Path(os.environ.get("MEMBOUND_BENCH", ROOT / "build" / "membound-bench"))
    if not os.access(program, os.X_OK) or program.is_dir():
        raise CannotMeasure(f"{program} is not an executable: build it with ./membound list")
    return program.resolve()


def utc_now() -> str:
    """The time as ISO 8601 in UTC, to the microsecond."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def default_out() -> Path:
    """A fresh folder for one run of this machine."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    folder = ROOT / "results" / (socket.gethostname() or "unknown") / stamp
    return folder if not folder.exists() else folder.with_name(f"{stamp}-{os.getpid()}")


def make_out(folder: Path) -> Path:
    """Create the record's folder and show that it can be written to."""
    if (folder / "record.json").exists():
        raise UsageError(f"{folder} already holds a record: choose another folder with --out")
    try:
        (folder / "journals").mkdir(parents=True, exist_ok=True)
        probe = folder / f".membound-{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder} ({error.strerror}): choose another folder with --out"
        ) from None
    return folder


@contextlib.contextmanager
def sole_user(folder: Path) -> Iterator[None]:
    """Hold `folder` while a run writes to it; UsageError when another run does.

    The lock dies with its process, so a kill leaves none behind. File systems without locks do not
    get one.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UsageError(
            f"cannot open {folder} ({error.strerror}): give a record's folder"
        ) from None
    try:
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(f"a run is still going on in {folder}: wait for its end") from None
        yield
    finally:
        os.close(handle)
