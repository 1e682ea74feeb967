# SPDX-License-Identifier: Apache-2.0
"""The report: what is on the page for rich, poor, hostile and several records."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import report_records
from membound import compare, storage
from membound.record import Record
from membound.report import answer, page
from membound.report.subject import Source

SECTIONS = {
    "answer", "predicted", "causes", "roofline", "bandwidth", "saturation", "streams", "machine",
}  # fmt: skip
CHARTS = {
    "residuals", "shares", "roofline", "bandwidth-hot", "bandwidth-cold", "threads", "in-flight",
    "prefetch", "loaded-latency", "latency",
}  # fmt: skip
VOID = {"meta", "br", "link", "img", "input"}


class Reader(HTMLParser):
    """Text by section, what loads resources, ids, and whether tags close in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.section = ""
        self.text: dict[str, str] = {}
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        if tag == "section":
            self.section = found["id"]
        self.ids += [found["id"]] if "id" in found else []
        self.loads += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text[self.section] = self.text.get(self.section, "") + data


@pytest.fixture(scope="module")
def plain(finished: Path) -> Record:
    return storage.load(str(finished))


@pytest.fixture(scope="module")
def rich(plain: Record) -> Record:
    return report_records.enriched(plain)


@pytest.fixture(scope="module")
def rich_page(rich: Record) -> page.Page:
    return build(rich)


def build(*records: Record) -> page.Page:
    return page.build([Source(r, compare.compare(r, f"r{i}")) for i, r in enumerate(records)])


def test_every_section_and_every_chart_is_there(rich_page):
    read = Reader(rich_page.html)
    assert set(read.text) - {""} == SECTIONS
    assert set(rich_page.charts) == CHARTS
    assert read.tags.count("svg") == len(CHARTS)
    assert all(png.startswith(b"\x89PNG") for png in rich_page.charts.values())
    assert len(rich_page.html) + sum(map(len, rich_page.charts.values())) < 2_000_000


def test_nothing_is_loaded_and_nothing_runs(rich_page):
    read = Reader(rich_page.html)
    assert all(target.startswith("#") for target in read.loads)
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(read.tags)
    assert not re.search(r"https?://|@import|\bon[a-z]+\s*=\s*[\"']", rich_page.html)
    # Every reference in a chart points to something in the page, and ids are unique.
    wanted = {*re.findall(r"url\(#([^)]+)\)", rich_page.html), *(t[1:] for t in read.loads)}
    assert wanted <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))


def test_text_in_charts_is_text(rich_page):
    svgs = "".join(re.findall(r"<svg.*?</svg>", rich_page.html, flags=re.S))
    for word in ("gemv bf16 m=1", "matrix bf16", "8 threads", "huge pages", "measured sweep"):
        assert word in svgs
    assert "#1c2126" not in svgs, "colours follow the page"


def test_the_same_record_gives_the_same_page(rich, rich_page):
    assert build(rich) == rich_page


def test_a_record_without_the_newer_benches_says_so_in_a_line(plain):
    built = build(plain)
    assert set(built.charts) == {
        "residuals", "shares", "roofline", "bandwidth-cold", "threads",
    }  # fmt: skip
    text = Reader(built.html).text
    assert "sweep over intensity was not measured" in text["roofline"]
    assert "hot curve of reads was not measured" in text["bandwidth"]
    absent = "rate over bytes in flight, prefetch distance, loaded latency, latency over size"
    assert f"Not measured in this record: {absent}." in text["saturation"]


def test_an_empty_record_has_every_section_and_no_chart(plain):
    empty = Record(version="0", started_at="", settings={}, reason="killed")
    built = build(empty)
    text = Reader(built.html).text
    assert set(text) - {""} == SECTIONS
    assert built.charts == {}
    assert "Inconclusive: no step was measured." in text["answer"]
    assert "partial: killed" in text["machine"]


@pytest.mark.parametrize("suite", ["ceilings", "steps"])
def test_half_a_record(plain, suite):
    half = plain.model_copy(update={"prediction": None, "status": "partial"}, deep=True)
    half.processes = [p for p in half.processes if p.suite == suite]
    text = Reader(build(half).html).text
    words = {"ceilings": "no step was measured", "steps": "is inconclusive: no kernel was measured"}
    assert words[suite] in text["answer"]


def test_several_devices_and_several_processes(rich):
    record = report_records.replicated(report_records.with_second_device(rich, "cpu:1"), 3)
    built = build(record)
    # The second device has no prediction: neither residuals nor shares.
    assert len(built.charts) == 2 * len(CHARTS) - 2
    text = Reader(built.html).text
    for device in ("cpu:0", "cpu:1"):
        assert f"Streams on {device}" in text["streams"]
    assert "interval: 3 processes" in text["predicted"]
    assert "3 x ceilings, 3 x steps" in text["machine"]


def test_several_records_stand_side_by_side(plain, rich):
    built = build(plain, report_records.replicated(rich, 1))
    text = Reader(built.html).text
    assert "change against A: fake cpu:0" in text["predicted"]
    assert "Verdicts of B, r1" in text["answer"]
    assert {"a-roofline", "b-roofline", "b-latency"} <= set(built.charts)
    assert "a-latency" not in built.charts


HOSTILE = '<script>alert(1)</script>"$x^{2$ & \N{SNOWMAN}'


def test_names_from_outside_are_escaped_in_text_and_charts(rich):
    record = rich.model_copy(deep=True)
    assert record.model is not None
    record.model["id"] = HOSTILE
    record.devices[0] |= {"name": HOSTILE, "architecture": HOSTILE}
    record.devices[0]["details"] |= {"microcode": HOSTILE, HOSTILE: HOSTILE}
    for process in record.processes:
        process.header |= {"hostname": HOSTILE, "command": [HOSTILE], "compiler": HOSTILE}
        for found in process.measurements:
            if found.stage == "step":
                # A slash would end the key in a bench's name.
                parts = [HOSTILE.replace("/", "") if p.startswith("model:") else p
                         for p in found.bench.split("/")]  # fmt: skip
                found.bench = "/".join(parts)
    record = report_records.with_second_device(record, HOSTILE)
    built = build(record)
    read = Reader(built.html)
    assert "script" not in read.tags
    assert "<script>" in read.text["machine"]
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in built.charts)


def test_figures_of_the_page_are_those_of_the_record(rich, rich_page):
    text = " ".join(Reader(rich_page.html).text["streams"].split())
    # 256 MiB of copy at 24 GB/s, median 2 % slower; half is written, which allocates as much.
    assert "copy f32 ordinary 256 MiB 23.5 24.0" in text
    assert "11.8 5" in text
    assert "copy f32 nt 256 MiB 29.4" in text
    roofline = " ".join(Reader(rich_page.html).text["roofline"].split())
    assert "matrix bf16 3240 3300" in roofline


def test_the_headline_says_what_the_verdicts_say(cli, tmp_path):
    expected = {"": "limited by the bytes", "saturated": "capped by memory bandwidth"}
    for behaviour, words in expected.items():
        folder = tmp_path / (behaviour or "plain")
        done = cli("run", "--model", "Qwen2.5-0.5B", "--out", folder, behaviour=behaviour)
        assert done.returncode == 0
        comparison = compare.compare(storage.load(str(folder)), "")
        saturated = comparison.ceilings["saturated"]
        for row in comparison.rows:
            size = f"context {row.context}" if row.phase == "decode" else f"{row.context} tokens"
            start = f"{row.phase} {row.model} {row.dtype} batch {row.batch}, {size} "
            verdict = next(v for v in comparison.verdicts if v.startswith(start))
            kind = answer.of_row(row, saturated)
            assert kind == ("no" if row.phase == "prefill" else "yes" if behaviour else "in flight")
            assert ("; not capped" if row.phase == "prefill" else f"; {words}") in verdict


def test_the_answer_for_rows_between_yes_and_no(plain):
    row = compare.compare(plain, "").rows[0]
    near = {"read_ceiling_fraction": 0.95, "shares": {"bytes": 0.9, "issue": 0.1}}
    for change, saturated, kind in (
        ({}, True, "yes"),
        ({}, None, "inconclusive"),
        ({}, False, "in flight"),
        ({"read_ceiling_fraction": 0.5}, True, "partly"),
        ({"shares": {"latency": 0.6, "bytes": 0.4}}, True, "partly"),
        ({"shares": {"overhead": 0.6, "bytes": 0.4}}, True, "no"),
        ({"shares": None}, True, "inconclusive"),
    ):
        assert answer.of_row(row.model_copy(update=near | change), saturated) == kind


def test_causes_that_the_comparison_names_are_shown(plain):
    comparison = compare.compare(plain, "r")
    row = comparison.rows[0].model_copy(update={"claim_missing": "latency of <short> launches"})
    comparison.rows[0] = row
    text = Reader(page.build([Source(plain, comparison)]).html).text["predicted"]
    assert "latency of <short> launches" in text


NONSENSE: list[object] = [None, "", "x", -1, 0, [], {}, [None], True, 1e300]


@pytest.mark.parametrize("value", NONSENSE, ids=str)
def test_nonsense_in_what_a_device_says_of_itself_is_not_fatal(rich, value):
    record = rich.model_copy(deep=True)
    kept = ("id", "name", "details", "compute_units")
    record.devices[0] = {k: v if k in kept else value for k, v in record.devices[0].items()}
    details = ("caches", "microcode", "governor", "allocated_bytes", "huge_page_bytes")
    record.devices[0] |= {"details": dict.fromkeys(details, value), "memory_bytes": value}
    for process in record.processes:
        process.header = dict.fromkeys(("hostname", "command", "compiler", "os"), value)
        process.measurements = [m for m in process.measurements if m.stage != "kernel"]
        for found in process.measurements:
            found.work = found.work.model_copy(update={"bytes_read": 0, "bytes_written": 0})
    Reader(build(record).html)
