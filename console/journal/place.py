"""Where a journal is: a file, or a PostgreSQL database named by a URL; what opens it imports its driver only then.

A place may be printed: the password of a URL never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from console.journal.contract import Journal


class Place(Protocol):
    """Where a journal is. `str()` names it without secrets."""

    @property
    def state_dir(self) -> Path:
        """Where adapters may keep what they need between processes."""

    def exists(self) -> bool:
        """Whether there is a journal to be read: a command that only looks makes none."""

    def open(self) -> Journal:
        """The journal, made if it is not there. Raises Broken."""

    def open_to_read(self) -> Journal:
        """The journal, of which not a byte is written. Raises Broken."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A SQLite file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def state_dir(self) -> Path:
        return self.path.parent

    def exists(self) -> bool:
        return self.path.exists()

    def open(self) -> Journal:
        from console.journal.sqlite import SqliteJournal

        return SqliteJournal(self.path)

    def open_to_read(self) -> Journal:
        from console.journal.sqlite import SqliteJournal

        return SqliteJournal(self.path, read_only=True)
