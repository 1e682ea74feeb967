# SPDX-License-Identifier: Apache-2.0
"""The report: what is on the page for rich, poor, hostile and several records."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import report_records
from membound import compare, storage
from membound.record import KernelCost, Record
from membound.report import answer, page
from membound.report.subject import Source
from membound.report.text import NB, number

SECTIONS = {
    "answer", "predicted", "causes", "roofline", "bandwidth", "saturation", "streams", "verdicts",
    "machine",
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
    for word in ("gemv bf16", "matrix bf16", "8 threads", "huge pages", "measured sweep"):
        assert word in svgs
    assert "#1c2126" not in svgs, "colours follow the page"


def test_the_same_record_gives_the_same_page(rich, rich_page):
    assert build(rich) == rich_page


def test_a_record_without_the_newer_benches_says_so_in_a_line(plain):
    built = build(report_records.without_newer_benches(plain))
    assert set(built.charts) == {
        "residuals", "shares", "roofline", "bandwidth-cold", "threads",
    }  # fmt: skip
    text = Reader(built.html).text
    assert "drawn sharp: the intensity sweep was not measured" in text["roofline"]
    assert "hot curve of reads was not measured" in text["bandwidth"]
    absent = "rate over bytes in flight, prefetch distance, loaded latency, latency over size"
    assert f"Too few points were measured to draw: {absent}." in text["saturation"]


def test_an_empty_record_has_every_section_and_no_chart(plain):
    empty = Record(version="0", started_at="", settings={}, reason="killed")
    built = build(empty)
    text = Reader(built.html).text
    assert set(text) - {""} == SECTIONS
    assert built.charts == {}
    assert "Open: no step was measured." in text["answer"]
    assert "partial: killed" in text["machine"]


@pytest.mark.parametrize("suite", ["ceilings", "steps"])
def test_half_a_record(plain, suite):
    half = plain.model_copy(update={"prediction": None, "status": "partial"}, deep=True)
    half.processes = [p for p in half.processes if p.suite == suite]
    text = Reader(build(half).html).text
    words = {"ceilings": "no step was measured", "steps": "is open: no kernel was measured"}
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
    few = report_records.without_newer_benches(plain)
    built = build(few, report_records.replicated(rich, 1))
    text = Reader(built.html).text
    assert "change against A: fake cpu:0" in text["predicted"]
    assert "Verdicts of B, r1" in text["verdicts"]
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
    assert "35.3 5" in text  # with write-allocate
    assert "copy f32 nt 256 MiB 29.4" in text
    roofline = " ".join(Reader(rich_page.html).text["roofline"].split())
    assert "matrix bf16 3240 3300" in roofline


PHRASES = {
    "capped": "capped by memory bandwidth (",
    "bytes in flight": "limited by",
    "bytes, saturation open": "bound by bytes",
    "not bandwidth": "not capped by memory bandwidth, the largest",
    "inconclusive": "inconclusive: ",
    "open": "its cause is open",
}


@pytest.mark.parametrize(
    ("behaviour", "decode"),
    [
        ("", "bytes in flight"),
        ("flight", "bytes in flight"),
        ("saturated", "capped"),
        ("unvaried", "bytes, saturation open"),
        ("disturbed:steps", "inconclusive"),
    ],
)
def test_headline_sentences_and_verdicts_follow_one_rule(cli, behaviour, decode):
    done = cli("run", "--model", "Qwen2.5-0.5B", "--out", "o", behaviour=behaviour)
    assert done.returncode == 0
    record = storage.load("o")
    comparison = compare.compare(record, "")
    for row in comparison.rows:
        doubtful = decode == "inconclusive"
        assert row.limit == (decode if row.phase == "decode" or doubtful else "not bandwidth")
        size = f"context {row.context}" if row.phase == "decode" else f"{row.context} tokens"
        start = f"{row.phase} {row.model} {row.dtype} batch {row.batch}, {size} "
        verdict = next(v for v in comparison.verdicts if v.startswith(start))
        assert f"; {PHRASES[row.limit]}" in verdict
    text = Reader(page.build([Source(record, comparison)]).html).text["answer"]
    assert f"Decode: {answer.WORDS[decode]}" in text
    assert ("is capped by memory bandwidth" in text) is (decode == "capped")


def test_a_headline_of_rows_that_differ_counts_them(plain):
    rows = [row for row in compare.compare(plain, "").rows if row.phase == "decode"]
    rows[1].limit, rows[1].doubts = "inconclusive", ["a neighbour was busy"]
    found = answer.of_device(rows)
    assert "no, limited by bytes in flight (1 of 2); inconclusive (1 of 2)" in found.headline
    assert "(b4 c128) is inconclusive: a neighbour was busy." in found.sentences[1]


def test_what_tier_c_leaves_out_is_in_the_table_of_reasons(plain):
    comparison = compare.compare(plain, "r")
    comparison.rows[0].claim_gap.kernels[:] = [
        KernelCost(bench="inference/<x>/f32", launches=1, seconds=4.0, claim_seconds=3.0)
    ]
    text = Reader(page.build([Source(plain, comparison)]).html).text["predicted"]
    text = " ".join(text.replace(NB, "~").split())
    gap = next(row.claim_gap for row in comparison.rows if row.phase == "prefill")
    assert "<x>/f32 0.75" in text
    parts = gap.left_out["issue"] * 100, gap.missing_seconds * 1e3
    percent, milliseconds = number(parts[0], 2), number(parts[1])
    assert f"~% {milliseconds} {percent}~%" in text


def test_doubts_and_undisturbed_samples_are_under_the_table(plain):
    comparison = compare.compare(plain, "r")
    row = comparison.rows[0]
    row.doubts, row.marks, row.undisturbed = ["<doubt>"], ["disturbed"], row.measured * 1.1
    text = Reader(page.build([Source(plain, comparison)]).html).text["predicted"]
    assert "decode b1 c128: inconclusive, because <doubt>." in text
    assert "Undisturbed samples alone: 40.5 tokens/s, +10.0" in text


def test_the_page_shows_the_comparisons_own_ceilings(plain):
    comparison = compare.compare(plain, "r")
    (known,) = comparison.ceilings["by_device"]
    known["latency"]["bytes_in_flight"] = 123 * 1024.0
    known["roofline"] |= {"ridge_flop_per_byte": 7.77, "ridge_interval95": [6.66, 8.88]}
    known["rates_GBps"]["copy/f32"] = 55.5
    text = Reader(page.build([Source(plain, comparison)]).html).text
    assert "123 KiB" in text["saturation"]
    assert "still helps" in text["saturation"]
    assert "no longer helps" in text["saturation"]
    assert "The read ceiling is that of bandwidth/read/f32/mode:cold" in text["saturation"]
    assert "saturation/f32/threads:1/streams:4/ahead:4096 against" in text["saturation"]
    assert "7.77" in text["roofline"]
    assert "6.66 to 8.88" in text["roofline"]
    assert "55.5" in text["streams"]
    assert "1 to 2 cores: +33.3" in " ".join(text["answer"].split())


def test_huge_pages_are_those_at_the_end(plain):
    text = Reader(build(plain).html).text["machine"]
    assert "ceilings 1: 25\xa0% of 1 GiB, steps 1: 25\xa0% of 1 GiB" in text
    record = plain.model_copy(deep=True)
    for process in record.processes:
        process.devices_at_end = []
    assert "no process told what it held at its end" in Reader(build(record).html).text["machine"]


def test_the_machine_says_what_it_found_of_itself(plain):
    record = plain.model_copy(deep=True)
    module = {"type": "DDR5", "bytes": 1 << 35, "transfers_per_s": 4800000000, "data_bits": 64}
    record.devices[0]["details"] = {
        "cpu_quota_cores": None, "memory_modules": [module | {"locator": n} for n in "ABC"],
        "extensions": ["amx_bf16", "amx_int8"], "queried_bandwidth_bytes_per_s": 115200000000,
        "traffic_counter": "absent: no permission",
    }  # fmt: skip
    text = Reader(build(record).html).text["machine"]
    assert "3 x DDR5 32 GiB at 4800 MT/s, 64 bit" in text
    assert "115 GB/s, all modules together" in text
    assert "amx_bf16, amx_int8" in text
    assert "absent: no permission" in text
    assert "locator" not in text


NONSENSE: list[object] = [None, "", "x", -1, 0, [], {}, [None], True, 1e300]


@pytest.mark.parametrize("value", NONSENSE, ids=str)
def test_nonsense_in_what_a_device_says_of_itself_is_not_fatal(rich, value):
    record = rich.model_copy(deep=True)
    kept = ("id", "name", "details", "compute_units")
    record.devices[0] = {k: v if k in kept else value for k, v in record.devices[0].items()}
    details = (
        "caches", "microcode", "governor", "allocated_bytes", "huge_page_bytes", "cpu_quota_cores",
        "memory_modules", "queried_bandwidth_bytes_per_s", "traffic_counter", "extensions",
        "paper_bandwidth_GBps", "paper_f32_GFLOPS",
    )  # fmt: skip
    record.devices[0] |= {"details": dict.fromkeys(details, value), "memory_bytes": value}
    for process in record.processes:
        process.header = dict.fromkeys(("hostname", "command", "compiler", "os"), value)
        process.devices_at_end = record.devices
        process.measurements = [m for m in process.measurements if m.stage != "kernel"]
        for found in process.measurements:
            found.work = found.work.model_copy(update={"bytes_read": 0, "bytes_written": 0})
    Reader(build(record).html)
