"""Location of a journal: a file path, or a PostgreSQL URL.

The driver is imported only when the journal is opened. A location can be printed: it never shows a URL's password.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.known_secrets import remember
from adapters.sanitize import one_line

if TYPE_CHECKING:
    from console.journal.contract import Journal
    from console.journal.postgres.url import Url
    from console.journal.spool import Spool


@contextlib.contextmanager
def _requiring_psycopg() -> Iterator[None]:
    """Import the driver in the block. Raises JournalUnavailable if it is not installed."""
    try:
        yield
    except ImportError as error:
        from console.journal.contract import JournalUnavailable

        reason = f"a PostgreSQL journal needs psycopg ({one_line(error)})"
        raise JournalUnavailable(f"{reason}: pip install 'rollout-warroom[postgres]'") from None


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A journal in a SQLite file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def state_dir(self) -> Path:
        """Directory for files that adapters keep between processes: the journal's own."""
        return self.path.parent

    @property
    def spool(self) -> Spool:
        """The console's on-disk buffer, not created yet: beside the file, or in the state directory if shared."""
        from console.journal.spool import Spool

        places = [self.path, _state_path_for(str(self.path))]
        return Spool(places[::-1] if _others_can_write(self.path.parent) else places)

    def exists(self) -> bool:
        """Whether there is something at the path: a command that only reads creates nothing."""
        return self.path.is_symlink() or self.path.exists()

    def open(self) -> Journal:
        """Open the file, creating it if it does not exist. Raises JournalUnavailable."""
        from console.journal.sqlite import SqliteJournal

        return SqliteJournal(self.path)

    def open_to_read(self) -> Journal:
        """Open the file without writing a byte. Raises JournalUnavailable."""
        from console.journal.sqlite import SqliteJournal

        return SqliteJournal(self.path, read_only=True)


@dataclass(frozen=True, slots=True)
class ServerLocation:
    """A journal in a PostgreSQL database."""

    url: Url

    def __str__(self) -> str:
        return str(self.url)

    @property
    def state_dir(self) -> Path:
        """Directory for files that adapters keep between processes: the user's state directory."""
        from platformdirs import user_state_path

        return user_state_path("warroom")

    @property
    def spool(self) -> Spool:
        """The console's on-disk buffer, not created yet: in the state directory, named for the database."""
        from console.journal.spool import Spool

        return Spool([_state_path_for(self.url.canonical_name(os.environ))])

    def exists(self) -> bool:
        """Always true: opening never creates the journal, and fails if there is none."""
        return True

    @property
    def opening_s(self) -> float:
        """Time limit to open: each host's connect timeout plus one second."""
        from console.journal.postgres.url import CONNECT_S

        return CONNECT_S * self.url.host_count + 1.0

    @_requiring_psycopg()
    def open(self) -> Journal:
        """Connect to the journal. Raises JournalUnavailable."""
        from console.journal.postgres.journal import PostgresJournal

        return PostgresJournal(self.url)

    @_requiring_psycopg()
    def make(self, role: str | None) -> int:
        """Create or update the journal, and grant `role` its rights.

        Returns:
            The number of migrations applied.

        Raises:
            JournalUnavailable: the server cannot be reached, or refuses.
        """
        from console.journal.postgres.journal import make_journal

        return make_journal(self.url, role)

    @_requiring_psycopg()
    def is_durable(self) -> bool:
        """Whether the server flushes commits to disk. Raises JournalUnavailable."""
        from console.journal.postgres.journal import is_durable

        return is_durable(self.url)


def _others_can_write(folder: Path) -> bool:
    """Whether another user could remove our files from a directory."""
    try:
        return bool(folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    except OSError:
        return False


def _state_path_for(place: str) -> Path:
    """Beginning of the paths of this user's files for the journal at `place`."""
    from platformdirs import user_state_path

    return user_state_path("warroom") / f"journal-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


JournalLocation = FileLocation | ServerLocation
"""A path or URL that names a journal; `str()` shows it without secrets."""


def journal_location(given: str) -> JournalLocation:
    """The location that a path or a URL names.

    Raises:
        ValueError: the URL is not a PostgreSQL URL, or cannot be parsed. One line, no secret.
    """
    scheme, separator, _ = given.partition("://")
    if not separator:
        return FileLocation(Path(given).expanduser().absolute())
    from console.journal.postgres.url import SCHEMES, Url

    if scheme not in SCHEMES:
        raise ValueError(f"journal {one_line(scheme, 20)}://: a journal is a path or a postgresql:// URL")
    url = Url(given)
    try:
        str(url)
    except ValueError:
        raise ValueError("journal: this is not a PostgreSQL URL: postgresql://USER@HOST/DATABASE") from None
    for secret in url.secrets:
        remember(secret)
    return ServerLocation(url)
