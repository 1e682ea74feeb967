# SPDX-License-Identifier: Apache-2.0
"""scripts/gpu-check against a stand-in for membound-bench and stand-ins for NVIDIA's tools."""

import csv
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Answers as membound-bench would on a machine with one GPU; f16 is wrong, q8_0 is not offered.
BENCH = r"""#!/bin/sh
case "$*" in
  *--version*) echo "membound-bench 0" ;;
  *--list*) printf '%s' '{"backends":[{"architectures":{"AVX2":"run"},"devices":1,"loaded":true,"name":"cpu","path":"","reason":""},{"architectures":{"sm_90":"compiled"},"devices":DEVICES,"loaded":true,"name":"cuda","path":"","reason":"REASON"}],"benches":[]}' ;;
  *--check*--dtype=f16*) echo "WRONG inference/gemv/f16"; exit 2 ;;
  *--check*--dtype=q8_0*) echo "error: --benchmark_filter=inference: matches no bench"; exit 3 ;;
  *--check*) echo "ok everything" ;;
  *--suite=ceilings*)
    for flag; do case $flag in --out=*) out=${flag#*=} ;; esac; done
    echo '{"devices":[{"details":{"paper_bandwidth_GBps":4800.0}}],"type":"header"}' >"$out"
    echo '{"bench":"bandwidth/read/f32","type":"bench","work":{"bytes_read":4000000000,"bytes_written":0}}' >>"$out"
    echo '{"bench":"bandwidth/read/f32","median_seconds":0.001,"samples":7,"type":"done"}' >>"$out" ;;
  *) echo "measured" ;;
esac
"""  # noqa: E501
SANITIZER = '#!/bin/sh\necho "========= ERROR SUMMARY: 0 errors"\n'
NCU = '#!/bin/sh\necho "==ERROR== ERR_NVGPUCTRPERM - no permission"\nexit 1\n'


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def call(
    tmp_path: Path, *flags: str, devices: int = 1, reason: str = ""
) -> tuple[subprocess.CompletedProcess[str], dict[str, dict[str, str]]]:
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    text = BENCH.replace("DEVICES", str(devices)).replace("REASON", reason)
    bench = program(tmp_path / "bench", text)
    program(tools / "compute-sanitizer", SANITIZER)
    program(tools / "ncu", NCU)
    program(tools / "python3", "#!/bin/sh\nexit 1\n")
    environment = os.environ | {
        "MEMBOUND_BENCH": str(bench),
        "PATH": f"{tools}:{os.environ['PATH']}",
    }
    out = tmp_path / "out"
    command = [ROOT / "scripts" / "gpu-check", f"--out={out}", *flags]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    summary = out / "summary.tsv"
    rows = list(csv.DictReader(summary.open(), delimiter="\t")) if summary.exists() else []
    return done, {row["stage"]: row for row in rows}


def test_a_failing_stage_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    done, stages = call(tmp_path)
    assert done.returncode == 1, done.stderr
    assert stages["check-bf16"]["status"] == "ok"
    assert stages["check-f16"]["status"] == "failed"
    assert stages["check-f16"]["note"] == "exit code 2; WRONG inference/gemv/f16"
    assert stages["check-q8_0"]["status"] == "skipped"
    assert stages["memcheck"]["status"] == "ok"
    assert stages["counted-read"]["status"] == "skipped"
    assert "ERR_NVGPUCTRPERM" in stages["counted-read"]["note"]
    assert stages["steps"]["status"] == "ok"
    assert stages["pytorch"]["note"] == "no python3 with torch here"


def test_the_table_has_rates_and_their_part_of_paper(tmp_path: Path) -> None:
    call(tmp_path)
    (row,) = csv.DictReader((tmp_path / "out" / "table.tsv").open(), delimiter="\t")
    assert row["bench"] == "bandwidth/read/f32"
    assert row["samples"] == "7"
    assert float(row["median_us"]) == 1000
    assert float(row["GBps"]) == 4000
    assert float(row["part_of_paper"]) == pytest.approx(4000 / 4800, abs=1e-3)


def test_nothing_begins_without_time(tmp_path: Path) -> None:
    done, stages = call(tmp_path, "--seconds=1")
    assert done.returncode == 0
    assert stages["steps"] | {"seconds": ""} == {
        "stage": "steps", "status": "skipped", "seconds": "", "note": "no time left",
    }  # fmt: skip


def test_without_a_gpu_it_says_why(tmp_path: Path) -> None:
    done, _ = call(tmp_path, devices=0, reason="the NVIDIA driver shows no device")
    assert done.returncode == 2
    assert "no GPU here (cuda: the NVIDIA driver shows no device)" in done.stderr


@pytest.mark.parametrize("flag", ["--seconds=soon", "--fast"])
def test_wrong_use_is_one_line(tmp_path: Path, flag: str) -> None:
    done, _ = call(tmp_path, flag)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
