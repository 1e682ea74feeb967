# SPDX-License-Identifier: Apache-2.0
"""Folding journals: what counts, what is torn, what is marked."""

from membound import journal, storage
from membound.record import Process


def fold(path):
    return journal.read(path, Process(suite="all"))


def test_every_prefix_of_a_journal_is_a_valid_partial_process(finished, tmp_path):
    whole = (finished / "journals" / "steps-0.jsonl").read_bytes()
    path = tmp_path / "part.jsonl"
    seen = 0
    for end in range(0, len(whole), 97):
        path.write_bytes(whole[:end])
        found = fold(path)
        count = sum(len(m.samples) for m in found.measurements)
        assert found.status == "partial"
        assert count >= seen
        seen = count
    path.write_bytes(whole)
    assert fold(path).status == "complete"


def test_skips_and_errors_are_kept_and_unknown_lines_are_left_alone(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"type": "header"}\n{"type": "weather", "sun": true}\n'
        '{"type": "skip", "bench": "a", "device": "cpu:0", "reason": "too big"}\n'
        '{"type": "error", "bench": "b", "device": "cpu:0", "reason": "wrong sum"}\n'
    )
    assert [(f.kind, f.reason) for f in fold(path).failures] == [
        ("skip", "too big"),
        ("error", "wrong sum"),
    ]


def test_samples_without_done_count_and_are_unfinished(tmp_path):
    where = '"bench": "inference/decode/bf16/model:x/batch:1/context:8", "device": "cpu:0"'
    path = tmp_path / "x.jsonl"
    path.write_text(
        f'{{"type": "header", "hostname": "x"}}\n{{"type": "bench", {where}, "stage": "step"}}\n'
        f'{{"type": "sample", {where}, "seconds": 0.5, "tags": ["throttled"]}}\n'
    )
    from membound.compare import compare

    (row,) = compare(storage.load(str(path)), "x").rows
    assert row.measured == 2.0
    assert row.marks == ["unfinished", "throttled (1 of 1 samples)"]


def test_writing_replaces_a_file_whole(tmp_path):
    path = tmp_path / "record.json"
    for text in ("old", "new"):
        storage.write_atomically(path, text)
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]
