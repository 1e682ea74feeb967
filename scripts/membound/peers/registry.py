# SPDX-License-Identifier: Apache-2.0
"""Which peers there are, and where: named by the user, else on PATH."""

import hashlib
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from membound.errors import UsageError
from membound.peers import babelstream, likwid, llama_bench, mixbench, stream
from membound.peers.launch import Launch, Setting, Unreadable
from membound.peers.steps import WeightsFile

ADAPTERS = {
    adapter.NAME: adapter for adapter in (likwid, stream, babelstream, mixbench, llama_bench)
}


@dataclass(frozen=True)
class Peer:
    """One peer; `side` tells apart two programs of one kind. Absent: with the reason."""

    side: str
    kind: str
    program: str | None = None
    sha256: str | None = None
    version: str | None = None
    reason: str = ""

    @property
    def found(self) -> bool:
        return not self.reason

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "found": self.found}


def parse_named(named: list[str]) -> list[tuple[str, str]]:
    """--peer NAME=PATH, as many as there are. Raises UsageError."""
    pairs = []
    for text in named:
        kind, separator, program = text.partition("=")
        if kind not in ADAPTERS or not separator or not program:
            known = ", ".join(ADAPTERS)
            raise UsageError(f"--peer '{text}' is not NAME=PATH with NAME one of {known}")
        resolved = shutil.which(program)
        if resolved is None:
            raise UsageError(f"--peer {kind}: '{program}' is not an executable: give its path")
        pairs.append((kind, str(Path(resolved).resolve())))
    return pairs


def discover(named: list[tuple[str, str]]) -> list[Peer]:
    """Every kind at least once: found or absent. A kind that is named is not searched for."""
    peers = []
    for kind, adapter in ADAPTERS.items():
        programs = [program for name, program in named if name == kind]
        if not programs:
            on_path = next((p for name in adapter.PROGRAMS if (p := shutil.which(name))), None)
            programs = [on_path] if on_path else []
        if not programs:
            wanted = " or ".join(adapter.PROGRAMS)
            reason = f"{wanted} not found on PATH: name it with --peer {kind}=PATH"
            peers.append(Peer(kind, kind, reason=reason))
        for number, program in enumerate(programs, 1):
            side = kind if len(programs) == 1 else f"{kind}#{number}"
            peers.append(Peer(side, kind, program, _sha256(program)))
    return peers


def launches(peer: Peer, setting: Setting, files: list[WeightsFile]) -> tuple[Peer, list[Launch]]:
    """What it can be asked to run, on weights files where there are any, else of loops.

    A program that does not answer becomes absent.
    """
    assert peer.program is not None
    program = Path(peer.program)
    try:
        if files:
            return peer, llama_bench.launches(peer.side, program, setting, files)
        found, version = ADAPTERS[peer.kind].find(peer.side, program, setting)
    except Unreadable as error:
        return replace(peer, reason=str(error)), []
    return replace(peer, version=version), found


def _sha256(program: str) -> str | None:
    """Which build it is: versions of peers say little of compilers and flags."""
    if not os.access(program, os.R_OK):
        return None
    return hashlib.sha256(Path(program).read_bytes()).hexdigest()
