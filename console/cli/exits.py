"""Exit codes, the same for every command, and the expected errors that have one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from enum import IntEnum
from functools import wraps

from console.cli.output import print_err

Command = Callable[[argparse.Namespace], int]


class Exit(IntEnum):
    """Exit code of a `warroom` process."""

    OK = 0
    """Done; for a verb: its own request was accepted, or a halt found nothing left to stop."""
    FAULT = 1
    """A fault of warroom itself."""
    USAGE = 2
    """Wrong arguments, a plan with errors, a backend that cannot be configured."""
    REFUSED = 3
    """A gate is closed, or a backend said no."""
    UNKNOWN = 4
    """A call was made and its outcome is unknown: check the backend before the next step."""
    MOVED = 5
    """Another console moved the rollout first."""
    JOURNAL = 6
    """The journal cannot be read or written; the output says what was done all the same."""
    TAMPERED = 7
    """The chain is broken, a row is not believed, a pinned head is missing, or edits are no longer refused."""
    TIMEOUT = 8
    """The condition of a `wait` did not hold in time."""
    MISSED = 9
    """The condition of a `wait` can no longer hold in this rollout."""


def with_exit_codes(command: Command) -> Command:
    """Make an expected error of a command one line on stderr and an exit code."""

    @wraps(command)
    def run(options: argparse.Namespace) -> int:
        from adapters.registry import ConnectError, UnknownAdapter
        from console.journal.contract import JournalUnavailable
        from console.plan.problems import PlanError

        try:
            return command(options)
        except (PlanError, ConnectError, UnknownAdapter, ValueError) as error:
            print_err(str(error) if isinstance(error, PlanError) else f"warroom: {error}")
            return Exit.USAGE
        except JournalUnavailable as error:
            print_err(f"warroom: {error}")
            return Exit.JOURNAL

    return run
