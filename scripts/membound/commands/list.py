# SPDX-License-Identifier: Apache-2.0
"""`membound list`."""

from membound.commands import output
from membound.commands.flags import JsonFlag


def list_(as_json: JsonFlag = False) -> None:
    """List benches and devices, and why a backend is absent."""
    from membound import listing

    listed = listing.ask()
    if as_json:
        output.print_json(listed)
    else:
        from membound import tables

        tables.print_list(listed)
