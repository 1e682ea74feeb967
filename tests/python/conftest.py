# SPDX-License-Identifier: Apache-2.0
"""Shared fixtures: the command line as a process, a small model, one finished run."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from membound.cli import main

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
}


def environment(behaviour: str = "") -> dict[str, str]:
    extra = {
        "PYTHONPATH": str(ROOT / "scripts"),
        "MEMBOUND_BENCH": str(HERE / "fake_bench.py"),
        "FAKE_BENCH": behaviour,
        "COLUMNS": "140",
    }
    return os.environ | extra


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "membound", *map(str, arguments)]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Cli:
    """Call the command line in a scratch folder against the fake measuring program.

    In this process, which saves the imports; what its child processes print is captured too.
    """

    def call(*arguments: object, behaviour: str = "", **extra: str) -> Done:
        for key, value in (environment(behaviour) | extra).items():
            monkeypatch.setenv(key, value)
        monkeypatch.chdir(tmp_path)
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capfd.readouterr())

    return call


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A small model's config.json."""
    path = tmp_path / "small" / "config.json"
    path.parent.mkdir()
    path.write_text(json.dumps(SMALL))
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete quick run, for tests that only read it."""
    folder = tmp_path_factory.mktemp("finished")
    done = subprocess.run(
        command("run", "--model", "Qwen2.5-0.5B", "--out", "out"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture
def peers(cli, tmp_path, monkeypatch):
    """Call `peers` with these programs, by name and Python text, alone on PATH."""

    def program(name: str, text: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable} -IS\n{text}\n")
        path.chmod(0o755)
        return path

    bench = program("membound-bench", (HERE / "fake_streams.py").read_text())
    bench = bench.rename(tmp_path / "membound-bench")

    def call(programs: dict[str, str], *arguments: object, **extra: str):
        for name, text in programs.items():
            program(name, text)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        monkeypatch.setenv("MEMBOUND_BENCH", str(bench))
        extra = {"MEMBOUND_BENCH": str(bench)} | extra
        return cli("peers", "--rounds", 4, "--seconds", "0.1", *arguments, **extra)

    return call
