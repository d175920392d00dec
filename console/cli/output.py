"""Print lines without failing: a verb's effect and exit code do not depend on its reader."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def print_err(line: str) -> None:
    """Print a line on stderr; do nothing where stderr is closed, full or has no reader."""
    _write(sys.stderr, line)


def print_out(line: str) -> None:
    """Print a line on stdout, as `print_err` does on stderr."""
    _write(sys.stdout, line)


def spool_notice(file: str) -> str:
    """Say that `file` holds the events the journal could not take, and who writes them later."""
    return f"{file} keeps these events until the next warroom on this host writes them to the journal"


def discard(stream: TextIO | None) -> None:
    """Redirect `stream` to /dev/null, so that the interpreter's last flush cannot fail."""
    if stream is None:
        return
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # it is closed, or not a file: nothing is left to flush
        return


def _write(stream: TextIO | None, line: str) -> None:
    if stream is None:
        return
    try:
        print(line.encode(stream.encoding or "utf-8", "replace").decode(stream.encoding or "utf-8"), file=stream)
        stream.flush()
    except (OSError, ValueError):
        discard(stream)
