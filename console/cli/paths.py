"""The journal that a command uses, how each kind of command opens it, and the engine on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.journal.location import FileLocation, JournalLocation, ServerLocation, journal_location

if TYPE_CHECKING:
    from console.engine.config import EngineConfig
    from console.journal.contract import Journal, JournalUnavailable, Run
    from console.plan.nouns import Plan


def chosen_journal(given: str | None) -> JournalLocation:
    """--journal, else $WARROOM_JOURNAL, else journal.db in the user's state directory.

    Raises ValueError for an empty --journal (an unset shell variable must not select another journal) or a bad URL.
    """
    if given is not None and not given.strip():
        raise ValueError("--journal is empty: give a path, or leave it out")
    if given is not None:
        found = journal_location(given)
        if isinstance(found, ServerLocation) and found.url.secrets:
            raise ValueError(
                f"journal {found}: every user can see a password on the command line: put it into "
                "~/.pgpass, or the whole URL into $WARROOM_JOURNAL"
            )
        return found
    if chosen := os.environ.get("WARROOM_JOURNAL"):
        return journal_location(chosen)
    from platformdirs import user_state_path

    return FileLocation(user_state_path("warroom") / "journal.db")


def existing_journal(given: str | None, hint: str = "") -> JournalLocation:
    """The journal of --journal. Raises JournalUnavailable where there is none, and ValueError as `chosen_journal`."""
    from console.journal.contract import JournalUnavailable

    location = chosen_journal(given)
    if not location.exists():
        raise JournalUnavailable(f"journal {location} does not exist{hint}")
    return location


def named_runs(journal: Journal, which: str | None) -> list[Run]:
    """The rollouts that `which`, a plan or a rollout, names; None: all. Raises ValueError where there is none."""
    found = [run for run in journal.runs() if which in (None, run.rollout, run.rollout.rpartition("/")[0])]
    if which is not None and not found:
        raise ValueError(f"the journal holds no plan and no rollout {which!r}; `warroom log` lists them")
    return found


def is_observe_only(environ: Mapping[str, str]) -> bool:
    """True where WARROOM_OBSERVE lets this shell only observe."""
    return environ.get("WARROOM_OBSERVE", "") not in ("", "0")


def engine_config(
    plan: Plan, journal: Journal, location: JournalLocation, *, observing: bool = False, gate_token: str | None = None
) -> EngineConfig:
    """The parts of an engine of this process on the journal at `location`."""
    from console.engine.clock import SystemClock
    from console.engine.config import EngineConfig
    from console.version import warroom_version

    return EngineConfig(
        plan,
        journal,
        SystemClock(),
        location.state_dir,
        warroom_version(),
        observing=observing,
        gate_token=gate_token,
        spool=location.spool,
    )


def open_or_stand_in(where: JournalLocation) -> Journal:
    """The journal at `where`: open, else open to read, else a stand-in that takes no writes.

    A server has `opening_s` to answer: a host that swallows packets must not delay a rollback.
    """
    from console.journal.unavailable import open_or_unavailable

    if isinstance(where, ServerLocation):
        return open_or_unavailable(where.open, within_s=where.opening_s)
    return open_or_unavailable(where.open, where.open_to_read)


def open_to_read(where: JournalLocation) -> Journal:
    """The journal at `where` for a command that only reads, even without write access. Raises JournalUnavailable."""
    from console.journal.contract import JournalUnavailable

    try:
        return where.open()
    except JournalUnavailable:
        if not isinstance(where, FileLocation):  # a server that cannot be reached cannot be read either
            raise
        return where.open_to_read()


def unavailable_journal(error: JournalUnavailable) -> Journal:
    """An empty journal without writes, in place of one that cannot be read after opening."""
    from console.journal.unavailable import UnavailableJournal

    def connect() -> Journal:
        raise error.with_traceback(None)

    return UnavailableJournal(connect, str(error))
