"""Errors of the command line and the exit codes they end it with.

    CliError
    ├── WrongName              2     a moment, a cell, an execution or a file was named that there is not
    ├── NotRunning             3     no service runs under this state folder
    ├── NotebookUnusable       4     the path that was named is no notebook that can be opened
    ├── CannotStart            5     the service cannot start: port, state folder, a server that fails at once
    └── ServiceFailed          6     the service does not answer, or answered with an error

Beside these: 0 all went well, 1 a cell failed or timed out (`quire run`), 2 the command line itself is wrong
(argparse), 7 not approved (`quire trust --show`), 130 ended by Ctrl-C before it was finished. A message says what
happened and to what; a hint says what to do next.
"""

from __future__ import annotations

from typing import ClassVar, Final

OK: Final = 0
CELL_FAILED: Final = 1
INTERRUPTED: Final = 130


class CliError(Exception):
    """What happened (`message`), what to do next (`hint`); `exit_code` ends the command."""

    exit_code: ClassVar[int] = 6

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".rstrip())
        self.message = message
        self.hint = hint


class WrongName(CliError):
    """A moment, a cell, an execution or a file was named that there is not."""

    exit_code = 2


class NotRunning(CliError):
    """No service runs under this state folder."""

    exit_code = 3


class NotebookUnusable(CliError):
    """The path that was named is no notebook that can be opened."""

    exit_code = 4


class CannotStart(CliError):
    """The service cannot start."""

    exit_code = 5


class ServiceFailed(CliError):
    """The service does not answer, or answered with an error."""

    exit_code = 6


# Error codes by which the hub says that a file is no notebook it can open.
_OF_THE_FILE: Final = frozenset(("not_a_notebook", "file_error", "no_such_file"))


def answered(code: object, message: str, hint: str) -> CliError:
    """What an error that the hub answered with is on the command line."""
    return (NotebookUnusable if code in _OF_THE_FILE else ServiceFailed)(message, hint)
