# SPDX-License-Identifier: Apache-2.0
"""Which parameters a point has in common with others: the levels of partial pooling.

The time of a step is a sum of terms; a term's coefficient is e to a sum of effects. An effect is
named (level, group of terms, value), such as ("engine", "kv", "vllm"): vLLM's fraction of the
bandwidth on the KV cache, relative to all engines'. Effects of a level are drawn towards 0 by how
much that level's values differ among each other, so that a value never seen counts as typical.
"""

from collections.abc import Iterator

from membound.engines.devices import PCIE_GBps
from membound.engines.points import Point
from membound.engines.terms import TERMS
from membound.engines.workload import Workload

Effect = tuple[str, str, str]
# Terms that share the effects of another: prompts between the steps are digested as in a prefill,
# experts multiply with the same instructions as the rest.
ALIKE = {"mix_matmul": "pf_matmul", "mix_attention": "pf_attention", "mix_launch": "pf_launch",
         "expert_matmul": "matmul", "mix_expert_matmul": "pf_matmul"}  # fmt: skip
COMPUTE = ("matmul", "expert_matmul", "attention", "unpack", "pf_matmul", "pf_attention",
           "mix_matmul", "mix_expert_matmul", "mix_attention")  # fmt: skip
HOST = ("launch", "expert_launch", "step", "pf_launch", "mix_launch")
BY_KIND = ("weights", "experts", "unpack", "matmul", "pf_matmul")
# Coefficients before any row is seen: 85 % of the bandwidth on weights, 60 % on the cache, half of
# the peak in prefill, microseconds for a launch. They are wide, and rows soon outweigh them.
PRIOR = {
    "weights": 1.15, "experts": 1.4, "kv": 1.6, "matmul": 2.0, "attention": 4.0, "unpack": 1.0,
    "launch": 4.0, "expert_launch": 1.0, "step": 0.3, "hop": 1.0, "wire": 2.0,
    "pf_matmul": 2.0, "pf_attention": 4.0, "pf_launch": 5.0,
}  # fmt: skip
# How far the values of a level differ, as a standard deviation of the logarithm, before the rows
# say so themselves: little for fractions of the bandwidth, much for overheads and messages.
SPREAD = {
    "platform": {"memory": 0.10, "compute": 0.30, "host": 0.50, "communication": 0.50},
    "engine": {"memory": 0.12, "compute": 0.30, "host": 0.50, "communication": 0.50},
    "engine on platform": {"memory": 0.08, "compute": 0.20, "host": 0.30, "communication": 0.30},
    "type": {"memory": 0.10, "compute": 0.20},
    "type in engine": {"memory": 0.10, "compute": 0.20},
    "device": {"memory": 0.06, "compute": 0.15, "host": 0.15, "communication": 0.30},
    "build": {"host": 0.25},
    "generation": {"memory": 0.05, "compute": 0.15, "host": 0.15, "communication": 0.15},
    "link": {"communication": 0.50},
    "host link": {"communication": 0.80},
    "trend": {"host": 0.20},
    "mixing": {"compute": 0.40, "host": 0.40},
    "routed": {"compute": 0.40},
    "load": {"overall": 0.25},
    "guessed peak": {"compute": 0.50},
    "build overall": {"overall": 0.05},
    "model": {"overall": 0.04},
    "model inferred": {"overall": 0.25},
    "term": {"memory": 0.40, "compute": 0.70, "host": 1.00, "communication": 1.00},
}
TREND_FROM, TREND_YEARS = 2022.0, 2.0  # the trend counts 0 in that year, 1 so many years later


def part_of(term: str) -> str:
    """The resource that a term waits for."""
    if term in COMPUTE:
        return "compute"
    if term in HOST:
        return "host"
    return "communication" if term in ("hop", "wire") else "memory"


def level_of(effect: Effect) -> tuple[str, str]:
    """Effects of one level and resource differ alike."""
    level, group, _ = effect
    if group in ("overall", "memory", "compute", "host", "communication"):
        return level, group
    return level, part_of(group)


def of_term(term: str, work: Workload, source: str) -> Iterator[tuple[Effect, float]]:
    """The effects that a term's coefficient is made of, each with how many times it counts."""
    for effect in _once(term, work, source):
        yield effect, 1.0
    # Hosts and the software written for a generation get faster; H100's steps wait for them longer
    # than B200's with the same engine.
    if term in HOST and work.device.year:
        yield ("trend", "host", "years"), (work.device.year - TREND_FROM) / TREND_YEARS


def _once(term: str, work: Workload, source: str) -> Iterator[Effect]:
    same, device = ALIKE.get(term, term), work.device
    yield "term", same, ""
    yield "platform", same, device.platform
    yield "engine", same, work.engine
    yield "engine on platform", same, f"{work.engine} on {device.platform}"
    if same in BY_KIND:
        yield "type", same, work.kind.family
        yield "type in engine", same, f"{work.kind.family} in {work.engine}"
    if "expert_matmul" in term:
        yield "routed", term, ""
        yield "routed", term, work.engine
    if term.startswith("mix_"):
        mixed = term.replace("expert_", "")
        yield "mixing", mixed, ""
        yield "mixing", mixed, work.engine
    yield "device", part_of(term), device.name
    if device.generation:
        yield "generation", part_of(term), device.generation
    if not device.peak_known and term in COMPUTE:
        yield "guessed peak", "compute", device.name
    if term in ("hop", "wire") and device.link_GBps <= PCIE_GBps:
        # Lanes, switches and the way through the host's memory differ by far more than the cards.
        yield "link", term, "through the host"
        yield "host link", term, f"{device.name} {source}"
    if term in HOST:
        yield "build", "host", f"{work.engine} {work.build} {source}"
    if work.batch is None:
        yield "load", "overall", f"{work.engine} {source}"
        yield "load", "overall", f"{work.engine} {source} {device.name}"
    inferred = "" if work.architecture.known else " inferred"
    yield f"model{inferred}", "overall", work.architecture.name
    yield "build overall", "overall", f"{work.engine} {work.build} {source}"


def of_point(point: Point) -> Iterator[tuple[int, Effect, float]]:
    """(index of a term, effect, how many times) for the terms that this point has."""
    for index, term in enumerate(TERMS):
        if point.seconds[index] > 0:
            for effect, times in of_term(term, point.work, point.row.source):
                yield index, effect, times
