"""One command in this process, and what it said."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

from console.cli import main


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    said: str
    """All that it wrote to both streams."""

    @property
    def last_line(self) -> str:
        """The last line that it wrote."""
        return ["", *self.said.splitlines()][-1][:200]


def run(*arguments: str) -> Ended:
    """Run one command in this process."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(arguments)
    return Ended(code, said.getvalue())
