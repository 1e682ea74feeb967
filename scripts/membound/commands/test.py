# SPDX-License-Identifier: Apache-2.0
"""`membound test`."""

from typing import Annotated

import typer


def test(
    long: Annotated[
        bool, typer.Option("--long", help="The whole C++ suite under ThreadSanitizer too.")
    ] = False,
) -> None:
    """Run every test that this machine can run, sanitizers in a short form."""
    from membound import testing

    raise typer.Exit(testing.run_all(long))
