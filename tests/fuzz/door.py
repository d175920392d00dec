"""The form of a door: one place where foreign input comes in, and the check of one case at it."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType

HANGS_S = 30.0
"""A case that takes longer hangs."""


class Hung(Exception):
    """A case did not end."""


@dataclass(frozen=True, slots=True)
class Door:
    """One place where foreign input comes in."""

    name: str
    check: Callable[[Random, Path], str | None]
    """The check of one case: what is wrong with how it was answered, or None. It may use the folder."""

    def problem(self, seed: int, folder: Path) -> str | None:
        """The problem of the case that `seed` makes; an exception that no caller names is one."""
        try:
            with _bounded():
                return self.check(Random(f"{self.name} {seed}"), folder)
        except Exception:
            return traceback.format_exc(limit=-6)


@contextmanager
def _bounded() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Hung(f"not answered in {HANGS_S:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, HANGS_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
