"""`log verify`: walks the hash chain and says where it breaks, or which head to pin; and whether edits are refused."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from adapters.sanitize import one_line
from console.cli.exits import Exit
from console.cli.paths import journal_place, open_to_read
from console.journal.chain import GENESIS, Row, WalkResult, walk_journal, walk_rollout
from console.journal.contract import Journal, JournalUnavailable


def verify_command(options: argparse.Namespace) -> int:
    """`warroom log verify [ROLLOUT] [--pinned HASH]`. Raises JournalUnavailable, ValueError."""
    pinned = None if options.pinned is None else options.pinned.strip().lower()
    if pinned is not None and re.fullmatch(r"[0-9a-f]{64}", pinned) is None:
        raise ValueError(f"--pinned takes the 64 hex digits that verify printed, not {options.pinned!r}")
    place = journal_place(options.journal)
    if not place.exists():
        raise JournalUnavailable(f"journal {place}: there is none")
    journal = open_to_read(place)
    try:
        found = _walked(journal, options.rollout, pinned)
        altered = journal.alterations()
    except TypeError:  # a table made anew without its types
        _complain("CHAIN BROKEN: the table of events holds values that no warroom writes")
        return Exit.TAMPERED
    finally:
        journal.close()
    if found.events == 0 and found.flaw is None:
        return _none(f"journal {place}", options.rollout, pinned)
    said = _say(found, f"journal {place}" if options.rollout is None else options.rollout, pinned)
    return said if not altered else _unguarded(altered)


def _walked(journal: Journal, rollout: str | None, pinned: str | None) -> WalkResult:
    if rollout is None:
        return walk_journal(lambda after: journal.rows(None, after), pinned)
    return walk_rollout(lambda after: journal.rows(rollout, after), pinned)


def _none(journal: str, rollout: str | None, pinned: str | None) -> int:
    """There is no event to walk, which is no success for whoever has pinned one. Raises ValueError."""
    missing = f"{journal}: no events" if rollout is None else f"{journal}: no events of a rollout {one_line(rollout)!r}"
    if pinned not in (None, GENESIS):
        _complain(f"CHAIN BROKEN: {missing}, so what was pinned is not in it: removed, or another journal or name")
        return Exit.TAMPERED
    if rollout is not None:
        raise ValueError(f"{missing}; `warroom log` lists them")
    print(missing)
    return Exit.OK


def _say(found: WalkResult, what: str, pinned: str | None) -> int:
    if found.flaw is not None:
        flaw = found.flaw
        _complain(f"CHAIN BROKEN at event {flaw.position}, {one_line(flaw.rollout)} seq {flaw.seq}: {flaw.what}")
        if found.last is not None:
            _complain(f"the {found.events} events before it fit, up to {_moment(found.last)}, head {found.head}")
        return Exit.TAMPERED
    rollouts = f" of {_counted(found.rollouts, 'rollout')}" if what.startswith("journal ") else ""
    print(f"{what}: {_counted(found.events, 'event')}{rollouts}, every one follows the one before it")
    if found.last is not None:
        print(f"head {found.head}  after {_moment(found.last)}")
    if pinned is None:
        print("this proves nothing by itself: keep the head elsewhere, and give it as --pinned next time")
        return Exit.OK
    if pinned != GENESIS and found.pinned is None:
        _complain("CHAIN BROKEN: the pinned head is not in it: events were removed, or all of it was written anew")
        return Exit.TAMPERED
    since = found.events - (0 if found.pinned is None else _count(found.pinned, what))
    print(f"pinned {pinned}: all up to there is as it was; {_counted(since, 'event')} since")
    return Exit.OK


def _unguarded(altered: Sequence[str]) -> int:
    """Say that the database does not refuse edits any more, whatever the chain shows."""
    _complain(
        f"NOT GUARDED: {one_line('; '.join(altered))}: events could be edited; docs/journal.md says how to put it right"
    )
    return Exit.TAMPERED


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _count(row: Row, what: str) -> int:
    return row.position if what.startswith("journal ") else row.seq


def _moment(row: Row) -> str:
    return one_line(f"event {row.position}, {row.rollout} seq {row.seq}, {row.at[:19]}Z")


def _complain(line: str) -> None:
    print(f"warroom: {line}", file=sys.stderr)
