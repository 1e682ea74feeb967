# SPDX-License-Identifier: Apache-2.0
"""`membound run`: ceilings, prediction, inference, comparison, record, report."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from membound.commands import output
from membound.commands.flags import Cache, Dtype, JsonFlag, Model, Tolerance
from membound.errors import MemboundError, UsageError


def run(
    ctx: typer.Context,
    profile: Annotated[str, typer.Option(help="quick, standard or full.")] = "quick",
    device: Annotated[str | None, typer.Option(help="Such as cpu:0; default: all.")] = None,
    model: Model = "Llama-3.2-1B",
    dtype: Dtype = None,
    cache: Cache = None,
    batch: Annotated[str | None, typer.Option(help="Sequences, such as 1,4.")] = None,
    context: Annotated[str | None, typer.Option(help="Tokens in the cache at a decode.")] = None,
    prefill: Annotated[str | None, typer.Option(help="Tokens of a prefill.")] = None,
    paper_bandwidth_GBps: Annotated[
        float | None,
        typer.Option(
            "--paper-bandwidth",
            metavar="GBps",
            help="Datasheet bandwidth, for a device that does not name its own.",
        ),
    ] = None,
    paper_flops_GFLOPS: Annotated[
        float | None,
        typer.Option(
            "--paper-flops",
            metavar="GFLOPS",
            help="Datasheet peak of --dtype, for a device that names none; f32 counts at it too.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the record.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the interrupted run in this folder.")
    ] = None,
    as_json: JsonFlag = False,
    tolerance: Tolerance = None,
    stall_seconds: Annotated[
        float, typer.Option(help="Silence after which a measuring process counts as hung.")
    ] = 600.0,
) -> None:
    """Measure ceilings, predict, measure inference, compare."""
    from membound import options, paths
    from membound.run import Run

    if resume:
        folder = resume
        record = Run.resume(folder, _given(ctx), stall_seconds)
    else:
        points = batch, context, prefill
        papers = paper_bandwidth_GBps, paper_flops_GFLOPS
        checked = options.check(
            profile, model, dtype, device, *points, stall_seconds, *papers, cache
        )
        paths.bench_program()
        folder = paths.make_out(out or paths.default_out())
        record = Run(checked, folder).execute()
    assert record.comparison is not None
    code = output.print_comparisons([record.comparison], as_json, tolerance)
    _write_report(record, folder, as_json)
    if record.status == "partial":
        raise MemboundError(f"partial: {record.reason}; what was measured is in {folder}")
    raise typer.Exit(code)


def _given(ctx: typer.Context) -> dict[str, Any]:
    """Options that the user gave, without those that have their default."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    named = {name: ctx.params[name] for name in given}
    if "out" in named:
        raise UsageError("--out and --resume name two folders: a resumed run stays in its own")
    return named


def _write_report(record: Any, folder: Path, as_json: bool) -> None:
    """At the end of a run, whose record is safe: a report that fails is one line, no more."""
    where = sys.stderr if as_json else sys.stdout
    try:
        from membound.report import write
        from membound.report.subject import Source

        path = write.write([Source(record, record.comparison)], folder)
    except Exception as error:
        print(f"membound: no report: {' '.join(str(error).split())}", file=sys.stderr)
    else:
        print(f"report: {path}", file=where)
