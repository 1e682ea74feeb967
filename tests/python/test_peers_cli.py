# SPDX-License-Identifier: Apache-2.0
"""./membound peers against a fake measuring program and fake peers, some of them broken."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import HERE, ROOT, command, environment
from membound.peers import library

LIKWID = """
import sys
if sys.argv[1] == "-v":
    print("likwid-bench -- Version 9.9")
elif sys.argv[1] == "-a":
    print("load - Double-precision load\\nload_sse - the same\\ncopy_mem_sse - non-temporal")
    print("peakflops_sp - arithmetic\\ntriad - another loop")
else:
    flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    rate = {"load": 20e9, "load_sse": 50e9, "copy_mem_sse": 30e9}.get(flags["-t"], 4e9)
    words = 2 if "copy" in flags["-t"] else 1
    print(f"Time:\\t{1e9 / rate:e} sec\\nIterations per thread:\\t{flags['-i']}")
    print("Size (Byte):\\t1000000000\\nNumber of Flops:\\t1000000000")
    print(f"Data volume (Byte):\\t1000000000\\nLoad bytes per element:\\t8")
    print(f"Store bytes per elem.:\\t{8 * words - 8}")
"""
STREAM = f"print(open({str(HERE / 'peers_output' / 'stream.txt')!r}).read())"
HANG = "import subprocess, time\nsubprocess.Popen(['/bin/sleep', '600'])\ntime.sleep(600)"


def by_work(document):
    return {(row["peer"], row["work"]): row for row in document["ratios"]}


def test_ratios_with_intervals_as_json(peers):
    done = peers({"likwid-bench": LIKWID, "stream": STREAM}, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    rows = by_work(document)
    for row in rows.values():
        low, high = row["interval95"]
        assert 0 < low <= row["ratio"] <= high
        assert row["rounds"] == 4
    read = rows["likwid-bench", "read"]
    assert read["peer_kernel"] == "load_sse"
    assert read["our_kernel"].endswith(f"bytes:{1 << 28}")
    assert read["ratio"] == pytest.approx(40 / 50, rel=0.01)
    copy = rows["likwid-bench", "copy"]
    assert copy["our_kernel"].endswith("store:nt")
    assert copy["ratio"] == pytest.approx(1, rel=0.01)
    # STREAM has doubles, so our f64 bench stands beside it.
    triad = rows["stream", "triad"]
    assert (triad["dtype"], "f64" in triad["our_kernel"]) == ("f64", True)
    assert triad["ratio"] == pytest.approx(31e9 / (24 * 90e6 / 0.078072), rel=0.01)
    assert "small pages: static arrays" in triad["marks"]
    assert {"work": "add", "peer": "stream"}.items() <= document["not_compared"][-1].items()
    versions = {peer["side"]: peer["version"] for peer in document["peers"] if peer["found"]}
    assert versions == {"likwid-bench": "9.9", "stream": "5.10"}


def test_one_line_for_each_work_on_the_best_peer(peers):
    done = peers({"likwid-bench": LIKWID, "stream": STREAM})
    lines = [line for line in done.stdout.splitlines() if line.startswith("- ")]
    assert [line.split(":")[0] for line in lines] == [
        "- read",
        "- copy",
        "- triad f64",
        "- fma f32",
    ]
    assert "load_sse 50.0 GB/s, ours 39.9: slower by 20.2 %" in lines[0]
    assert "lower bound is not >= 0.97" in lines[0]
    # Of likwid's copy and STREAM's, STREAM's is the faster one.
    assert "stream Copy" in lines[1]
    assert "lower bound is >= 0.97" in lines[3]
    assert "absent: babelstream: omp-stream not found on PATH: name it with --peer" in done.stdout


def test_strict_fails_on_a_slower_work_only(peers):
    programs = {"likwid-bench": LIKWID}
    assert peers(programs, "--strict").returncode == 1
    assert peers(programs, "--strict", "--works", "fma").returncode == 0


def test_raw_values_of_every_round_are_kept(peers, tmp_path):
    done = peers({"likwid-bench": LIKWID}, "--out", "kept", "--works", "read,copy")
    assert done.returncode == 0, done.stderr
    raw = json.loads((tmp_path / "kept" / "peers.json").read_text())
    assert raw["status"] == "complete"
    assert len(raw["rounds"]) == 4
    orders = [tuple(start["key"] for start in one) for one in raw["rounds"]]
    assert len(set(orders)) > 1
    assert len({frozenset(order) for order in orders}) == 1
    start = next(s for s in raw["rounds"][0] if s["key"] == "likwid-bench load_sse")
    assert start["values"]["load_sse"]["mean"] == pytest.approx(50e9)
    assert "-W" in start["command"]
    assert raw["setting"]["cpus"] == sorted(os.sched_getaffinity(0))
    assert raw["setting"]["footprint_bytes"] == 12_000_000
    assert len(next(p for p in raw["peers"] if p["found"])["sha256"]) == 64
    assert list((tmp_path / "kept").iterdir()) == [tmp_path / "kept" / "peers.json"]
    again = peers({}, "--out", "kept")
    assert (again.returncode, "already holds" in again.stderr) == (3, True)


def test_the_seed_gives_the_order(peers, tmp_path):
    orders = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        peers({"likwid-bench": LIKWID}, "--out", name, "--works", "read,copy", "--seed", seed)
        raw = json.loads((tmp_path / name / "peers.json").read_text())
        orders.append([[start["key"] for start in one] for one in raw["rounds"]])
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("print('what?')", "unreadable: nothing like"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
        ("print('no licence')\nraise SystemExit(7)", "exit code 7 (no licence)"),
        (HANG, "hung: no end after 1 s"),
    ],
)
def test_a_broken_peer_says_why_and_the_others_go_on(peers, text, reason):
    done = peers({"likwid-bench": LIKWID, "stream": text}, "--json", "--timeout", 1)
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert {peer for peer, _ in by_work(document)} == {"likwid-bench"}
    failure = next(f for f in document["failures"] if f["peer"] == "stream")
    assert reason in failure["reason"]


def test_a_peer_that_breaks_later_keeps_its_rounds_and_is_marked(peers, tmp_path):
    count = f"""
from pathlib import Path
seen = Path({str(tmp_path / "seen")!r})
seen.write_text(seen.read_text() + "x" if seen.exists() else "x")
if len(seen.read_text()) > 4:
    raise SystemExit(5)
"""
    document = json.loads(peers({"stream": count + STREAM}, "--json", "--works", "copy").stdout)
    (row,) = document["ratios"]
    assert row["rounds"] == 3
    assert {"then failed: exit code 5", "3 rounds: interval too narrow"} <= set(row["marks"])


def test_a_result_of_ours_that_is_wrong_gives_no_ratio(peers):
    done = peers({"stream": STREAM}, "--json", FAKE_STREAMS="wrong")
    document = json.loads(done.stdout)
    assert [row["work"] for row in document["ratios"]] == ["copy"]
    assert any("its result is wrong" in failure["reason"] for failure in document["failures"])


def test_a_library_needs_no_program(peers):
    done = peers({}, "--json", FAKE_STREAMS="gemm")
    (row,) = json.loads(done.stdout)["ratios"]
    assert (row["work"], row["peer"], row["unit"]) == ("gemm", "openblas", "GFLOP/s")
    assert row["ratio"] == pytest.approx(1.5)


def test_a_library_without_a_shape_of_ours():
    benches = ["inference/gemm/f32/m:1/n:2/k:3", "compute/library_gemm/f32/m:4/n:2/k:3/library:x"]
    assert "no shape in common" in library.pair(benches, "x", "f32")
    assert "has no compute/library_gemm/f32 with library:y" in library.pair(benches, "y", "f32")


def test_two_builds_of_one_peer_are_told_apart(peers, tmp_path):
    peers({"one": STREAM, "two": STREAM})
    named = [f"--peer=stream={tmp_path / 'bin' / name}" for name in ("one", "two")]
    document = json.loads(peers({}, "--json", "--works", "copy", *named).stdout)
    assert {row["peer"] for row in document["ratios"]} == {"stream#1", "stream#2"}


def test_no_peer_at_all_is_one_line_and_exit_code_2(peers, tmp_path):
    done = peers({}, "--out", "none")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--peer NAME=PATH" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--peer", "fast=/bin/true"), "likwid-bench, stream"),
        (("--peer", "stream"), "NAME=PATH"),
        (("--peer", "stream=/nowhere"), "not an executable"),
        (("--works", "think"), "read, write, copy"),
        (("--works", "triad/f33"), "triad/f33"),
        (("--rounds", "0"), "--rounds"),
        (("--seconds", "nan"), "--seconds"),
        (("--out", "/proc/membound"), "cannot write"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_3(peers, arguments, word):
    done = peers({"stream": STREAM}, *arguments)
    assert done.returncode == 3, done.stderr
    assert word in done.stderr
    assert done.stderr.splitlines()[-1].startswith("membound: error: ")


def test_an_interrupt_kills_the_peers_group_and_keeps_the_rest(peers, tmp_path):
    # The first start qualifies; the second never ends, and has a child of its own.
    text = f"""
from pathlib import Path
import os, subprocess, time
seen = Path({str(tmp_path / "seen")!r})
if seen.exists():
    child = subprocess.Popen([{sys.executable!r}, "-c", "import time; time.sleep(600)"])
    Path({str(tmp_path / "child")!r}).write_text(str(child.pid))
    time.sleep(600)
seen.write_text("x")
"""
    peers({"stream": STREAM}, "--rounds", 1)  # leaves the programs behind
    (tmp_path / "bin" / "stream").write_text(f"#!{sys.executable}\n{text}{STREAM}\n")
    out = tmp_path / "kept"
    process = subprocess.Popen(
        command("peers", "--works", "copy", "--out", out),
        env=environment()
        | {"MEMBOUND_BENCH": str(tmp_path / "membound-bench"), "PATH": str(tmp_path / "bin")},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    child = tmp_path / "child"
    deadline = time.monotonic() + 30
    while not (child.exists() and child.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "interrupted" in stderr.splitlines()[-1]
    assert not _runs(int(child.read_text()))
    raw = json.loads((out / "peers.json").read_text())
    assert (raw["status"], raw["reason"]) == ("partial", "interrupted")
    assert raw["qualifying"]


def _runs(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"
