# SPDX-License-Identifier: Apache-2.0
"""Devices as the catalogue or a published row describes them: by their paper figures."""

import json
import re
from functools import cache

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, ValidationError

from membound import paths
from membound.errors import UsageError

NODE = 8  # devices that share one fast interconnect
PCIE_GBps = 32.0


class Accelerator(BaseModel):
    """One row of results/catalogue/accelerators.json. Dense peaks; absent where none was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    vendor: str
    name: str
    aliases: tuple[str, ...] = ()
    year: PositiveInt | None = None
    memory: str = ""
    hbm_stacks: PositiveInt | None = None
    capacity_GB: PositiveFloat | None = None
    bandwidth_GBps: PositiveFloat | None = None
    f64_TFLOPS: PositiveFloat | None = None
    f32_TFLOPS: PositiveFloat | None = None
    tf32_TFLOPS: PositiveFloat | None = None
    f16_TFLOPS: PositiveFloat | None = None
    f8_TFLOPS: PositiveFloat | None = None
    i8_TOPS: PositiveFloat | None = None
    f4_TFLOPS: PositiveFloat | None = None
    half_rate_accumulate: bool = False  # f16_TFLOPS accumulates in f32, at half of f16's rate
    last_level_cache_MB: PositiveFloat | None = None
    power_W: PositiveFloat | None = None
    shown_as_devices: PositiveInt = 1  # to a program, each with its part
    interconnect: str = ""
    status: str
    source: str
    note: str = ""


class Device(BaseModel):
    """What the model needs to know. `listed` is False for a device that the catalogue lacks."""

    model_config = ConfigDict(frozen=True)

    name: str
    platform: str
    generation: str  # of the chip: what kernels are written for; empty where not known
    year: float | None  # of that generation, which its hosts share
    bandwidth_GBps: PositiveFloat
    f16_TFLOPS: PositiveFloat
    peak_known: bool
    f8_ratio: float  # of the f16 rate; 1 where the device lacks the type
    f4_ratio: float
    link_GBps: PositiveFloat
    capacity_GB: PositiveFloat | None
    memory: str
    listed: bool


@cache
def accelerators() -> dict[str, Accelerator]:
    """The catalogue by id."""
    path = paths.CATALOGUE / "accelerators.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["accelerators"]
        return {row["id"]: Accelerator.model_validate(row) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise UsageError(f"{path} is not a catalogue of accelerators: {error}") from None


def simplify(name: str) -> str:
    """One spelling for the ways in which publishers write a device."""
    text = name.casefold()
    if found := re.fullmatch(r"(m\d.*?)\s*(\d+)-core gpu", text):
        text = f"apple {found[1]} {found[2]}-core"
    text = re.sub(r"\b(nvidia|geforce|tesla|quadro|instinct|amd|radeon|graphics|gpu)\b", " ", text)
    text = re.sub(r"(\d)\s*gi?b\b", r"\1gb", text)
    text = re.sub(r"\bsxm\d?\b", "sxm", text)
    return " ".join(re.sub(r"[^a-z0-9.]+", " ", text).split())


@cache
def _names() -> dict[str, Accelerator]:
    found: dict[str, Accelerator] = {}
    for row in accelerators().values():
        if row.status not in ("rack", "superseded claim"):
            for name in (row.id, row.id.replace("_", " "), row.name, *row.aliases):
                found.setdefault(simplify(name), row)
    return found


def find(name: str) -> Accelerator | None:
    """The catalogue's row for a device's published name."""
    return _names().get(simplify(name))


def platform_of(name: str, vendor: str = "") -> str:
    """Devices whose software and memory behave alike."""
    text = simplify(name)
    if re.search(r"\b(cpu|xeon|epyc|ryzen \d|core i\d|graviton|grace cpu|raspberry|m7i)\b", text):
        return "cpu"
    if vendor == "Apple" or re.search(r"\bapple\b|^m\d (pro|max|ultra)?", text):
        return "apple"
    if re.search(r"\b(rtx|gtx|titan|spark|gb10|jetson|orin|thor)\b", text):
        return "nvidia workstation"
    if re.search(r"\b(mi\d{2,3}[a-z]*|rx|w\d{4}|strix|890m|8060s)\b", text) or vendor == "AMD":
        return "amd"
    server = r"\b(a\d+g?|h\d{2,3}|b\d{3}|gh200|gb\d00|l\d+s?|v100|p100|t4|rubin|r200)\b"
    if vendor == "NVIDIA" or re.search(server, text):
        return "nvidia server"
    return "other"


# Chips of one design differ in their number of units and in their memory: pattern, name, year.
GENERATIONS: tuple[tuple[str, str, float | None], ...] = (
    (r"\bm1\b", "m1", 2020.5),
    (r"\bm2\b", "m2", 2022),
    (r"\bm3\b", "m3", 2023),
    (r"\bm4\b", "m4", 2024),
    (r"\bm5\b", "m5", 2025),
    (r"\b(p100|p40|gtx 10\d\d)\b", "pascal", 2016),
    (r"\b(v100|titan v)\b", "volta", 2017),
    (r"\b(t4|rtx 20\d\d|gtx 16\d\d)\b|\brtx [4568]000$", "turing", 2018),
    (r"\b(a100|a30)\b", "ampere server", 2020),
    (r"\b(a10g?|a16|a40|a[2456]000|rtx 30\d\d|orin)\b", "ampere", 2020),
    (r"\b(ada|l4|l40s?|rtx 40\d\d)\b", "ada", 2022),
    (r"\b(h100|h200|h20|h800|gh200)\b", "hopper", 2022),
    (r"\b(b100|b200|b300|gb200|gb300|thor)\b", "blackwell server", 2024),
    (r"\b(rtx 50\d\d|gb10|spark|blackwell)\b", "blackwell", 2025),
    (r"\bmi\d{2,3}[ax]?\b", "cdna", None),
    (r"\brx [679]\d{3}\b", "rdna", None),
)


def generation_of(name: str) -> tuple[str, float | None]:
    """Name and year; empty and None where the device's name says nothing of it."""
    text = re.sub(r"\b(rtx|gtx|rx)(\d)", r"\1 \2", simplify(name))
    found = (entry[1:] for entry in GENERATIONS if re.search(entry[0], text))
    return next(found, ("", None))


# Bytes of bandwidth per flop differ by a factor of four within a platform: a guess, and marked so.
TYPICAL_FLOPS_PER_BYTE = {"apple": 30.0, "cpu": 10.0, "amd": 150.0, "other": 60.0}


def describe(
    name: str, bandwidth_GBps: float | None = None, f16_TFLOPS: float | None = None
) -> Device | None:
    """The device of a row: its own figures, then the catalogue's; None without a bandwidth."""
    row = find(name)
    bandwidth = bandwidth_GBps or (row.bandwidth_GBps if row else None)
    if not bandwidth:
        return None
    platform = platform_of(name, row.vendor if row else "")
    generation, year = generation_of(name)
    peak = (row.f16_TFLOPS if row else None) or f16_TFLOPS
    known = peak is not None
    if peak is None:
        peak = bandwidth * TYPICAL_FLOPS_PER_BYTE.get(platform, 250.0) / 1e3
    half_rate = row.half_rate_accumulate if row else _is_geforce(name)
    full = peak * 2 if half_rate and known else peak
    f8 = row.f8_TFLOPS / peak if row and row.f8_TFLOPS and row.f16_TFLOPS else 1.0
    f4 = row.f4_TFLOPS / peak if row and row.f4_TFLOPS and row.f16_TFLOPS else f8
    link = re.search(r"(\d+) GB/s", row.interconnect) if row else None
    return Device(
        name=row.id if row else simplify(name),
        platform=platform,
        generation=generation,
        year=year or (row.year if row else None),
        bandwidth_GBps=bandwidth,
        f16_TFLOPS=full,
        peak_known=known,
        f8_ratio=max(1.0, f8 * peak / full),
        f4_ratio=max(1.0, f4 * peak / full),
        link_GBps=float(link[1]) if link else PCIE_GBps,
        capacity_GB=row.capacity_GB if row else None,
        memory=row.memory if row else "",
        listed=row is not None,
    )


def _is_geforce(name: str) -> bool:
    """Consumer cards multiply f16 at half rate when they accumulate in f32."""
    return bool(re.match(r"rtx [2345]0[5-9]0\b", simplify(name)))
