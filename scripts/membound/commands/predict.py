# SPDX-License-Identifier: Apache-2.0
"""`membound predict`: one step, from a record's ceilings or by an engine's profile."""

from pathlib import Path
from typing import Annotated

import typer

from membound.commands import output
from membound.commands.flags import Cache, JsonFlag, Model
from membound.errors import UsageError


def predict(
    machine: Annotated[
        str,
        typer.Option(
            help="A record: its folder, record.json or journal; with --engine also "
            "an id of results/catalogue/accelerators.json."
        ),
    ],
    model: Model = "Llama-3.2-1B",
    dtype: Annotated[
        str | None,
        typer.Option(
            help="f32, f16, bf16, q8_0 or q4_0, default bf16, or what a file has; with --engine "
            "also fp8, awq and the like."
        ),
    ] = None,
    cache: Cache = None,
    batch: Annotated[int, typer.Option(min=1, max=1 << 20)] = 1,
    context: Annotated[int, typer.Option(min=1, max=1 << 24, help="Of a decode step.")] = 128,
    phase: Annotated[str, typer.Option(help="decode or prefill.")] = "decode",
    tokens: Annotated[int, typer.Option(min=1, max=1 << 20, help="Of a prefill.")] = 128,
    device: Annotated[str | None, typer.Option(help="Of the record; default: its first.")] = None,
    engine: Annotated[
        str | None, typer.Option(help="Another's engine, such as 'vllm 0.12' or llama.cpp.")
    ] = None,
    devices: Annotated[
        int, typer.Option(min=1, max=4096, help="That share the model; with --engine.")
    ] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Predict one step of a model from a record's ceilings, or by an engine's profile."""
    from membound import forecast, options, storage
    from membound.model import weights, work

    if phase not in ("decode", "prefill"):
        raise UsageError(f"unknown phase '{phase}': give decode or prefill")
    if engine is not None:
        from membound.engines import answer
        from membound.engines import tables as engine_tables

        asked = answer.workload(
            engine, machine, model, devices, phase, batch, context, tokens, dtype or "bf16", device
        )
        output.print_answer(answer.answer(asked), as_json, engine_tables.print_prediction)
        return
    if devices != 1:
        raise UsageError("--devices is for engines: name one with --engine")
    length = context if phase == "decode" else tokens
    if weights.is_file_of(model):
        step = weights.step(model, dtype, cache, phase, batch, length)
    else:
        found_shape, chosen, _ = options.settle_model(model, dtype, cache)
        step = work.build(phase, found_shape, chosen, batch, length)
    if not Path(machine).exists():
        raise UsageError(
            f"machine '{machine}' is not a record: give the path of one, or --engine with an id "
            "of the catalogue"
        )
    record = storage.load(machine)
    found = forecast.single(record, step, device)
    from membound import tables

    output.print_answer(found, as_json, tables.print_prediction)
