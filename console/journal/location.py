"""Where a journal is: a file, or a PostgreSQL database named by a URL; what opens it imports its driver only then.

A place may be printed: the password of a URL never is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from adapters.known_secrets import remember
from adapters.sanitize import one_line

if TYPE_CHECKING:
    from console.journal.contract import Journal
    from console.journal.postgres.url import Url
    from console.journal.spool import Spool


class JournalLocation(Protocol):
    """Where a journal is. `str()` names it without secrets."""

    @property
    def state_dir(self) -> Path:
        """Where adapters may keep what they need between processes."""

    @property
    def spool(self) -> Spool:
        """Where one console keeps what this journal cannot take: a file that is not made yet."""

    def exists(self) -> bool:
        """Whether there is a journal to be read: a command that only looks makes none."""

    def open(self) -> Journal:
        """The journal, made if it is not there. Raises JournalUnavailable."""

    def open_to_read(self) -> Journal:
        """The journal, of which not a byte is written. Raises JournalUnavailable."""


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A SQLite file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def state_dir(self) -> Path:
        return self.path.parent

    @property
    def spool(self) -> Spool:
        from console.journal.spool import Spool

        places = [self.path, _kept_for(str(self.path))]
        return Spool(places[::-1] if _others_write(self.path.parent) else places)

    def exists(self) -> bool:
        return self.path.exists()

    def open(self) -> Journal:
        from console.journal.sqlite import SqliteJournal

        return SqliteJournal(self.path)

    def open_to_read(self) -> Journal:
        from console.journal.sqlite import SqliteJournal

        return SqliteJournal(self.path, read_only=True)


@dataclass(frozen=True, slots=True)
class ServerLocation:
    """A PostgreSQL database."""

    url: Url

    def __str__(self) -> str:
        return str(self.url)

    @property
    def state_dir(self) -> Path:
        from platformdirs import user_state_path

        return user_state_path("warroom")

    @property
    def spool(self) -> Spool:
        from console.journal.spool import Spool

        return Spool([_kept_for(self.url.place(os.environ))])

    def exists(self) -> bool:
        return True  # it is never made by opening it: a database without a journal says so

    @property
    def opening_s(self) -> float:
        """How long opening may take at most: every host is given its time, and a second is for everything else."""
        from console.journal.postgres.url import CONNECT_S

        return CONNECT_S * self.url.hosts + 1.0

    def open(self) -> Journal:
        with _needing_psycopg():
            from console.journal.postgres.journal import PostgresJournal
        return PostgresJournal(self.url)

    def open_to_read(self) -> Journal:
        with _needing_psycopg():
            from console.journal.postgres.journal import PostgresJournal
        return PostgresJournal(self.url, read_only=True)

    def make(self, role: str | None) -> int:
        """Make or update the journal, and give `role` its rights; how many migrations that took. Raises JournalUnavailable."""
        with _needing_psycopg():
            from console.journal.postgres.journal import make
        return make(self.url, role)

    def durable(self) -> bool:
        """Whether the server writes to disk what it says it wrote. Raises JournalUnavailable."""
        with _needing_psycopg():
            from console.journal.postgres.journal import durable
        return durable(self.url)


def _others_write(folder: Path) -> bool:
    """Whether somebody else could remove a file of ours from it."""
    try:
        return bool(folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    except OSError:
        return False


def _kept_for(place: str) -> Path:
    """What files of this user begin with that are kept for the journal at `journal_location`."""
    from platformdirs import user_state_path

    return user_state_path("warroom") / f"journal-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


@contextlib.contextmanager
def _needing_psycopg() -> Iterator[None]:
    """What imports the driver. Raises JournalUnavailable where it is not installed."""
    try:
        yield
    except ImportError as error:
        from console.journal.contract import JournalUnavailable

        reason = f"a PostgreSQL journal needs psycopg ({one_line(error)})"
        raise JournalUnavailable(f"{reason}: pip install 'rollout-warroom[postgres]'") from None


def journal_location(given: str) -> JournalLocation:
    """The place that a path or a URL names.

    Raises:
        ValueError: a URL of something else than PostgreSQL, or one that cannot be understood. One line, no secret.
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
        raise ValueError("journal: this is no PostgreSQL URL: postgresql://USER@HOST/DATABASE") from None
    for secret in url.secrets:
        remember(secret)
    return ServerLocation(url)
