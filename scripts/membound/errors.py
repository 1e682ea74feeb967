# SPDX-License-Identifier: Apache-2.0
"""Errors that reach the user as one line: what, where, what to do."""


class MemboundError(Exception):
    """Base of all errors that the command line prints; `exit_code` is the process's."""

    exit_code = 2


class UsageError(MemboundError):
    """Wrong use or bad input."""

    exit_code = 3


class CannotMeasure(MemboundError):
    """The machine or the measuring program did not deliver."""

    exit_code = 2
