# SPDX-License-Identifier: Apache-2.0
"""`membound backtest`: the engine model on published rows."""

from pathlib import Path
from typing import Annotated

import typer

from membound.commands import output
from membound.commands.flags import JsonFlag


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
    output.print_answer(document, as_json, engine_tables.print_backtest)
