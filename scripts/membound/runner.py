# SPDX-License-Identifier: Apache-2.0
"""Run the measuring program once and follow its journal until it ends, hangs or is stopped."""

import contextlib
import ctypes
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from membound.errors import CannotMeasure, UsageError
from membound.journal import Journal
from membound.record import Process

POLL_SECONDS = 0.1
GRACE_SECONDS = 10.0  # from SIGINT to SIGKILL: one sample must be able to finish
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """In a child before exec: it is killed when this process ends, however that ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Tail:
    """Complete lines appended to a file since the last call."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._rest = path, 0, b""

    def lines(self) -> list[str]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            chunk = file.read()
        self._offset += len(chunk)
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        return [line.decode(errors="replace") for line in whole if line.strip()]


def run(
    command: list[str],
    process: Process,
    folder: Path,
    stall_seconds: float,
    on_line: Callable[[dict[str, object]], None],
    stopped: Callable[[], bool],
) -> None:
    """Fill `process` from the journal; raise UsageError when the program refused its input.

    `on_line` sees every journal line, and {"type": "tick"} between them.
    """
    path = folder / process.journal
    tail, journal = _Tail(path), Journal(process, str(path))
    errors = path.with_suffix(".stderr")
    problem = ""
    with errors.open("wb") as stderr:
        try:
            child = subprocess.Popen(
                [*command, f"--out={path}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,  # Ctrl-C reaches it once, through us
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise CannotMeasure(f"cannot start {command[0]}: {error.strerror}") from None
        try:
            problem = _follow(child, tail, journal, stall_seconds, on_line, stopped)
        finally:
            _end(child, 0.0)
    _conclude(process, child.returncode, problem, errors)


def _follow(
    child: "subprocess.Popen[bytes]",
    tail: _Tail,
    journal: Journal,
    stall_seconds: float,
    on_line: Callable[[dict[str, object]], None],
    stopped: Callable[[], bool],
) -> str:
    """Until the end of the child; the reason when it was ended from here."""
    problem = ""
    heard = time.monotonic()
    while True:
        over = child.poll() is not None
        for text in tail.lines():
            heard = time.monotonic()
            try:
                on_line(journal.add(text))
            except UsageError as error:
                problem = problem or str(error)
        if over:
            return problem
        on_line({"type": "tick"})
        silent = time.monotonic() - heard
        if stopped() and not problem:
            problem = "interrupted"
            _end(child, GRACE_SECONDS)
        elif silent > stall_seconds and not problem:
            problem = f"hung: no line in its journal for {silent:.0f} s"
            _end(child, min(GRACE_SECONDS, stall_seconds))
        else:
            try:
                child.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue


def _end(child: "subprocess.Popen[bytes]", grace_seconds: float) -> None:
    """Ask it to finish, then kill it."""
    if child.poll() is None and grace_seconds > 0:
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace_seconds)
    if child.poll() is None:
        child.kill()
        child.wait()


def _conclude(process: Process, code: int, problem: str, errors: Path) -> None:
    tail = errors.read_text(errors="replace").strip().splitlines()
    last = tail[-1] if tail else ""
    if not tail:
        errors.unlink()
    process.exit_code = code
    if code == 3 and not problem:
        errors.unlink(missing_ok=True)
        raise UsageError(last.split("error: ", 1)[-1] or "the measuring program refused its input")
    if code < 0 and not problem:
        problem = f"killed by {signal.Signals(-code).name}"
    elif code and not problem:
        problem = process.reason or last or f"exit code {code}"
    elif not problem and process.status == "partial":
        problem = process.reason
    if problem:
        process.status, process.reason = "partial", problem
