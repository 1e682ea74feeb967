# SPDX-License-Identifier: Apache-2.0
"""`membound peers`: the same work by other programs, interleaved."""

from pathlib import Path
from typing import Annotated

import typer

from membound.commands import output
from membound.commands.flags import JsonFlag
from membound.errors import MemboundError


def peers(
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATH",
            help="likwid-bench, stream, babelstream, mixbench or llama-bench, and its program. "
            "Repeatable.",
        ),
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.gguf",
            help="Compare decode and prefill of these weights with llama-bench's. Repeatable.",
        ),
    ] = None,
    context: Annotated[
        int, typer.Option(min=1, max=1 << 20, help="Tokens in the cache at a decode.")
    ] = 128,
    prefill: Annotated[int, typer.Option(min=1, max=1 << 17, help="Tokens of a prefill.")] = 512,
    works: Annotated[
        str | None, typer.Option(help="Such as read,triad/f32; default: all that both do.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=1000)] = 10,
    seconds: Annotated[
        float, typer.Option(min=0.05, max=60, help="Of each kernel in each round.")
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="Of the order within rounds.")] = 0,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds after which a process counts as hung.")
    ] = 120.0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for peers.json, with every round's values.")
    ] = None,
    as_json: JsonFlag = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when a lower bound is below 0.97.")
    ] = False,
) -> None:
    """Compare with the peers that are installed, interleaved, as ratios with intervals."""
    from membound import paths
    from membound.peers import registry, result, session, steps, table

    wanted = session.parse_works(works)
    files = steps.check_files(model or [])
    named = registry.parse_named(peer or [])
    session.check_sides(wanted, named, files)
    paths.bench_program()
    lengths = steps.Lengths(prefill, context)
    request = session.Request(named, wanted, rounds, seconds, seed, timeout, out, files, lengths)
    document = session.Session(request).execute()
    if as_json:
        output.print_json(document)
    else:
        table.print_document(document)
    if document["reason"]:
        where = f"; what was measured is in {out}" if out else ""
        raise MemboundError(f"partial: {document['reason']}{where}")
    slower = any(row["interval95"][0] < result.EQUAL for row in document["ratios"])
    raise typer.Exit(1 if strict and slower else 0)
