# SPDX-License-Identifier: Apache-2.0
"""One run: ceilings, prediction, steps, comparison, in this order and recorded.

The prediction is on disk before the first step is measured, and no step feeds it.
"""

import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from membound import __version__, compare, paths, predict, progress, resume, runner
from membound.errors import CannotMeasure, UsageError
from membound.model import machine
from membound.options import RunOptions
from membound.record import Process, Record
from membound.recorder import Recorder
from membound.storage import write_atomically

UNFINISHED = "not finished: the run is going on or was killed"


class Run:
    """The state that the stages of one run share."""

    def __init__(self, options: RunOptions, folder: Path, record: Record | None = None) -> None:
        """`record` is one to go on with: its processes are finished, its prediction stands."""
        self.options = options
        self.folder = folder
        self.stop = False
        self.record = record or Record(
            version=__version__,
            started_at=paths.utc_now(),
            settings=options.as_dict(),
            model=options.shape.as_dict(),
        )
        self.record.status, self.record.reason = "partial", UNFINISHED
        self.record.ended_at = self.record.comparison = None
        self.recorder = Recorder(self.record, folder)
        self.progress: progress.Lines | progress.Bar = progress.make()

    @classmethod
    def resume(cls, folder: Path, given: dict[str, Any], stall_seconds: float) -> Record:
        """Go on with the run in `folder`; a complete one is given back as it is.

        Everything is checked before anything of the record is touched: UsageError says why not.
        """
        with paths.sole_user(folder):
            record = resume.read(folder)
            if record.status == "complete":
                print(f"membound: {folder} is complete: nothing to resume", file=sys.stderr)
                return record
            options = resume.settle(record, folder, given, stall_seconds)
            kept = resume.finished(record, folder)
            resume.check_order(record, kept, options.points.processes, folder)
            resume.check_machine(record, options, folder)
            resume.set_aside(record, kept, folder)
            return cls(options, folder, record)._execute()

    def execute(self) -> Record:
        """All stages; after a failure of one the next still runs, after a stop none does."""
        with paths.sole_user(self.folder):
            return self._execute()

    def _execute(self) -> Record:
        self.recorder.save()
        with self._signals():
            try:
                if self.record.prediction is None:
                    self._processes("ceilings")
                if not self.stop:
                    self._predict()
                    self._processes("steps")
            except UsageError as error:
                self.record.reason = str(error)
                self._discard_if_empty()
                raise
            finally:
                self.progress.close()
        return self._finish()

    def _processes(self, suite: str) -> None:
        program = str(paths.bench_program())
        count = self.options.points.processes
        finished = {process.index for process in self.record.processes if process.suite == suite}
        for index in sorted(set(range(count)) - finished):
            if self.stop:
                return
            process = Process(
                suite=suite,
                index=index,
                journal=f"{suite}-{index}.jsonl",
                launched_at=paths.utc_now(),
                reason=UNFINISHED,
            )
            self.record.processes.append(process)
            self.recorder.save()  # a kill may come before the journal's first line
            self.progress.begin(f"{suite} {index + 1}/{count}")
            command = [program, f"--suite={suite}", *self.options.arguments()]
            runner.run(
                command,
                process,
                self.folder / "journals",
                self.options.stall_seconds,
                self._line,
                lambda: self.stop,
            )
            self.progress.end()
            self.recorder.save()
            if process.status == "partial":
                self.progress.say(f"{suite} {index + 1}/{count}: {process.reason}")

    def _line(self, line: dict[str, object]) -> None:
        self.recorder.line(line)
        self.progress.line(line)

    def _predict(self) -> None:
        """Once: a prediction that stands is never made again."""
        if self.record.prediction is not None:
            return
        prediction = predict.predict_steps(self.record, self.options.steps())
        self.record.prediction = prediction
        path = self.folder / "prediction.json"
        write_atomically(path, prediction.model_dump_json(indent=1) + "\n")
        self.recorder.save()

    def _finish(self) -> Record:
        record = self.record
        bad = [p for p in record.processes if p.status == "partial" or p.exit_code]
        record.reason = "; ".join(f"{p.suite} {p.index + 1}: {p.reason}" for p in bad)
        if self.stop:
            record.reason = "interrupted"
        if not record.reason and not machine.group(record, {"step"}):
            record.reason = "no step was measured"
        record.status = "partial" if record.reason else "complete"
        record.ended_at = paths.utc_now()
        record.comparison = compare.compare(record, str(self.folder))
        self.recorder.save()
        if self.stop:
            raise CannotMeasure(f"interrupted: what was measured is in {self.folder}")
        return record

    def _discard_if_empty(self) -> None:
        """A refused input leaves no record behind."""
        if self.record.resumed or any(p.measurements for p in self.record.processes):
            self.recorder.save()
            return
        self.recorder.path.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "journals", ignore_errors=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask for an orderly end."""

        def handler(_number: int, _frame: FrameType | None) -> None:
            self.stop = True

        numbers = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, handler) for number in numbers}
        try:
            yield
        finally:
            for number, action in previous.items():
                signal.signal(number, action)
