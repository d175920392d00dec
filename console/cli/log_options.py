"""The options `--log-file` and `--log-level`. Tracebacks go to the log file and nowhere else."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.sanitize import one_line
from console.cli.exits import Exit
from console.cli.output import print_err
from console.logs.context import report_internal_error, traceback_hint

if TYPE_CHECKING:
    from console.logs.file import LogFile

LEVELS = ("debug", "info", "warning", "error")
SCREENS = ("run", "demo")
"""Commands that draw a screen on the terminal: nothing else may be written there."""
SAFER = ("halt", "rollback")
"""Commands that continue where their log file cannot be opened."""

_log = logging.getLogger("warroom.cli")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the two options."""
    parser.add_argument("--log-file", metavar="FILE", help="JSON Lines for debugging (default: $WARROOM_LOG)")
    parser.add_argument("--log-level", choices=LEVELS, metavar="LEVEL", help=f"{', '.join(LEVELS)} (default: info)")


def run_logged(options: argparse.Namespace, work: Callable[[argparse.Namespace], int]) -> int:
    """Run a command with the log file of its options, and return its exit code. An internal error becomes one line."""
    try:
        log = _begin(options)
    except ValueError as error:
        print_err(f"warroom: {error}")
        if options.command not in SAFER:
            return Exit.USAGE
        log = None
    code: int = Exit.FAULT
    try:
        with _quiet_terminal(is_screen=options.command in SCREENS):
            code = work(options)
    except Exception as error:  # the last net: a bug of ours is one line on the terminal, and no traceback
        print_err(f"warroom: {report_internal_error(_log, error)}")
    finally:
        if log is not None:
            from console.logs.file import stop_log

            _log.info("%s ended", options.command, extra={"exit_code": int(code)})
            stop_log(log)
    return code


def _begin(options: argparse.Namespace) -> LogFile | None:
    """The log file of the options, open; None where none is wanted. Raises ValueError with one plain line."""
    given: str | None = getattr(options, "log_file", None)
    if given is not None and not given.strip():
        raise ValueError("--log-file is empty: give a path, or leave it out")
    chosen = given or (os.environ.get("WARROOM_LOG") if hasattr(options, "log_file") else None)
    if not chosen:
        return None
    from console.logs import file

    level = options.log_level or os.environ.get("WARROOM_LOG_LEVEL") or "info"
    if level not in file.LEVELS:
        raise ValueError(f"WARROOM_LOG_LEVEL is {level!r}: give one of {', '.join(LEVELS)}")
    try:
        log = file.start_log(Path(chosen), file.LEVELS[level])
    except file.CannotLog as error:
        raise ValueError(str(error)) from None
    _log.info("%s started", options.command, extra=file.about_process())
    return log


class _LastResort(logging.Handler):
    """Last-resort handler: prints an error of another library as one line."""

    def __init__(self, *, is_screen: bool) -> None:
        super().__init__(logging.ERROR)
        self._is_screen = is_screen

    def emit(self, record: logging.LogRecord) -> None:
        if not self._is_screen and not record.name.startswith("warroom") and record.exc_info:
            error = record.exc_info[1]
            print_err(f"warroom: internal error: {type(error).__name__}: {one_line(error)}; {traceback_hint()}")


@contextmanager
def _quiet_terminal(*, is_screen: bool) -> Iterator[None]:
    """Keep tracebacks of threads, of forgotten tasks and of other libraries off the terminal."""

    def show(error: BaseException | None) -> None:
        words = report_internal_error(_log, error or RuntimeError("unknown"))
        if not is_screen:
            print_err(f"warroom: {words}")

    before = logging.lastResort, threading.excepthook, sys.unraisablehook
    logging.lastResort = _LastResort(is_screen=is_screen)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda failure: show(failure.exc_value)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = lambda failure: show(failure.exc_value)
    try:
        yield
    finally:
        logging.lastResort, threading.excepthook, sys.unraisablehook = before
