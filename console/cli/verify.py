"""`warroom log verify`: walk the hash chain for the first break, and name the rows that are not believed.

It also checks that the database still refuses edits.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import closing

from adapters.sanitize import one_line
from console.cli.exits import Exit, with_exit_codes
from console.cli.paths import existing_journal, open_to_read
from console.engine.believed import unbelieved_rows
from console.journal.chain import GENESIS, Row, WalkResult, walk_journal, walk_rollout
from console.journal.contract import Journal
from console.state.unbelieved import row_text


@with_exit_codes
def verify_command(options: argparse.Namespace) -> int:
    """Run `warroom log verify [ROLLOUT] [--pinned HASH]`."""
    pinned = None if options.pinned is None else options.pinned.strip().lower()
    if pinned is not None and re.fullmatch(r"[0-9a-f]{64}", pinned) is None:
        raise ValueError(f"--pinned {options.pinned!r} is not a head: give the 64 hex digits that verify printed")
    location = existing_journal(options.journal)
    with closing(open_to_read(location)) as journal:
        try:
            found = _walk(journal, options.rollout, pinned)
            altered = journal.alterations()
            unbelieved = list(_unbelieved_texts(journal, options.rollout))
        except TypeError:  # the table was made again without column types
            _print_fault("CHAIN BROKEN: the table of events holds values that warroom never writes")
            return Exit.TAMPERED
    if found.events == 0 and found.flaw is None:
        return _report_empty(f"journal {location}", options.rollout, pinned)
    code = _report_chain(found, f"journal {location}" if options.rollout is None else options.rollout, pinned)
    for text in unbelieved:
        code = Exit.TAMPERED
        _print_fault(f"not believed: {text}")
    if not altered:
        return code
    words = one_line("; ".join(altered))  # whatever the chain shows
    _print_fault(f"NOT GUARDED: {words}: events can be edited; docs/journal.md says how to repair it")
    return Exit.TAMPERED


def _unbelieved_texts(journal: Journal, rollout: str | None) -> Iterator[str]:
    """Name each row that is not believed, whether the chain holds it or not."""
    rollouts = [rollout] if rollout is not None else _rollouts(journal)
    for name, row in unbelieved_rows(journal, rollouts):
        yield f"{one_line(name)} {row_text(row)}"


def _rollouts(journal: Journal) -> list[str]:
    """Every name of a rollout in the journal, in the order of their first events."""
    names: dict[str, None] = {}
    after: int | None = None
    while page := journal.rows(None, after):
        names.update(dict.fromkeys(row.rollout for row in page if isinstance(row.rollout, str)))  # else it has no hash
        after = page[-1].position
    return list(names)


def _walk(journal: Journal, rollout: str | None, pinned: str | None) -> WalkResult:
    if rollout is None:
        return walk_journal(lambda after: journal.rows(None, after), pinned)
    return walk_rollout(lambda after: journal.rows(rollout, after), pinned)


def _report_empty(journal: str, rollout: str | None, pinned: str | None) -> int:
    """Report a journal or rollout without events: TAMPERED if a head was pinned. Raises ValueError."""
    missing = f"{journal}: no events" if rollout is None else f"{journal}: no events of a rollout {one_line(rollout)!r}"
    if pinned not in (None, GENESIS):
        _print_fault(
            f"CHAIN BROKEN: {missing}, so the pinned head is not in it: events were removed, or this is another journal"
        )
        return Exit.TAMPERED
    if rollout is not None:
        raise ValueError(f"{missing}; `warroom log` lists the rollouts")
    print(missing)
    return Exit.OK


def _report_chain(found: WalkResult, subject: str, pinned: str | None) -> int:
    if found.flaw is not None:
        flaw = found.flaw
        _print_fault(f"CHAIN BROKEN at event {flaw.position}, {one_line(flaw.rollout)} seq {flaw.seq}: {flaw.what}")
        if found.last is not None:
            _print_fault(
                f"the {found.events} events before it are intact, up to {_event_text(found.last)}, head {found.head}"
            )
        return Exit.TAMPERED
    is_whole = subject.startswith("journal ")
    rollouts = f" of {_count_text(found.rollouts, 'rollout')}" if is_whole else ""
    print(f"{subject}: {_count_text(found.events, 'event')}{rollouts}, each follows the one before it")
    if found.last is not None:
        print(f"head {found.head}  after {_event_text(found.last)}")
    if pinned is None:
        print("a chain alone proves nothing: keep the head elsewhere, and give it as --pinned next time")
        return Exit.OK
    if pinned != GENESIS and found.pinned is None:
        _print_fault("CHAIN BROKEN: the pinned head is not in it: events were removed, or the journal was rewritten")
        return Exit.TAMPERED
    up_to = found.pinned
    since = found.events - (0 if up_to is None else up_to.position if is_whole else up_to.seq)
    print(f"pinned {pinned}: all events up to it are unchanged; {_count_text(since, 'event')} since")
    return Exit.OK


def _count_text(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _event_text(row: Row) -> str:
    return one_line(f"event {row.position}, {row.rollout} seq {row.seq}, {row.at[:19]}Z")


def _print_fault(line: str) -> None:
    print(f"warroom: {line}", file=sys.stderr)
