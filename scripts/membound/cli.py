# SPDX-License-Identifier: Apache-2.0
"""The command line: its commands, and errors as one line with an exit code."""

import os
import sys

import typer

from membound.commands import backtest, compare, import_, peers, predict, report, run, test
from membound.commands import list as listing
from membound.errors import MemboundError

app = typer.Typer(
    name="membound",
    help="Is inference on this accelerator capped by memory bandwidth, and by how much?",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# In this order they are listed.
app.command()(run.run)
app.command()(test.test)
app.command(name="list")(listing.list_)
app.command()(predict.predict)
app.command()(backtest.backtest)
app.command()(compare.compare)
app.command(name="import")(import_.import_)
app.command()(report.report)
app.command()(peers.peers)


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
