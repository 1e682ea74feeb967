# SPDX-License-Identifier: Apache-2.0
"""`python -m membound`, which the launcher runs."""

from membound.cli import entry

entry()
