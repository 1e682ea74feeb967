# SPDX-License-Identifier: Apache-2.0
"""What this build can measure here, asked from the measuring program."""

import json
import subprocess
from typing import Any

from membound import paths
from membound.errors import CannotMeasure

TIMEOUT_SECONDS = 60


def ask() -> dict[str, Any]:
    """The measuring program's own list of backends and benches."""
    program = paths.bench_program()
    try:
        done = subprocess.run(
            [str(program), "--list"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise CannotMeasure(f"{program} --list did not end in {TIMEOUT_SECONDS} s") from None
    except OSError as error:
        raise CannotMeasure(f"cannot start {program}: {error.strerror}") from None
    try:
        listed = json.loads(done.stdout)
        if not {"backends", "benches"} <= set(listed):
            raise ValueError
    except (ValueError, TypeError):
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise CannotMeasure(f"{program} --list gave no list: {said[0]}") from None
    return dict(listed)
