# SPDX-License-Identifier: Apache-2.0
"""The command `report`, its files, its errors, and the report at the end of a run."""

import json
import shutil

import pytest

from membound.report import write


def test_the_report_lies_beside_its_record(cli, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "record")
    shutil.rmtree(tmp_path / "record" / "report")
    (tmp_path / "record" / "report.html").unlink()
    done = cli("report", "record")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "report: record/report.html\n"
    assert (tmp_path / "record" / "report" / "roofline.png").stat().st_size > 5000


def test_several_records_and_a_journal_have_a_folder_of_their_own(cli, finished, tmp_path):
    assert cli("report", finished, finished).stdout == "report: membound-report/report.html\n"
    assert (tmp_path / "membound-report" / "report" / "b-roofline.png").exists()
    journal = finished / "journals" / "steps-0.jsonl"
    # Charts of the report that was there before are gone.
    assert cli("report", journal).stdout == "report: membound-report/report.html\n"
    assert not list((tmp_path / "membound-report" / "report").glob("b-*.png"))


def test_out_names_the_folder_and_makes_it(cli, finished, tmp_path):
    done = cli("report", finished, "--out", "a/b")
    assert done.stdout == "report: a/b/report.html\n"
    assert (tmp_path / "a" / "b" / "report" / "shares.png").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is not a membound record"),
        (b'{"schema_version": 1}', "is not a membound record"),
        (b"\xff\xfe", "is not a membound record"),
        (None, "cannot read"),
    ],
)
def test_a_damaged_record_is_one_line_and_exit_code_3(cli, tmp_path, content, said):
    if content is not None:
        (tmp_path / "record.json").write_bytes(content)
    done = cli("report", "record.json")
    assert done.returncode == 3
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_a_folder_that_cannot_be_written_is_one_line_and_exit_code_3(cli, finished, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = cli("report", finished, "--out", "taken")
    assert done.returncode == 3
    assert "choose a folder with --out" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_ends_with_a_report(finished):
    assert "Measured beside predicted" in (finished / "report.html").read_text()
    assert (finished / "report" / "roofline.png").exists()


def test_a_run_outlives_a_report_that_fails(cli, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError("no\nfont")

    monkeypatch.setattr(write, "write", fail)
    done = cli("run", "--model", "Qwen2.5-0.5B", "--out", "out", "--json")
    assert done.returncode == 0
    assert "membound: no report: no font\n" in done.stderr
    assert json.loads(done.stdout)["rows"]
    assert (tmp_path / "out" / "record.json").exists()
