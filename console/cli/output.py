"""Words out, without fail: what a verb does and its exit code never depend on who reads its output."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def print_err(line: str) -> None:
    """A line on stderr; nothing where stderr is closed, full or has no reader."""
    _write(sys.stderr, line)


def print_out(line: str) -> None:
    """A line on stdout, as `print_err`."""
    _write(sys.stdout, line)


def spool_notice(file: str) -> str:
    """What becomes of what the journal could not take, `file` being where it waits."""
    return f"{file} keeps what was decided until the next warroom here writes it down"


def discard(stream: TextIO | None) -> None:
    """Let what is written to `stream` from now on go nowhere, so that the interpreter's last flush cannot fail."""
    if stream is None:
        return
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # it is closed, or no file at all: nothing is left to flush
        return


def _write(stream: TextIO | None, line: str) -> None:
    if stream is None:
        return
    try:
        print(line.encode(stream.encoding or "utf-8", "replace").decode(stream.encoding or "utf-8"), file=stream)
        stream.flush()
    except (OSError, ValueError):
        discard(stream)
