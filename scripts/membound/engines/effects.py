# SPDX-License-Identifier: Apache-2.0
"""Which parameters a point has in common with others: the levels of partial pooling.

The time of a step is a sum of terms; a term's coefficient is e to a sum of effects. An effect is
named (level, group of terms, value), such as ("engine", "kv", "vllm"): vLLM's fraction of the
bandwidth on the KV cache, relative to all engines'. Effects of a level are drawn towards 0 by how
much that level's values differ among each other, so that a value never seen counts as typical.
"""

from collections.abc import Iterator

from membound.engines.points import TERMS, Point, Workload

Effect = tuple[str, str, str]
PREFILL = {"mix_matmul": "pf_matmul", "mix_attention": "pf_attention"}
COMPUTE = ("matmul", "attention", "unpack", "pf_matmul", "pf_attention", "mix_matmul",
           "mix_attention")  # fmt: skip
HOST = ("launch", "expert_launch", "step", "sequence")
BY_KIND = ("weights", "experts", "unpack", "matmul", "pf_matmul")
# Coefficients before any row is seen: 85 % of the bandwidth on weights, 60 % on the cache, half of
# the peak in prefill, microseconds for a launch. They are wide (a factor of two) and soon forgotten.
PRIOR = {
    "weights": 1.15, "experts": 1.4, "kv": 1.6, "matmul": 2.0, "attention": 4.0, "unpack": 1.0,
    "launch": 2.0, "expert_launch": 1.0, "step": 0.3, "sequence": 0.5, "hop": 1.0, "wire": 2.0,
    "pf_matmul": 2.0, "pf_attention": 4.0,
}  # fmt: skip
# How far the values of a level differ, as a standard deviation of the logarithm, before the rows
# say so themselves.
SPREAD = {
    "term": 0.7, "platform": 0.3, "engine": 0.3, "engine on platform": 0.2, "type": 0.15,
    "type in engine": 0.15, "device": 0.08, "build": 0.15, "build overall": 0.05, "model": 0.05,
    "model inferred": 0.25,
    "mixing": 0.4, "guessed peak": 0.5,
}  # fmt: skip


def of_term(term: str, work: Workload, source: str) -> Iterator[Effect]:
    """The effects that a term's coefficient is made of."""
    same = PREFILL.get(term, term)
    yield "term", same, ""
    yield "platform", same, work.device.platform
    yield "engine", same, work.engine
    yield "engine on platform", same, f"{work.engine} on {work.device.platform}"
    if same in BY_KIND:
        yield "type", same, work.kind.family
        yield "type in engine", same, f"{work.kind.family} in {work.engine}"
    if term in PREFILL:
        yield "mixing", "mixing", ""
        yield "mixing", "mixing", work.engine
    yield "device", _part(term), work.device.name
    if not work.device.peak_known and term in COMPUTE:
        yield "guessed peak", "compute", work.device.name
    if term in HOST:
        yield "build", "host", f"{work.engine} {work.build} {source}"
    inferred = "" if work.architecture.known else " inferred"
    yield f"model{inferred}", "overall", work.architecture.name
    yield "build overall", "overall", f"{work.engine} {work.build} {source}"


def of_point(point: Point) -> Iterator[tuple[int, Effect]]:
    """(index of a term, effect) for the terms that this point has."""
    for index, term in enumerate(TERMS):
        if point.seconds[index] > 0:
            for effect in of_term(term, point.work, point.row.source):
                yield index, effect


def _part(term: str) -> str:
    if term in COMPUTE:
        return "compute"
    if term in HOST:
        return "host"
    return "communication" if term in ("hop", "wire") else "memory"
