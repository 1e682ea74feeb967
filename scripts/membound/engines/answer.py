# SPDX-License-Identifier: Apache-2.0
"""What `membound predict --engine E` answers: an engine on a machine that nobody measured here."""

from pathlib import Path
from typing import Any

import numpy as np

from membound import storage
from membound.engines import demand, devices, fit, models, names, natural, profile, terms, weights
from membound.engines.devices import Device
from membound.engines.workload import Workload, group_of
from membound.errors import UsageError
from membound.model import machine as machines

GENERATED = 128.0


def workload(
    engine: str,
    machine: str,
    model: str,
    count: int,
    phase: str,
    batch: int,
    context: int,
    tokens: int,
    dtype: str,
    device_name: str | None = None,
) -> Workload:
    """Check the options and put together what the model needs."""
    if phase not in ("decode", "prefill"):
        raise UsageError(f"unknown phase '{phase}': give decode or prefill")
    kind = weights.parse(dtype)
    if kind is None:
        raise UsageError(f"unknown weight type '{dtype}': give one such as bf16, fp8, q8_0, awq")
    family, build = names.engine(engine)
    return Workload(
        device=device(machine, device_name),
        devices=count,
        engine=family,
        build=build,
        architecture=models.load(model),
        kind=kind,
        phase="decode" if phase == "decode" else "prefill",
        batch=float(batch),
        prompt=float(tokens) if phase == "prefill" else 0.0,
        generated=0.0 if phase == "decode" else GENERATED,
        depth=float(context) if phase == "decode" else 0.0,
        layout=demand.layout(count, False, None, None, star=family == "llama.cpp"),
    )


def device(machine: str, wanted: str | None = None) -> Device:
    """A catalogue id or name, or a record: its device's paper figures, else what it measured."""
    if Path(machine).exists():
        return _recorded(machine, wanted)
    if found := devices.describe(machine):
        return found
    close = ", ".join(sorted(devices.accelerators())[:4])
    raise UsageError(
        f"unknown machine '{machine}': give a record or an id of "
        f"results/catalogue/accelerators.json such as {close}"
    )


def _recorded(path: str, wanted: str | None) -> Device:
    found = machines.ceilings(storage.load(path))
    if not found:
        raise UsageError("the record holds no ceilings: measure some with ./membound run")
    name = wanted or next(iter(found))
    if name not in found:
        raise UsageError(f"the record has no device '{name}': it has {', '.join(found)}")
    ceilings = found[name]
    rate = ceilings.paper_read_rate or ceilings.read_best_rate or ceilings.read_rate
    peaks = {**ceilings.peaks, **ceilings.paper_peaks}
    peak = peaks.get("f16") or peaks.get("bf16") or peaks.get("f32")
    described = devices.describe(
        "cpu" if name.startswith("cpu") else name, rate and rate / 1e9, peak and peak / 1e12
    )
    if described is None:
        raise UsageError(f"{path} holds no bandwidth of {name}: measure it with ./membound run")
    return described.model_copy(update={"name": name})


def answer(work: Workload) -> dict[str, Any]:
    """The prediction with its 90 % interval, shares by cause, and what was not known."""
    seconds, total = terms.of(work)
    batch = work.batch or 1.0
    found = profile.predict(work, seconds, fit.class_of(work))
    rate = float(np.exp(-found.log_seconds))
    stretch = profile.stretch(group_of(work))
    reach = float(np.exp(stretch * found.sigma))
    shares = natural.causes(found.shares)
    tokens = batch * (work.prompt if work.phase == "prefill" else 1.0)
    where = max(work.layout.shards, work.layout.expert_shards)
    return {
        "engine": work.engine,
        "device": work.device.name,
        "devices": work.devices,
        "model": work.architecture.name,
        "dtype": work.kind.family,
        "phase": work.phase,
        "batch": int(batch),
        "context": int(work.depth or work.prompt),
        "tokens_per_s": rate,
        "interval90": [rate / reach, rate * reach],
        "seconds_per_step": tokens / rate,
        "shares": shares,
        "bound": next(iter(shares), None),
        "bytes_per_step": tokens * where
        * (total.weight_bytes + total.expert_bytes + total.kv_bytes),
        "flops_per_step": tokens * where
        * (total.matmul_flops + total.expert_flops + total.attention_flops),
        "unknown": list(found.unknown),
        "fits_in_memory": _fits(work),
        "profile_sha256": profile.load().training_sha256,
    }  # fmt: skip


def _fits(work: Workload) -> bool | None:
    """Whether weights and cache fit; None where the device's memory is not known."""
    if not work.device.capacity_GB:
        return None
    return terms.fitting(work, work.depth + work.prompt) >= (work.batch or 1.0)
