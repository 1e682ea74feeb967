# SPDX-License-Identifier: Apache-2.0
"""The installed folder runs on a machine that has nothing but glibc."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
GLIBC = re.compile(r"/(ld-linux[^/]*|lib(c|m|dl|rt|pthread)\.so[^/]*)$")


def glibc_files(program: Path) -> list[Path]:
    """The loader and the parts of glibc that `program` is linked with."""
    printed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [Path(p) for p in re.findall(r"(/\S+)", printed) if GLIBC.search(p)]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder with glibc and the installed folder, and no other file."""
    if not (BUILD / "membound-bench").exists():
        pytest.skip("no build of the project here: run ./membound test")
    if os.geteuid() != 0 or shutil.which("chroot") is None:
        pytest.skip("a bare machine is made by chroot, which needs root")
    root = tmp_path_factory.mktemp("bare")
    for folder in ("proc", "sys"):
        (root / folder).mkdir()
    install = ["cmake", "--install", BUILD, "--prefix", root / "membound"]
    subprocess.run(install, check=True, capture_output=True)
    for program in (BUILD / "membound-bench", BUILD / "backends" / "cpu.so"):
        for source in glibc_files(program):
            target = root / source.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return root


# A mount namespace of its own, which takes /proc and /sys away again when the program ends.
ENTER = 'for f in proc sys; do mount --rbind /$f "$1/$f" || exit 99; done; exec chroot "$@"'


def run(bare: Path, *flags: str) -> str:
    command = ["unshare", "--mount", "sh", "-c", ENTER, "sh", bare, "/membound/membound-bench"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no mount namespace to be had: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_lists_the_cpu(bare: Path) -> None:
    backends = {b["name"]: b for b in json.loads(run(bare, "--list"))["backends"]}
    assert backends["cpu"]["devices"] == 1, backends["cpu"]["reason"]


def test_it_measures_and_knows_the_catalogue(bare: Path) -> None:
    assert " us" in run(bare, "--benchmark_filter=barrier")
    assert json.loads(run(bare, "--print-work", "--model=Llama-3.2-1B"))["programs"]
