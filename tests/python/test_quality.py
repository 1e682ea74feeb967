# SPDX-License-Identifier: Apache-2.0
"""The package's own hygiene: formatter, linter, types, the written schema."""

import json
import subprocess
import sys

import pytest

from conftest import ROOT
from membound import __version__, schema

TOOLS = {
    "format": ["ruff", "format", "--check", "scripts", "tests/python"],
    "lint": ["ruff", "check", "scripts", "tests/python"],
    "types": ["mypy"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_tool_finds_nothing(tool):
    done = subprocess.run(
        [sys.executable, "-m", *TOOLS[tool]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_is_current():
    assert schema.PATH.read_text() == schema.text(), "run: python -m membound.schema"


def test_a_record_follows_the_schema(finished):
    record = json.loads((finished / "record.json").read_text())
    wanted = json.loads(schema.PATH.read_text())
    assert set(wanted["required"]) <= set(record)
    assert set(record) <= set(wanted["properties"])


def test_one_version_everywhere():
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_the_lock_names_no_index_and_hashes_everything():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = [line for line in lock.splitlines() if "==" in line and not line.startswith("#")]
    assert len(pinned) > 20
    assert all(line.endswith("\\") for line in pinned)
