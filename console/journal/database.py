"""The part of a Journal that SQLite and PostgreSQL share: queries, and errors in one form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import wraps
from typing import ClassVar, Concatenate, ParamSpec, TypeVar

from pydantic import ValidationError

from adapters.sanitize import first_flaw, one_line
from console.journal import reading
from console.journal.chain import Row
from console.journal.contract import JournalUnavailable
from console.journal.reading import Connection

CALL_S = 5.0
"""Deadline of a short call in seconds; longer than the server's lock timeout, whose error names the cause."""
LONG_S = 60.0
"""Deadline in seconds of a call with a large reply, such as a rollout's whole history."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
_J = TypeVar("_J", bound="DatabaseJournal")


def as_unavailable(method: Callable[Concatenate[_J, _P], _T], /) -> Callable[Concatenate[_J, _P], _T]:
    """Raise the driver's errors as JournalUnavailable, with the journal's place, in one line."""

    @wraps(method)
    def call(self: _J, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return method(self, *args, **kwargs)
        except ValidationError as error:
            raise JournalUnavailable(
                f"journal {self.place}: an event cannot be read: {first_flaw(error, 300)}"
            ) from None
        except self.errors as error:
            raise JournalUnavailable(f"journal {self.place}: {self.error_line(error)}") from None

    return call


def query(
    work: Callable[Concatenate[Connection, _P], _T], within_s: float = CALL_S
) -> Callable[Concatenate[DatabaseJournal, _P], _T]:
    """A method that runs the query `work`, within `within_s` seconds if a server answers it."""

    @wraps(work)
    @as_unavailable
    def method(self: DatabaseJournal, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self.read(lambda connection: work(connection, *args, **kwargs), within_s)

    return method


class DatabaseJournal(ABC):
    """A Journal in a database; a subclass has the connection and the writes."""

    errors: ClassVar[tuple[type[Exception], ...]]
    """Errors that mean that the journal cannot be used."""
    place: object
    """The path or URL; `str()` shows it without secrets."""

    def error_line(self, error: Exception) -> str:
        """An error's text on one line, without secrets."""
        return one_line(error)

    @abstractmethod
    def read(self, work: Callable[[Connection], _T], within_s: float) -> _T:
        """The result of the query `work`."""

    tail = query(reading.tail)
    tail_samples = query(reading.tail_samples, LONG_S)
    newest_samples = query(reading.newest_samples, LONG_S)
    history = query(reading.history, LONG_S)
    plan_runs = query(reading.plan_runs)
    has_rows = query(reading.has_rows)
    open_run = query(reading.open_run)
    next_run = query(reading.next_run)
    first_hash = query(reading.first_hash)
    runs = query(reading.runs, LONG_S)
    decisions = query(reading.decisions, LONG_S)

    @as_unavailable
    def rows(self, rollout: str | None, after: int | None) -> Sequence[Row]:
        """The next page of stored events; see `Journal.rows`."""
        return self.read(lambda connection: reading.rows(connection, rollout, after), LONG_S)
