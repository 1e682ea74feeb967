# SPDX-License-Identifier: Apache-2.0
"""Every test that this machine can run: the C++ tests, then the Python tests."""

import os
import subprocess
import sys

from membound import paths


def run_all() -> int:
    """0 when all passed, 1 when any failed; both suites run in any case."""
    os.chdir(paths.ROOT)
    # Line by line, so that the headings stay above what they announce.
    print("== C++ tests (ctest)", flush=True)
    cpp = subprocess.call(
        ["ctest", "--test-dir", "build", "--output-on-failure", "--no-tests=error"]
    )
    print("== Python tests (pytest)", flush=True)
    python = subprocess.call([sys.executable, "-m", "pytest", "tests/python"])
    return 1 if cpp or python else 0
