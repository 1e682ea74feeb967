# SPDX-License-Identifier: Apache-2.0
"""One comparison from beginning to end; what is measured reaches the disk after every round."""

import json
import random
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from membound import __version__, paths, progress
from membound.errors import CannotMeasure, UsageError
from membound.peers import library, llama_bench, ours, registry, result, steps
from membound.peers.contest import Contest, Start
from membound.peers.launch import Kernel, Launch, Setting
from membound.peers.registry import Peer
from membound.peers.works import DTYPES, NAMES, STEPS, Work, work
from membound.storage import write_atomically

QUALIFYING_SHARE = 0.4  # of the seconds that a kernel gets in a round


@dataclass(frozen=True)
class Request:
    """What was asked for, checked; `works` empty: all."""

    named: list[tuple[str, str]]
    works: frozenset[Work]
    rounds: int
    seconds: float
    seed: int
    timeout_seconds: float
    out: Path | None
    files: list[Path]  # weights; with some, their steps are compared and no loops
    lengths: steps.Lengths

    def wants(self, compared: Work) -> bool:
        return not self.works or compared._replace(model="") in self.works


def parse_works(text: str | None) -> frozenset[Work]:
    """triad means triad in every type, triad/f64 only that. Raises UsageError."""
    found = set()
    for part in (text or "").split(",") if text is not None else []:
        name, _, dtype = part.strip().partition("/")
        if name not in NAMES or (dtype and dtype not in DTYPES):
            raise UsageError(
                f"--works '{part}' is not one of {', '.join(NAMES)}, or such as add/f64"
            )
        found |= {work(name, dtype)} if dtype else {work(name, each) for each in DTYPES}
    return frozenset(found)


def check_sides(works: frozenset[Work], named: list[tuple[str, str]], files: list[Path]) -> None:
    """Steps need a file, and a file has nothing but steps. Raises UsageError."""
    asked = [(f"--works {compared.name}", compared.name in STEPS) for compared in sorted(works)]
    asked += [(f"--peer {kind}", kind == llama_bench.NAME) for kind, _ in named]
    for option, is_of_steps in asked:
        if is_of_steps != bool(files):
            needs = "goes without --model" if files else "needs --model FILE.gguf"
            raise UsageError(f"{option} {needs}")


class Session:
    """State of one comparison; `document` is valid whenever it is asked for."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.started_at = paths.utc_now()
        self.peers = [
            peer
            for peer in registry.discover(request.named)
            if (peer.kind == llama_bench.NAME) == bool(request.files)
        ]
        self.not_compared: list[dict[str, Any]] = []
        self.kernels: list[Kernel] = []
        self.setting: Setting | None = None
        self.device: dict[str, Any] = {}
        self.status, self.reason = "partial", "not finished: it is going on or was killed"
        self.progress: progress.Lines | progress.Bar | None = None
        self.contest = Contest(request.timeout_seconds, self._tell)

    def execute(self) -> dict[str, Any]:
        """The whole comparison. Raises CannotMeasure when there is nothing to compare with."""
        if self.request.out:
            _make_folder(self.request.out)
        with tempfile.TemporaryDirectory(prefix="membound-peers-") as scratch, _terminable():
            candidates = self._candidates(Path(scratch))
            self.progress = progress.make()
            try:
                self._measure(candidates)
                self.status, self.reason = "complete", ""
            except KeyboardInterrupt:
                self.reason = "interrupted"
            finally:
                self.progress.close()
                self._save()
        document = self.document()
        if not document["ratios"] and not self.reason:
            raise CannotMeasure(f"nothing could be compared: {self._first_reason()}")
        return document

    def _candidates(self, scratch: Path) -> list[Launch]:
        """Launches of both sides for the works that both have and that are wanted."""
        mine: list[Launch] = []
        theirs: list[Launch] = []
        if not self.request.files:
            mine, theirs = self._libraries(scratch)
        if not any(peer.found for peer in self.peers):
            kinds = dict.fromkeys(peer.kind for peer in self.peers)
            programs = [p for kind in kinds for p in self._programs(kind)]
            raise CannotMeasure(
                f"no peer found: none of {', '.join(programs)} is on PATH; install one, "
                "or name it with --peer NAME=PATH"
            )
        self.setting, self.device = ours.setting(scratch)
        files = [steps.open_file(path, self.request.lengths) for path in self.request.files]
        theirs += self._peer_launches(self.setting, files)
        if files:
            mine = [launch for file in files for launch in steps.launches(file, scratch)]
        else:
            loops = ours.kernels(ours.list_benches())
            mine += [ours.OurLaunch(kernel, scratch) for kernel in loops]
        self._choose(mine, theirs)
        wanted = set(self.kernels)
        for launch in mine + theirs:
            launch.kernels = [kernel for kernel in launch.kernels if kernel in wanted]
        return [launch for launch in mine + theirs if launch.kernels]

    def _libraries(self, scratch: Path) -> tuple[list[Launch], list[Launch]]:
        own, libraries, absent = library.find(scratch)
        self.peers += [Peer(name, "library", reason=reason) for name, reason in absent.items()]
        sides = dict.fromkeys(launch.side for launch in libraries)
        self.peers += [Peer(name, "library", "in membound-bench") for name in sides]
        return own, libraries

    @staticmethod
    def _programs(kind: str) -> tuple[str, ...]:
        return registry.ADAPTERS[kind].PROGRAMS if kind in registry.ADAPTERS else ()

    def _peer_launches(self, setting: Setting, files: list[steps.WeightsFile]) -> list[Launch]:
        found: list[Launch] = []
        for index, peer in enumerate(self.peers):
            if peer.found and peer.kind in registry.ADAPTERS:
                self.peers[index], launches = registry.launches(peer, setting, files)
                found += launches
        return found

    def _choose(self, mine: list[Launch], theirs: list[Launch]) -> None:
        """Kernels to compare. A peer that does a work in two types does it in our first one."""
        have = {kernel.work for launch in mine for kernel in launch.kernels}
        offered = [kernel for launch in theirs for kernel in launch.kernels]
        first: dict[tuple[str, str, str], Work] = {}
        for kernel in sorted(offered, key=lambda k: DTYPES.index(k.work.dtype)):
            if kernel.work in have and self.request.wants(kernel.work):
                first.setdefault(_asked(kernel), kernel.work)
        chosen = [kernel for kernel in offered if first.get(_asked(kernel)) == kernel.work]
        works = {kernel.work for kernel in chosen}
        chosen += [k for launch in mine for k in launch.kernels if k.work in works]
        order = {name: number for number, name in enumerate(NAMES)}
        self.kernels = sorted(chosen, key=lambda k: (order[k.work.name], k.work.dtype))
        for asked in dict.fromkeys(map(_asked, offered)):
            same = [kernel for kernel in offered if _asked(kernel) == asked]
            if asked not in first and any(self.request.wants(kernel.work) for kernel in same):
                dtypes = sorted({kernel.dtype for kernel in same})
                reason = f"this membound-bench has no such bench in {' or '.join(dtypes)}"
                self.not_compared.append({"work": asked[1], "peer": asked[0], "reason": reason})

    def _measure(self, candidates: list[Launch]) -> None:
        request = self.request
        self._begin(f"qualifying of {len(candidates)} candidates", len(candidates))
        self.contest.qualify(candidates, QUALIFYING_SHARE * request.seconds, ours.SIDE)
        self._end()
        self._note_versions()
        self._save()
        if not self.contest.launches:
            return
        self._begin(f"{request.rounds} rounds", request.rounds * len(self.contest.launches))
        shuffler = random.Random(request.seed)
        for _ in range(request.rounds):
            self.contest.play(request.seconds, shuffler)
            self._save()
        self._end()

    def _note_versions(self) -> None:
        for start in self.contest.qualifying:
            for index, peer in enumerate(self.peers):
                if start.version and start.key.startswith(f"{peer.side} "):
                    self.peers[index] = replace(peer, version=peer.version or start.version)

    def _begin(self, stage: str, launches: int) -> None:
        assert self.progress is not None
        self.progress.begin(stage)
        self.progress.line({"type": "header", "planned": [{"samples": 1}] * launches})

    def _end(self) -> None:
        assert self.progress is not None
        self.progress.end()

    def _tell(self, start: Start) -> None:
        assert self.progress is not None
        self.progress.line({"type": "sample"})
        self.progress.line({"type": "done"})
        if start.reason:
            self.progress.say(f"{start.key}: {start.reason}")

    def _first_reason(self) -> str:
        reasons = [*self.contest.failures.values(), *(e["reason"] for e in self.not_compared)]
        reasons += [f"{peer.side}: {peer.reason}" for peer in self.peers if not peer.found]
        return reasons[0] if reasons else "no work in common"

    def document(self) -> dict[str, Any]:
        """What --json prints."""
        rows = result.Results(self.contest, self.kernels).rows()
        return {
            "ratios": [row.as_dict() for row in rows],
            "verdicts": [result.verdict(row) for row in rows if row.best_peer],
            "peers": [peer.as_dict() for peer in self.peers],
            "failures": self._failures(),
            "not_compared": self.not_compared,
            "status": self.status,
            "reason": self.reason,
        }

    def _failures(self) -> list[dict[str, str]]:
        return [
            {"launch": key, "peer": key.split(" ", 1)[0], "reason": reason}
            for key, reason in self.contest.failures.items()
        ]

    def _save(self) -> None:
        if self.request.out is None:
            return
        request = {
            **asdict(self.request),
            "works": sorted(map(str, self.request.works)),
            "out": str(self.request.out),
            "files": [str(path) for path in self.request.files],
        }
        raw = {
            "schema_version": 1,
            "version": __version__,
            "started_at": self.started_at,
            "ended_at": paths.utc_now(),
            "request": request,
            "setting": asdict(self.setting) if self.setting else None,
            "device": self.device,
            **self.document(),
            "qualifying": [start.as_dict() for start in self.contest.qualifying],
            "rounds": [[start.as_dict() for start in one] for one in self.contest.rounds],
        }
        write_atomically(self.request.out / "peers.json", json.dumps(raw, indent=1) + "\n")


def _asked(kernel: Kernel) -> tuple[str, str, str]:
    return kernel.side, kernel.work.name, kernel.work.model


def _make_folder(folder: Path) -> None:
    if (folder / "peers.json").exists():
        raise UsageError(f"{folder} already holds a peers.json: choose another folder with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / ".membound-probe", "")
        (folder / ".membound-probe").unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder} ({error.strerror}): choose another folder with --out"
        ) from None


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the process that is measured and keeps what there is, as Ctrl-C does."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
