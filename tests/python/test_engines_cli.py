# SPDX-License-Identifier: Apache-2.0
"""`predict --engine`, `backtest`: what they print, and one line for what they cannot use."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from membound.engines import backtest, fit, points, profile, rows
from membound.errors import UsageError
from test_cli_errors import refused

SNAPSHOTS = Path(__file__).parent / "snapshots"
GROUP_KEYS = {
    "name", "phase", "rows", "points", "skipped", "median_abs_pct", "p90_abs_pct",
    "worst_abs_pct", "interval90_coverage",
}  # fmt: skip


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Small published files: a back-test takes seconds."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name in ("llamacpp_apple.csv", "small_tables.csv", "exllamav2.csv"):
        (folder / name).write_bytes((backtest.PUBLISHED / name).read_bytes())
    monkeypatch.setattr(backtest, "PUBLISHED", folder)
    return folder


def test_predict_on_the_catalogue(cli):
    done = cli("predict", "--engine", "vllm", "--machine", "h200_sxm", "--model", "Llama-3.1-70B",
               "--devices", "2", "--batch", "32", "--context", "4096", "--dtype", "fp8",
               "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"tokens_per_s", "interval90", "seconds_per_step", "shares", "bound", "bytes_per_step",
            "flops_per_step"} <= found.keys()  # fmt: skip
    low, high = found["interval90"]
    assert low < found["tokens_per_s"] < high
    assert found["seconds_per_step"] * found["tokens_per_s"] == pytest.approx(32)
    # Weights but for the embedding at a byte each, and 32 caches of 320 KiB a token.
    assert found["bytes_per_step"] == pytest.approx(69.5e9 + 32 * 4096 * 327680, rel=0.01)
    assert found["fits_in_memory"] is True


def test_predict_looks_as_before(cli):
    done = cli("predict", "--engine", "llama.cpp", "--machine", "RTX 4090", "--model",
               "Llama-2-7B", "--dtype", "Q4_0", COLUMNS="100")  # fmt: skip
    assert done.returncode == 0, done.stderr
    shape = [line.split("│")[1].strip() for line in done.stdout.splitlines() if "│" in line]
    assert shape == json.loads((SNAPSHOTS / "predict_engine.json").read_text())
    assert "decode of Llama-2-7B by llama.cpp on rtx4090" in " ".join(done.stdout.split())


def test_predict_on_a_record(cli, finished):
    done = cli("predict", "--engine", "vllm", "--machine", finished, "--json")
    assert json.loads(done.stdout)["tokens_per_s"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--machine", "nobody's"), ("unknown machine", "accelerators.json")),
        (("--machine", "h100_sxm", "--model", "Lama-3.2-1B"), ("did you mean Llama-3.2-1B",)),
        (("--machine", "h100_sxm", "--dtype", "odd"), ("unknown weight type 'odd'",)),
        (("--machine", "h100_sxm", "--phase", "sleep"), ("decode or prefill",)),
        (("--machine", "h100_sxm", "--devices", "0"), ("--devices",)),
    ],
)
def test_predict_refuses(cli, arguments, words):
    refused(cli("predict", "--engine", "vllm", *arguments), *words)


def test_devices_are_for_engines(cli, finished):
    refused(cli("predict", "--machine", finished, "--devices", "2"), "--engine")


def test_backtest_of_a_file_never_seen(cli, few, tmp_path):
    source = list(csv.DictReader((few / "llamacpp_apple.csv").open()))
    (few / "llamacpp_apple.csv").write_text("")
    keys = ["device", "engine", "model", "phase", "tokens_per_s", "weight_dtype", "batch",
            "prompt_len", "gen_len"]  # fmt: skip
    with (tmp_path / "new.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, keys, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(source)
        writer.writerow(dict.fromkeys(keys, "x"))
    (few / "llamacpp_apple.csv").unlink()
    done = cli("backtest", "new.csv", "--json", "--out", "out")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(group.keys() >= GROUP_KEYS for group in found["groups"])
    assert found["skipped"] == {"batch is not a number": 1}
    assert found["rows"] == len(source) + 1
    decode = next(g for g in found["groups"] if g["name"] == "device left out: decode, one stream")
    assert decode["points"] == 81
    assert decode["median_abs_pct"] < 12
    assert {b["name"] for b in found["baselines"]} >= {"datasheet roofline", "constant 0.55"}
    assert len(found["worst"]) <= 10
    assert all(row["reason"] for row in found["worst"])
    assert len(found["residuals"]) == len(source)
    assert len((tmp_path / "out" / "residuals.csv").read_text().splitlines()) == len(source) + 1
    experiments = found["natural_experiments"]["device"]
    assert {row["differs_in"] for row in experiments} == {"bandwidth", "compute"}


def test_backtest_prints_tables(cli, few):
    done = cli("backtest", few / "exllamav2.csv")
    assert done.returncode == 0, done.stderr
    for words in ("points that the fit had not seen", "datasheet roofline", "likely reason"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no column 'device'"),
        ("a,b\n1,2\n", "no column 'device'"),
        ("\r\n\r\n", "no column 'device'"),
        ("device,engine,model,phase,tokens_per_s,batch,batch\n", "twice"),
        ("device,engine,model,phase,tokens_per_s\n", "no row of"),
        ("device,engine,model,phase,tokens_per_s\nx,y,z,decode,-1\n", "out of range"),
    ],
)
def test_files_without_rows_are_one_line(cli, few, tmp_path, content, words):
    (tmp_path / "x.csv").write_text(content)
    refused(cli("backtest", "x.csv"), words)
    refused(cli("backtest", "none.csv"), "cannot read")


def test_out_that_cannot_be_written(cli, few):
    refused(cli("backtest", few / "exllamav2.csv", "--out", "/proc/membound"), "cannot write")


def test_the_shipped_profile_is_of_the_published_rows():
    table = rows.read(backtest.published_files())
    trained = [point.row.fingerprint for point in points.build(table)]
    shipped = profile.load()
    assert shipped.training_rows == len(trained)
    assert shipped.training_sha256 == profile.rows_hash(trained), (
        "the rows have changed: ./membound backtest --write-profile results/published/profile.json"
    )


def test_the_profile_predicts_as_the_fit_that_it_came_from(few, tmp_path):
    path = tmp_path / "profile.json"
    backtest.write_profile(path)
    made = points.build(rows.read(backtest.published_files()))
    design = fit.design(made, backtest.noise_classes(made))
    found = fit.fit(design, np.ones(len(made), bool), noises=len(backtest.noise_classes(made)))
    log_seconds = fit.predict(design, found).log_seconds
    for i in range(0, len(made), 17):
        again = profile.predict(made[i].work, made[i].seconds, fit.noise_class(made[i]),
                                made[i].row.source, path)  # fmt: skip
        assert again.log_seconds == pytest.approx(log_seconds[i], abs=1e-3)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"version": 2}'])
def test_a_broken_profile_is_one_line(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(UsageError, match="not an engine profile"):
        profile.load(tmp_path / "p.json")
