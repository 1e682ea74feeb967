# SPDX-License-Identifier: Apache-2.0
"""`membound compare`: records that exist, measured beside predicted."""

from typing import Annotated

import typer

from membound.commands import loading, output
from membound.commands.flags import JsonFlag, Tolerance


def compare(
    records: Annotated[list[str], typer.Argument(help="Folders, record.json files or journals.")],
    as_json: JsonFlag = False,
    tolerance: Tolerance = None,
) -> None:
    """Show measured beside predicted, per tier, with verdicts."""
    raise typer.Exit(
        output.print_comparisons(loading.load_and_compare(records)[1], as_json, tolerance)
    )
