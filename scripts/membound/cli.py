# SPDX-License-Identifier: Apache-2.0
"""The command line. Heavy imports are inside the commands: `list` and `run` start fast."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from membound.errors import MemboundError, UsageError

app = typer.Typer(
    name="membound",
    help="Is inference on this accelerator capped by memory bandwidth, and by how much?",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
Tolerance = Annotated[
    float | None,
    typer.Option(
        "--tolerance",
        min=0,
        metavar="PCT",
        help="Exit with 1 when a residual of the finest tier (K, else C, else P) is larger.",
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        help="All matrices: f32, f16, bf16, q8_0 or q4_0; default: bf16. A file has its own."
    ),
]
Cache = Annotated[
    str | None,
    typer.Option(help="Keys and values: f32, f16 or bf16; default: the dtype, else f16."),
]
Model = Annotated[
    str,
    typer.Option(
        help="Catalogue id, Hugging Face config.json, or weights: .gguf, folder of safetensors."
    ),
]


@app.command()
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
    code = _print_comparisons([record.comparison], as_json, tolerance)
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


@app.command()
def test(
    long: Annotated[
        bool, typer.Option("--long", help="The whole C++ suite under ThreadSanitizer too.")
    ] = False,
) -> None:
    """Run every test that this machine can run, sanitizers in a short form."""
    from membound import testing

    raise typer.Exit(testing.run_all(long))


@app.command(name="list")
def list_(as_json: JsonFlag = False) -> None:
    """List benches and devices, and why a backend is absent."""
    from membound import listing

    listed = listing.ask()
    if as_json:
        _print_json(listed)
    else:
        from membound import tables

        tables.print_list(listed)


@app.command()
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
        _show(answer.answer(asked), as_json, engine_tables.print_prediction)
        return
    if devices != 1:
        raise UsageError("--devices is for engines: name one with --engine")
    length = context if phase == "decode" else tokens
    if weights.is_file_of(model):
        step = weights.step(model, dtype, cache, phase, batch, length)
    else:
        found_shape, chosen, _ = options.settle_model(model, dtype, cache)
        build = work.decode if phase == "decode" else work.prefill
        step = build(found_shape, chosen, batch, length)
    if not Path(machine).exists():
        raise UsageError(
            f"machine '{machine}' is not a record: give the path of one, or --engine with an id "
            "of the catalogue"
        )
    record = storage.load(machine)
    found = forecast.single(record, step, device)
    from membound import tables

    _show(found, as_json, tables.print_prediction)


@app.command()
def backtest(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="CSV files of published rows; default: results/published."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for backtest.json and residuals.csv.")
    ] = None,
    write_profile: Annotated[
        Path | None,
        typer.Option(
            "--write-profile",
            help="Fit the engine profile to results/published, write it here and score nothing.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Predict rows that others published, with each device, model and source left out."""
    from membound.engines import backtest as testing
    from membound.engines import report
    from membound.engines import tables as engine_tables

    if write_profile:
        print(f"{testing.write_profile(write_profile)} rows: {write_profile}")
        return
    chosen = files or testing.published_files()
    document = testing.document(testing.run(chosen), chosen)
    if out:
        report.write(document, out)
    _show(document, as_json, engine_tables.print_backtest)


def _show(found: dict[str, Any], as_json: bool, show: Callable[[dict[str, Any]], None]) -> None:
    if as_json:
        _print_json(found)
    else:
        show(found)


@app.command()
def compare(
    records: Annotated[list[str], typer.Argument(help="Folders, record.json files or journals.")],
    as_json: JsonFlag = False,
    tolerance: Tolerance = None,
) -> None:
    """Show measured beside predicted, per tier, with verdicts."""
    raise typer.Exit(_print_comparisons(_load_and_compare(records)[1], as_json, tolerance))


def _load_and_compare(paths: list[str]) -> tuple[list[Any], list[Any]]:
    """Records and their comparisons; engines' results stand beside ours where both are given."""
    from membound import beside, storage
    from membound import compare as comparing

    records = [storage.load(path) for path in paths]
    comparisons = [comparing.compare(r, path) for r, path in zip(records, paths, strict=True)]
    beside.attach(records, comparisons)
    return records, comparisons


@app.command(name="import")
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
    raise typer.Exit(_print_comparisons([comparison], as_json, None))


@app.command()
def report(
    records: Annotated[list[str], typer.Argument(help="Folders, record.json files or journals.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder; default: the record's own, for several ./membound-report."),
    ] = None,
) -> None:
    """Write one self-contained HTML page, and its charts as PNG files."""
    from membound.report import write
    from membound.report.subject import Source

    sources = [Source(*pair) for pair in zip(*_load_and_compare(records), strict=True)]
    print(f"report: {write.write(sources, out or write.default_folder(records))}")


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


@app.command()
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
        _print_json(document)
    else:
        table.print_document(document)
    if document["reason"]:
        where = f"; what was measured is in {out}" if out else ""
        raise MemboundError(f"partial: {document['reason']}{where}")
    slower = any(row["interval95"][0] < result.EQUAL for row in document["ratios"])
    raise typer.Exit(1 if strict and slower else 0)


def _print_comparisons(comparisons: list[Any], as_json: bool, tolerance: float | None) -> int:
    """Print comparisons; 1 when a residual is over the tolerance, else 0."""
    from membound import compare as comparing

    if as_json:
        _print_json(comparing.merge(comparisons))
    else:
        from membound import tables

        for comparison in comparisons:
            tables.print_comparison(comparison)
    if tolerance is None:
        return 0
    over = [row for c in comparisons for row in comparing.beyond(c.rows, tolerance)]
    for row in over:
        residual = comparing.finest_residual(row)
        print(f"membound: {row.bench}: residual {residual:+.1f} %", file=sys.stderr)
    return 1 if over else 0


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=1, allow_nan=False))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; every error is one line."""
    try:
        code = app(args=arguments, prog_name="membound", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except MemboundError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        return _fail(error.format_message() or "no command given: see --help", 3)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", 2)
    except BrokenPipeError:
        # The reader has left; give the interpreter's last flush somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _fail(str(error), 2)


def _fail(message: str, code: int) -> int:
    print(f"membound: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def entry() -> None:
    sys.exit(main())
