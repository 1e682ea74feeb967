# SPDX-License-Identifier: Apache-2.0
"""Paper figures that the user gives, beside those that a device names; counted traffic."""

import json

import pytest

import report_records
from membound import storage, tables
from membound.compare import compare
from membound.model import machine, paper
from membound.record import Measurement, Record

GIVEN = ("--paper-bandwidth", "50", "--paper-flops", "400")
MODEL = ("--model", "Qwen2.5-0.5B")
SETTINGS = {"paper_bandwidth_GBps": 50.0, "paper_flops_GFLOPS": 400.0, "dtype": "bf16"}


def test_given_figures_are_stored_used_and_named(cli, tmp_path):
    done = cli("run", *MODEL, "--out", "out", "--json", *GIVEN)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    record = Record.model_validate_json((tmp_path / "out" / "record.json").read_text())
    assert record.settings["paper_bandwidth_GBps"] == 50
    assert record.settings["paper_flops_GFLOPS"] == 400
    assert record.settings["paper_source"] == "given on the command line"
    assert found["ceilings"]["paper_GBps"] == 50
    assert found["ceilings"]["paper_GFLOPS"] == {"bf16": 400, "f32": 400}
    assert set(found["ceilings"]["paper_sources"].values()) == {"given on the command line"}
    # Both given figures are above what the fake machine reaches.
    assert all(row["predicted"]["P"] > row["predicted"]["C"] for row in found["rows"])
    assert any(
        "80 % of the paper bandwidth of 50.0 GB/s (given on the command line)" in text
        for text in found["verdicts"]
    )
    printed = cli("compare", "out").stdout
    assert "paper 50.0, given on the command line" in printed
    page = (tmp_path / "out" / "report.html").read_text()
    assert "50.0 GB/s, given on the command line" in page
    assert "--paper-bandwidth 50.0 --paper-flops 400.0" in page


def test_a_ceiling_above_paper_is_called_out(finished):
    record = storage.load(str(finished))
    record.settings["paper_bandwidth_GBps"] = 20.0
    (text,) = [text for text in compare(record, "x").verdicts if "paper bandwidth" in text]
    assert "reach 200 %" in text
    assert "caches served the reads" in text


def test_ceilings_fit_a_terminal_of_80_columns(finished):
    record = report_records.enriched(storage.load(str(finished)))
    record.settings |= SETTINGS
    lines = tables.ceilings_lines(compare(record, "x").ceilings["by_device"][0])
    assert "  paper peaks, GFLOP/s: bf16 400, f32 400, given on the command line" in lines
    assert "  library GEMM, GFLOP/s: f32 382" in lines
    assert "  peaks, GFLOP/s: bf16 3235, f16 824, f32 422, f64 206, i8 6373" in lines
    assert max(map(len, lines)) <= 80


def test_without_them_the_paper_tier_stays_unknown(finished):
    found = compare(storage.load(str(finished)), "x")
    assert found.ceilings["paper_GBps"] is None
    assert found.ceilings["paper_sources"] == {}
    assert all(row.predicted["P"] is None for row in found.rows)


@pytest.mark.parametrize("option", ["--paper-bandwidth", "--paper-flops"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "fast", ""])
def test_bad_values_are_one_line_and_exit_code_3(cli, tmp_path, option, value):
    done = cli("run", *MODEL, "--out", "out", option, value)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert option in done.stderr
    assert not (tmp_path / "out").exists()


def test_resume_keeps_the_stored_figures_and_refuses_others(cli, tmp_path):
    assert cli("run", *MODEL, "--out", "out", *GIVEN, behaviour="crash:steps").returncode == 2
    for other in ("40", "nan"):
        done = cli("run", "--resume", "out", "--paper-bandwidth", other)
        assert done.returncode == 3
        assert "--paper-bandwidth" in done.stderr
    done = cli("run", "--resume", "out", "--json", "--paper-bandwidth", "50")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ceilings"]["paper_GBps"] == 50


def test_a_figure_cannot_be_added_to_a_run_without(cli, tmp_path):
    assert cli("run", *MODEL, "--out", "out", behaviour="crash:steps").returncode == 2
    done = cli("run", "--resume", "out", "--paper-flops", "400")
    assert done.returncode == 3
    assert "--paper-flops contradicts" in done.stderr
    assert "measured with none" in done.stderr


def test_what_a_device_names_itself_comes_first():
    own = {"paper_bandwidth_GBps": 100}
    (found,) = paper.with_sources([own], SETTINGS)
    assert found["bandwidth"] == (100e9, paper.BY_DEVICE)
    assert found["bf16"] == found["f32"] == (400e9, paper.BY_USER)
    (found,) = paper.with_sources([own | {"paper_f64_GFLOPS": 7}], SETTINGS)
    assert set(found) == {"bandwidth", "f64"}


def test_a_figure_stands_for_the_one_device_that_lacks_it():
    first, second = paper.with_sources([{"paper_bandwidth_GBps": 100}, {}], SETTINGS)
    assert first["bandwidth"] == (100e9, paper.BY_DEVICE)
    assert second["bandwidth"] == (50e9, paper.BY_USER)
    assert paper.with_sources([{}, {}], SETTINGS) == [{}, {}]


@pytest.mark.parametrize("value", [None, 0, -1, "50", True, float("nan"), float("inf"), [], {}])
def test_nonsense_is_no_figure(value):
    keys = ("paper_bandwidth_GBps", "paper_flops_GFLOPS", "paper_f32_GFLOPS")
    assert paper.of_device(dict.fromkeys(keys, value)) == {}
    assert paper.of_settings(dict.fromkeys(keys, value)) == {}


def counted(*values, launches=4, **work):
    samples = [
        {"seconds": 1.0, "launches": launches, "telemetry": {"counted_bytes": value}}
        for value in values
    ]
    where = {"bench": "x", "device": "cpu:0", "stage": "ceiling", "work": work}
    return Measurement.model_validate(where | {"samples": samples})


def test_counted_traffic_is_of_all_launches_of_a_sample():
    found = [counted(440, None, 480, bytes_read=60, bytes_written=40), counted(400, bytes_read=100)]
    assert machine.counted_ratio(found) == pytest.approx(1.1)


@pytest.mark.parametrize(
    "measurement",
    [
        counted(None, float("nan"), bytes_read=100),
        counted(400),  # no bytes by definition
        counted(400, launches=None, bytes_read=100),
    ],
)
def test_no_counter_no_ratio(measurement):
    assert machine.counted_ratio([measurement]) is None


def test_counted_ratios_are_in_rows_and_ceilings(cli, finished, tmp_path):
    done = cli("run", *MODEL, "--out", "out", "--json", behaviour="counted")
    found = json.loads(done.stdout)
    assert all(row["counted_ratio"] == pytest.approx(1.02) for row in found["rows"])
    ratios = found["ceilings"]["counted_ratio"]
    assert ratios["read/f32"] == ratios["copy/f32/nt"] == pytest.approx(1.02)
    assert ratios["copy/f32"] == pytest.approx(1.53)
    assert found["ceilings"]["write_allocate_ratio"] == {"copy/f32": 0.5}
    assert "traffic by counter is 1.02 times its bytes" in found["verdicts"][2]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "a fake counter" in page
    assert '<td class="n">1.53</td>' in page
    absent = compare(storage.load(str(finished)), "x")
    assert absent.ceilings["counted_ratio"] == {}
    assert absent.rows[0].counted_ratio is None
    assert "absent: a fake machine" in (finished / "report.html").read_text()
