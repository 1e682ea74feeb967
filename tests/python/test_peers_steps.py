# SPDX-License-Identifier: Apache-2.0
"""./membound peers --model against a fake measuring program and fake builds of llama-bench."""

import json

import pytest

from conftest import HERE
from membound.peers import llama_bench, steps
from membound.peers.launch import Job, Kernel, Setting, Unreadable
from membound.peers.works import Work

# It decodes 16 tokens/s, from mapped weights a quarter less; prefills 1250, with its flash
# attention a tenth less. Its options are as --help of late 2026 has them.
LLAMA_BENCH = """
import json, sys
OPTIONS = "-p, --n-prompt <n>\\\\n-d, --n-depth <n>\\\\n-lm, --load-mode <mode>"
flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if "--help" in sys.argv:
    print(OPTIONS)
    raise SystemExit
assert (flags["-o"], flags["-t"], flags["-ctk"], flags["-ctv"]) == ("json", "2", "f16", "f16")
prompt, generated = int(flags["-p"]), int(flags["-n"])
rate = 16.0 if generated else 1250.0
if flags.get("-lm", flags.get("-mmp")) in ("mmap", "1"):
    rate *= 0.75 if generated else 1
rate *= 0.9 if flags["-fa"] == "1" and prompt else 1
taken = round((prompt + generated) / rate * 1e9)
row = {"build_commit": "c0ffee", "build_number": 7, "n_threads": int(flags["-t"])}
row |= {"n_prompt": prompt, "n_gen": generated}
if "--n-depth" in OPTIONS:
    row["n_depth"] = int(flags.get("-d", 0))
print("warning: not its JSON", file=sys.stderr)
print(json.dumps([row | {"samples_ns": [taken] * int(flags["-r"])}], indent=2))
"""
OLD = LLAMA_BENCH.replace("-d, --n-depth <n>", "").replace("-lm, --load-mode", "-mmp, --mmap")
SETTING = Setting(2, (0, 1), 1, 1_000_000, 4_000_000, "madvise")


@pytest.fixture
def weights(tmp_path):
    """Files whose names end with the type; the fakes do not open them."""

    def make(*names):
        for name in names:
            (tmp_path / f"{name}.gguf").write_bytes(bytes(1 << 23))
        return [f"--model={tmp_path / name}.gguf" for name in names]

    return make


def launch(weights, work, context=128, has_depth=True):
    (option,) = weights("tiny-q8_0")
    (path,) = steps.check_files([steps.Path(option.split("=", 1)[1])])
    kernel = Kernel("llama-bench", work, Work(work, "q8_0", path.stem), "q8_0")
    file = steps.WeightsFile(path, steps.Lengths(512, context), {work: kernel})
    return llama_bench.LlamaBenchLaunch(
        steps.Path("/bin/peer"), kernel, SETTING, file, ["-fa", "0"], has_depth
    )


@pytest.mark.parametrize("program", [LLAMA_BENCH, OLD], ids=["2026", "2025"])
def test_both_steps_of_each_file_in_tokens_per_second(peers, weights, program):
    done = peers({"llama-bench": program}, "--json", *weights("any-q8_0", "any-bf16"))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    found = {(row["work"], row["dtype"], row["model"]): row for row in document["ratios"]}
    assert set(found) == {
        (work, dtype, f"any-{dtype}")
        for work in ("decode", "prefill")
        for dtype in ("q8_0", "bf16")
    }
    for (work, _, _), row in found.items():
        assert (row["peer"], row["unit"], row["rounds"]) == ("llama-bench", "tokens/s", 4)
        wanted = 20 / 16 if work == "decode" else 1000 / 1250
        assert row["ratio"] == pytest.approx(wanted, rel=0.01)
        # The best of its variants is what ours is held against.
        assert ("mapped" not in row["peer_kernel"]) or work == "prefill"
        # Beside a decode its processes read 40 GB/s; a token takes 2^28 bytes.
        for key, rate in (("our_bus_fraction", 20), ("peer_bus_fraction", 16)):
            wanted = rate * (1 << 28) / 40e9
            assert row[key] == (pytest.approx(wanted, rel=0.01) if work == "decode" else None)
        assert "flash" not in row["peer_kernel"] or work == "decode"
    assert [peer["version"] for peer in document["peers"]] == ["c0ffee (7)"]


def test_the_table_names_file_and_tokens(peers, weights):
    done = peers({"llama-bench": LLAMA_BENCH}, *weights("any-q8_0"), "--works", "decode")
    assert "decode q8_0 any-q8_0" in done.stdout
    assert "16.0 tokens/s, ours 20.0: faster by 24.8 %" in done.stdout
    assert "prefill" not in done.stdout


def test_a_small_file_is_marked(peers, weights, tmp_path):
    weights("any-q8_0")
    (tmp_path / "any-q8_0.gguf").write_bytes(b"small")
    arguments = ("--json", "--works", "decode", f"--model={tmp_path / 'any-q8_0.gguf'}")
    (row,) = json.loads(peers({"llama-bench": LLAMA_BENCH}, *arguments).stdout)["ratios"]
    assert "peer's footprint < 4x LLC" in row["marks"]


def test_without_files_llama_bench_takes_no_part(peers, tmp_path):
    done = peers({"llama-bench": LLAMA_BENCH})
    assert done.returncode == 2
    assert "no peer found" in done.stderr


def test_with_files_others_take_no_part(peers, weights):
    done = peers({"likwid-bench": "raise SystemExit(1)"}, *weights("any-f16"))
    assert done.returncode == 2
    assert "no peer found: none of llama-bench is on PATH" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--model", "/nowhere.gguf"), "--model /nowhere.gguf: no such file"),
        (("--works", "decode"), "--works decode needs --model"),
        (("--works", "read", "--model", "any-f16.gguf"), "--works read goes without --model"),
        (("--peer", "llama-bench=/bin/true"), "--peer llama-bench needs --model FILE.gguf"),
        (("--peer", "stream=/bin/true", "--model", "any-f16.gguf"), "--peer stream goes without"),
        (("--model", "any-f16.gguf", "--model", "any-f16.gguf"), "two files are called any-f16"),
        (("--model", "truncated-f16.gguf"), "truncated-f16.gguf: ends early"),
        (("--model", "any-f16.gguf", "--context", "0"), "--context"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_3(peers, weights, arguments, word):
    weights("any-f16", "truncated-f16")
    done = peers({"llama-bench": LLAMA_BENCH}, *arguments)
    assert done.returncode == 3, done.stderr
    assert word in done.stderr
    assert done.stderr.splitlines()[-1].startswith("membound: error: ")


def test_a_program_that_is_not_llama_bench_is_absent(peers, weights):
    done = peers({"llama-bench": "print('hello')"}, *weights("any-f16"))
    assert done.returncode == 2
    assert "does not name --n-prompt: not llama-bench" in done.stderr


@pytest.mark.parametrize("has_depth", [True, False])
@pytest.mark.parametrize("context", [1, 2, 16, 17, 128, 2048])
def test_contexts_that_grow_have_our_context_as_their_mean(context, has_depth):
    depth, tokens = llama_bench.decode_lengths(context, has_depth)
    contexts = [depth + number for number in range(1, tokens + 1)]
    assert sum(contexts) / len(contexts) == context
    assert depth == 0 or has_depth


def test_its_command(weights):
    decode = launch(weights, "decode").job(0.1).command
    for flag, value in (("-p", "0"), ("-n", "31"), ("-d", "112"), ("-r", "1"), ("-ub", "512")):
        assert decode[decode.index(flag) + 1] == value
    prefill = launch(weights, "prefill").job(0.1).command
    assert (prefill[prefill.index("-p") + 1], prefill[prefill.index("-n") + 1]) == ("512", "0")
    assert "-d" not in prefill


ROW = {"n_prompt": 0, "n_gen": 31, "n_depth": 112, "n_threads": 2, "samples_ns": [10**9, 3 * 10**9]}


def test_its_samples_become_tokens_per_second(weights):
    reading = launch(weights, "decode").read(Job([]), json.dumps([ROW], indent=1))
    (value,) = reading.values.values()
    assert (value.mean, value.best) == (pytest.approx(62 / 4), pytest.approx(31))
    assert reading.passes_per_second == pytest.approx(0.5)
    assert reading.marks == ()


def test_a_build_for_more_than_the_cpu_is_marked(weights):
    row = ROW | {"backends": "CUDA"}
    reading = launch(weights, "decode").read(Job([]), json.dumps([row], indent=1))
    assert reading.marks == ("peer's backends: CUDA",)


@pytest.mark.parametrize(
    ("build", "context", "rate"), [("2026", 128, 31 / 1.394135989), ("2025", 16, 15.347193)]
)
def test_what_real_builds_print(weights, build, context, rate):
    one = launch(weights, "decode", context, has_depth=build == "2026")
    output = (HERE / "peers_output" / f"llama_bench_{build}.json").read_text()
    reading = one.read(Job([]), f"a warning\n{output}")
    (value,) = reading.values.values()
    assert value.mean == pytest.approx(rate)
    assert reading.version in ("0c1e570 (1)", "c392e5094 (4748)")


@pytest.mark.parametrize(
    "change",
    [
        {"n_depth": 0},
        {"n_threads": 1},
        {"n_gen": 128},
        {"samples_ns": []},
        {"samples_ns": [0]},
        {"samples_ns": "1"},
        {"samples_ns": ["1"]},
    ],
)
def test_output_that_is_not_what_was_asked_is_unreadable(weights, change):
    with pytest.raises(Unreadable):
        launch(weights, "decode").read(Job([]), json.dumps([ROW | change], indent=1))


def test_output_that_breaks_off_is_unreadable(weights):
    whole = json.dumps([ROW], indent=1)
    for length in range(len(whole) - 1):
        with pytest.raises(Unreadable):
            launch(weights, "decode").read(Job([]), whole[:length])
