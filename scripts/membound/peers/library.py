# SPDX-License-Identifier: Apache-2.0
"""Matrix libraries, opened by membound-bench itself: a large product beside inference/gemm.

Both are benches of one program, with the same shape, type and threads, so that no peer program is
needed. The shape is the largest that both have.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from membound.peers import ours
from membound.peers.launch import Kernel, Launch
from membound.peers.works import work

LIBRARIES = ("openblas", "onednn")
MODEL = "Llama-3.2-1B"
TOKENS = 512  # of the prefill that has the products
DTYPES = ("f32", "bf16")
_SHAPE = r"m:(\d+)/n:(\d+)/k:(\d+)"
_LIBRARY = re.compile(rf"compute/library_gemm/(\w+)/{_SHAPE}/library:(\w+)")
_OURS = re.compile(rf"inference/gemm/(\w+)/{_SHAPE}")


def flags(dtype: str) -> tuple[str, ...]:
    """What makes the program have the benches of a prefill in this type."""
    return (f"--model={MODEL}", f"--dtype={dtype}", "--batch=1", f"--prefill={TOKENS}")


def pair(benches: Iterable[str], library: str, dtype: str) -> tuple[str, str] | str:
    """Our bench and the library's with the largest shape of both; or why there is none."""
    listed = list(benches)
    mine = {m.groups()[1:]: m[0] for b in listed if (m := _OURS.fullmatch(b)) and m[1] == dtype}
    theirs = {
        m.groups()[1:4]: m[0]
        for b in listed
        if (m := _LIBRARY.fullmatch(b)) and m[1] == dtype and m[5] == library
    }
    if not theirs:
        return f"this membound-bench has no compute/library_gemm/{dtype} with library:{library}"
    shapes = sorted(set(mine) & set(theirs), key=lambda shape: _volume(shape))
    if not shapes:
        return f"no shape in common with inference/gemm/{dtype}"
    return mine[shapes[-1]], theirs[shapes[-1]]


def _volume(shape: Iterable[str]) -> int:
    product = 1
    for length in shape:
        product *= int(length)
    return product


def find(folder: Path) -> tuple[list[Launch], list[Launch], dict[str, str]]:
    """Our launches, the libraries', and for each absent library the reason."""
    mine: dict[str, Launch] = {}
    theirs: list[Launch] = []
    absent: dict[str, str] = {}
    listed = {dtype: ours.list_benches(flags(dtype)) for dtype in DTYPES}
    for library in LIBRARIES:
        for dtype in DTYPES:
            found = pair(listed[dtype], library, dtype)
            if isinstance(found, str):
                absent[library] = found
                continue
            compared = work("gemm", dtype)
            own = Kernel(ours.SIDE, found[0], compared, dtype)
            other = Kernel(library, found[1], compared, dtype)
            # Libraries may have other shapes in common with us: the first decides for both.
            if dtype in mine and mine[dtype].kernels[0] != own:
                absent[library] = f"its largest shape in {dtype} is not that of {LIBRARIES[0]}"
                continue
            mine[dtype] = ours.OurLaunch(own, folder, flags(dtype))
            theirs.append(ours.OurLaunch(other, folder, flags(dtype)))
    present = {launch.side for launch in theirs}
    return list(mine.values()), theirs, {k: v for k, v in absent.items() if k not in present}
