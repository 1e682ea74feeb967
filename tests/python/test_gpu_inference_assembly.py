# SPDX-License-Identifier: Apache-2.0
"""Hot kernels of a decode step: wide loads in flight, matrix units, nothing in local memory."""

import re

import pytest

import gpu_assembly as assembly
from conftest import ROOT

INFERENCE = ROOT / "benches" / "inference"
FILES = {name: INFERENCE / name / f"{name}.gpu.cu" for name in ("gemv", "gemm", "attention")}
# Kernels of a file that a model's usual shapes run.
HOT = {
    "gemv": r"dots<.*, [48]>|integers<.*, true>|units<.*, true>",
    "gemm": r"unit_tiles<.*, true>",
    "attention": r"attend_newest<(Bf16, (64|128)|F16, (64|128))>",
}
NONTEMPORAL = r"global_load_dwordx4 .*(nt|slc)"

with_hipcc = pytest.mark.skipif(assembly.HIPCC is None, reason="no hipcc here")
with_nvcc = pytest.mark.skipif(assembly.NVCC is None, reason="no nvcc here")
every_file = pytest.mark.parametrize("name", FILES)


def hot(name: str, kernels: dict[str, str]) -> dict[str, str]:
    found = {k: text for k, text in kernels.items() if re.fullmatch(HOT[name], k)}
    assert len(found) >= 4
    return found


@with_hipcc
@every_file
def test_nothing_in_scratch_memory_on_amd(name):
    for kernel, text in hot(name, assembly.amd(FILES[name], "gfx90a")).items():
        assert re.search(r"; ScratchSize: 0\b", text), kernel


@with_hipcc
def test_products_of_one_token_have_eight_loads_under_way_on_amd():
    kernels = assembly.amd(FILES["gemv"], "gfx90a")
    for kernel in ("dots<Bf16, 4, 1, 8>", "dots<Bf16, 2, 1, 8>"):
        before_use = kernels[kernel].split("v_fmac_f32")[0]
        assert len(re.findall(NONTEMPORAL, before_use)) >= 8, kernel
    assert len(re.findall(r"v_dot4", kernels["integers<Q4, 1, true>"])) >= 16


@with_hipcc
@every_file
def test_matrix_units_multiply_on_amd(name):
    for kernel, text in hot(name, assembly.amd(FILES[name], "gfx90a")).items():
        if not kernel.startswith(("dots", "integers")):
            assert "v_mfma_f32_16x16x16bf16_1k" in text, kernel


@with_hipcc
def test_keys_and_values_are_loaded_past_the_caches_on_amd():
    kernels = assembly.amd(FILES["attention"], "gfx90a")
    assert len(re.findall(NONTEMPORAL, kernels["attend_newest<Bf16, 128>"])) >= 16


@with_nvcc
@every_file
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_nothing_in_local_memory_on_nvidia(name, architecture, tmp_path):
    for kernel, said in hot(name, assembly.nvidia(FILES[name], architecture, tmp_path)).items():
        assert "0 bytes stack frame, 0 bytes spill stores" in said, kernel
