# SPDX-License-Identifier: Apache-2.0
"""What counts as a finding of a fuzz target, with scripts in the targets' place."""

from pathlib import Path

import pytest

from membound import fuzzing

# Writes what libFuzzer would; on files of its own it ends with the code in them.
TARGET = """#!/bin/sh
for last; do :; done
if [ -d "$last" ]; then
  echo "stat::number_of_executed_units: 7" >&2
  [ -z "{found}" ] || printf '%s' '{again}' > build/fuzz/corpus/found-gguf-{found}
  exit {code}
fi
exit "$(cat "$last")"
"""


@pytest.mark.parametrize(
    ("code", "found", "again", "wanted"),
    [
        (0, "", "", 0),
        (77, "crash-1", "77", 77),
        (70, "timeout-1", "70", 70),
        (70, "timeout-1", "0", 0),  # a suspended machine
        (70, "", "", 70),
    ],
)
def test_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    code: int, found: str, again: str, wanted: int,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build/fuzz/corpus/gguf").mkdir(parents=True)
    program = tmp_path / "build/fuzz/tests/fuzz/fuzz_gguf"
    program.parent.mkdir(parents=True)
    program.write_text(TARGET.format(code=code, found=found, again=again))
    program.chmod(0o755)
    assert fuzzing._fuzz("gguf", 1) == wanted
    left = list((tmp_path / "build/fuzz/corpus").glob("found-*"))
    assert bool(left) == bool(found and wanted)


def test_without_clang_it_is_skipped_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert fuzzing.run(False, lambda preset: 1) == 0
    assert "skipped: no clang++" in capsys.readouterr().out
