# SPDX-License-Identifier: Apache-2.0
"""Records that commands are given."""

from typing import Any


def load_and_compare(paths: list[str]) -> tuple[list[Any], list[Any]]:
    """Records and their comparisons; engines' results stand beside ours where both are given."""
    from membound import beside, storage
    from membound import compare as comparing

    records = [storage.load(path) for path in paths]
    comparisons = [comparing.compare(r, path) for r, path in zip(records, paths, strict=True)]
    beside.attach(records, comparisons)
    return records, comparisons
