# SPDX-License-Identifier: Apache-2.0
"""`membound import`: what another engine measured, as a record."""

from pathlib import Path
from typing import Annotated

import typer

from membound.commands import output
from membound.commands.flags import JsonFlag


def import_(
    kind: Annotated[str, typer.Argument(help="llama-bench, vllm, or hf: a CSV of any engine.")],
    file: Annotated[Path, typer.Argument(help="What the engine wrote: JSON, JSON lines or CSV.")],
    out: Annotated[Path, typer.Option(help="Folder of the record.")],
    model: Annotated[
        str | None, typer.Option(help="As our records name it; default: what the file says.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="Of the weights, such as bf16 or q8_0.")] = None,
    device: Annotated[str | None, typer.Option(help="Such as cpu:0.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, max=1 << 20)] = None,
    prompt: Annotated[int | None, typer.Option(min=1, max=1 << 24, help="Tokens.")] = None,
    generated: Annotated[int | None, typer.Option(min=1, max=1 << 24, help="Tokens.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a record of what another engine measured; compare it together with one of ours."""
    from membound import beside
    from membound import compare as comparing
    from membound.importing import write
    from membound.importing.source import Given

    given = Given(model, dtype, device, batch, prompt, generated)
    record = write.import_file(kind, file, out, given)
    comparison = comparing.compare(record, str(out))
    beside.attach([record], [comparison])
    raise typer.Exit(output.print_comparisons([comparison], as_json, None))
