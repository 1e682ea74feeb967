# SPDX-License-Identifier: Apache-2.0
"""What peers print, as captured from real runs: bytes by definition, and output that is broken."""

from pathlib import Path

import pytest

from conftest import HERE
from membound.peers import babelstream, likwid, mixbench, stream
from membound.peers.launch import Job, Kernel, Setting, Unreadable
from membound.peers.works import bytes_of, work

OUTPUT = HERE / "peers_output"
SETTING = Setting(2, (0, 1), 1, 480 << 20, 4 * (480 << 20), "madvise")
JOB = Job([])
PROGRAM = Path("/bin/peer")


def text(name: str) -> str:
    return (OUTPUT / name).read_text()


def likwid_launch(name: str, what: str) -> likwid.LikwidLaunch:
    kernel = Kernel("likwid-bench", name, work(what, "f32"), "f32")
    return likwid.LikwidLaunch(PROGRAM, kernel, SETTING)


def test_likwid_triad_in_bytes_by_definition():
    launch = likwid_launch("stream_sp_mem_avx512", "triad")
    reading = launch.read(JOB, text("likwid_stream_sp_mem_avx512.txt"))
    value = reading.values["stream_sp_mem_avx512"]
    assert value.mean == pytest.approx(40248.51e6, rel=1e-5)
    assert value.best is None
    assert not value.footprint_ok  # 2.0e9 bytes are a little less than 4 x 480 MiB
    assert reading.passes_per_second == pytest.approx(3 / 0.1490738)


def test_likwid_counts_that_differ_from_the_definition_are_scaled():
    launch = likwid_launch("stream_sp_mem_avx512", "triad")
    output = text("likwid_stream_sp_mem_avx512.txt")
    # As if it declared, and counted, the write-allocate of 4 bytes too.
    counted = output.replace("5999998464", "7999997952").replace("element:\t8", "element:\t12")
    same, scaled = launch.read(JOB, output), launch.read(JOB, counted)
    assert scaled.values["stream_sp_mem_avx512"].mean == pytest.approx(
        same.values["stream_sp_mem_avx512"].mean
    )


def test_likwid_flops():
    launch = likwid_launch("peakflops_sp_avx512_fma", "fma")
    reading = launch.read(JOB, text("likwid_peakflops_sp_avx512_fma.txt"))
    value = reading.values["peakflops_sp_avx512_fma"]
    assert value.mean == pytest.approx(439462.51e6, rel=1e-5)
    assert value.footprint_bytes is None


def test_likwid_kernels_that_this_cpu_has():
    listed = text("likwid_list.txt")
    everything = frozenset({"sse2", "avx", "avx512f", "fma"})
    names = {k.name: k for k in likwid.kernels("likwid-bench", listed, everything)}
    assert names["stream_sp_avx512"].work == work("triad", "f32")
    assert names["load_avx512"].work == work("read", "f64") == work("read", "f32")
    assert names["load_avx512"].dtype == "f64"
    assert not [name for name in names if name.startswith(("triad", "daxpy", "sum", "clload"))]
    old = {k.name for k in likwid.kernels("likwid-bench", listed, frozenset({"sse2"}))}
    assert "load" in old
    assert not [name for name in old if "avx" in name or "fma" in name]


def test_likwid_uses_one_hardware_thread_of_each_core():
    kernel = Kernel("likwid-bench", "load", work("read", "f64"), "f64")
    for per_core, wanted in ((1, "N:8000000kB:4"), (2, "N:8000000kB:4:1:2")):
        setting = Setting(4, tuple(range(4 * per_core)), per_core, 1, 8 * 10**9, "always")
        job = likwid.LikwidLaunch(PROGRAM, kernel, setting).job(0.1)
        assert job.command[-2:] == ["-W", wanted]


def test_passes_follow_the_seconds_once_the_speed_is_known():
    launch = likwid_launch("stream_sp_mem_avx512", "triad")
    assert "3" in launch.job(5.0).command
    launch.passes_per_second = 20.0
    assert "100" in launch.job(5.0).command


def test_stream_rows_by_mean_and_best():
    launch = stream.StreamLaunch(PROGRAM, "stream", SETTING, "f64")
    reading = launch.read(JOB, text("stream.txt"))
    copy, triad = reading.values["Copy"], reading.values["Triad"]
    assert copy.best == pytest.approx(41857.9e6, rel=1e-4)
    assert triad.best == pytest.approx(29391.7e6, rel=1e-4)
    assert triad.mean == pytest.approx(3 * 8 * 90e6 / 0.078072)
    assert (copy.footprint_ok, triad.footprint_ok) == (False, True)
    assert (reading.version, reading.marks) == ("5.10", ("small pages: static arrays",))


def test_babelstream_rows():
    launch = babelstream.BabelStreamLaunch(PROGRAM, "babelstream", SETTING, "f32")
    reading = launch.read(JOB, text("babelstream.csv"))
    assert reading.values["Mul"].best == pytest.approx(25695.6e6, rel=1e-4)
    assert reading.values["Dot"].best == pytest.approx(17072.6e6, rel=1e-4)
    assert reading.values["Add"].mean == pytest.approx(3 * 4 * 250e6 / 0.102432)


def test_babelstream_arrays_are_whole_multiples_of_its_alignment():
    for dtype, element_bytes in (("f32", 4), ("f64", 8)):
        launch = babelstream.BabelStreamLaunch(PROGRAM, "babelstream", SETTING, dtype)
        command = launch.job(0.1).command
        array_bytes = int(command[command.index("--arraysize") + 1]) * element_bytes
        assert array_bytes % babelstream.ALIGNMENT_BYTES == 0
        assert 2 * array_bytes >= SETTING.footprint_bytes
        assert ("--float" in command) == (dtype == "f32")


def test_mixbench_read_and_highest_arithmetic():
    read = mixbench.ReadLaunch(PROGRAM, "mixbench", SETTING)
    value = read.read(JOB, text("mixbench.txt")).values["0 iterations"]
    assert (value.mean, value.best, value.footprint_ok) == (None, 59.92e9, False)
    reading = mixbench.FmaLaunch(PROGRAM, "mixbench", SETTING).read(JOB, text("mixbench.txt"))
    assert {name: round(value.best) for name, value in reading.values.items()} == {
        "mad f32": 259_520_000_000,
        "mad f64": 130_310_000_000,
    }
    assert reading.version == "v0.04"


def test_mixbench_is_ended_after_its_first_row():
    enough = mixbench.ReadLaunch(PROGRAM, "mixbench", SETTING).job(0.1).enough
    lines = text("mixbench.txt").splitlines(keepends=True)
    assert not enough("".join(lines[:7]))
    assert not enough("".join(lines[:7]) + lines[7][:60])
    assert enough("".join(lines[:8]))


@pytest.mark.parametrize(
    ("launch", "name"),
    [
        (likwid_launch("stream_sp_mem_avx512", "triad"), "likwid_stream_sp_mem_avx512.txt"),
        (stream.StreamLaunch(PROGRAM, "stream", SETTING, "f64"), "stream.txt"),
        (babelstream.BabelStreamLaunch(PROGRAM, "b", SETTING, "f32"), "babelstream.csv"),
        (mixbench.ReadLaunch(PROGRAM, "mixbench", SETTING), "mixbench.txt"),
    ],
)
def test_output_that_breaks_off_is_unreadable(launch, name):
    whole = text(name)
    readable = 0
    for length in range(0, len(whole), 29):
        try:
            launch.read(JOB, whole[:length])
            readable += 1
        except Unreadable:
            pass
    with pytest.raises(Unreadable):
        launch.read(JOB, "Segmentation fault\n")
    # Only what comes after the last number wanted may be missing.
    assert readable <= len(whole) // 29 * 0.75


@pytest.mark.parametrize(
    ("old", "new"),
    [("Validates", "Fails"), ("uses 8 bytes", "uses 4 bytes"), ("0.078072", "0.000000")],
)
def test_a_stream_that_cannot_be_trusted_is_unreadable(old, new):
    launch = stream.StreamLaunch(PROGRAM, "stream", SETTING, "f64")
    with pytest.raises(Unreadable):
        launch.read(JOB, text("stream.txt").replace(old, new))


def test_words_as_stream_and_babelstream_weigh_them():
    weights = {"copy": 2, "scale": 2, "add": 3, "triad": 3, "dot": 2, "read": 1, "write": 1}
    assert {name: bytes_of(name, 1, 1) for name in weights} == weights
