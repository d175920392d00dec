"""Print the changes of a rollout for `warroom watch`, one line each, in a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from console.cli.output import print_out
from console.state.clocks import clock_lines
from console.state.requests import DecisionState
from console.state.rollout_marks import mark_lines
from console.state.unbelieved import rows_line
from console.state.values import NoteState, State

LINES = 1000
"""Lines that may wait for a slow terminal; more are lost."""
LAST_WORDS_S = 1.0
"""How long the end of a watch waits for its last lines to be printed."""


class Printer:
    """Prints in a thread of its own: a terminal that stops reading must not stop the polling."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(LINES)
        self._thread = threading.Thread(target=self._run, name="printer", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Print a line, or drop it if LINES wait already."""
        with suppress(queue.Full):
            self._lines.put_nowait(line)

    def end(self) -> None:
        """Print the waiting lines, for LAST_WORDS_S at most."""
        with suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(LAST_WORDS_S)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            print_out(line)


def new_lines(before: State | None, after: State) -> list[tuple[datetime, str]]:
    """(time, line) of every change from `before` to `after`, oldest first; for no `before`, where it stands."""
    now = after.as_of or datetime.now(UTC)
    if before is None:
        polled = "" if after.local.poller is None or after.local.poller.here else f", polled by {_poller_name(after)}"
        clocks = [(now, f"CLOCK: {line}") for line in clock_lines(after)]
        first = (now, f"{after.rollout}  {mode_and_stage(after)}{polled}")
        return [first, *_unbelieved_entries(0, after, now), *clocks, *_new_mark_entries((), after, now)]
    known = {entry.id: entry.outcome for entry in before.decisions}
    found = [(entry.at, _decision_line(entry)) for entry in after.decisions if entry.id not in known]
    found += [
        (now, f"{entry.verb} {entry.outcome}")
        for entry in after.decisions
        if entry.id in known and known[entry.id] != entry.outcome
    ]
    found += [(line.at, _log_line(line)) for line in _new_log_lines(before, after)]
    found += _unbelieved_entries(before.unbelieved_count, after, now)
    if mode_and_stage(before) != mode_and_stage(after):
        found.append((now, mode_and_stage(after)))
    if before.local.journal.broken != after.local.journal.broken:
        health = after.local.journal.broken
        found.append((now, "the journal takes writes again" if health is None else f"UNJOURNALED: {health}"))
    if before.local.poller != after.local.poller and after.local.poller is not None:
        found.append((now, "polls" if after.local.poller.here else f"polled by {_poller_name(after)}"))
    found += [(now, f"CLOCK: {line}") for line in _new_clock_lines(before, after)]
    found += _new_mark_entries(mark_lines(before), after, now)
    if before.local.fault != after.local.fault and after.local.fault is not None:
        found.append((now, f"FAULT of this console: {after.local.fault}"))
    return sorted(found, key=lambda entry: entry[0])


def _new_mark_entries(before: Sequence[str], after: State, now: datetime) -> list[tuple[datetime, str]]:
    """The marks of other journals' rollouts that are new."""
    return [(now, f"CAUTION: {line}") for line in mark_lines(after) if line not in before]


def _unbelieved_entries(before: int, after: State, now: datetime) -> list[tuple[datetime, str]]:
    """The line on rows of the journal that are not believed, if there are more than `before`."""
    newest = rows_line(after.unbelieved[before:], after.unbelieved_count - before)
    return [] if newest is None or after.unbelieved_count <= before else [(now, newest)]


def _new_log_lines(before: State, after: State) -> list[NoteState]:
    """Log lines of `after` that `before` lacks; a log grows at its end, and is cut at its beginning."""
    last = before.log[-1] if before.log else None
    found: list[NoteState] = []
    for line in reversed(after.log):
        if line is last:
            break
        found.append(line)
    return found[::-1]


def _new_clock_lines(before: State, after: State) -> list[str]:
    """The clocks that are off now and were not before; that all are right again is a line of its own."""
    was, are = clock_lines(before), clock_lines(after)
    if was and not are:
        return ["every clock is right again"]
    return [line for line in are if line.split(" is ")[0] not in {known.split(" is ")[0] for known in was}]


def mode_and_stage(state: State) -> str:
    """Mode, stages reached and the stage's name: "baking, stage 1/4 smoke"."""
    reached = "?" if state.reached is None else state.reached
    name = f" {state.current.stage.name}" if state.current is not None else ""
    return f"{state.mode.value}, stage {reached}/{len(state.stages)}{name}"


def _poller_name(state: State) -> str:
    who = state.local.poller.who if state.local.poller is not None else None
    return f"{who.name_at_host} pid {who.pid}" if who is not None else "another console"


def _decision_line(entry: DecisionState) -> str:
    by = f" by {entry.who.name}" if entry.who is not None else ""
    to = f" to {entry.card.stage_to}" if entry.card.stage_to != entry.card.stage_from else ""
    subject = f" {entry.subject}" if entry.subject else ""
    why = f": {entry.reason}" if entry.reason else ""
    void = f" (counts for nothing: {entry.void})" if entry.void else ""
    return f"{entry.verb}{subject}{to}{by}{why}{void}"


def _log_line(line: NoteState) -> str:
    by = f"{line.who.name}: " if line.who is not None else ""
    return f"{line.kind}: {by}{line.text}"


def utc_text(at: datetime) -> str:
    """A time as every line begins with it: "2026-03-02 12:00:00Z"."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
