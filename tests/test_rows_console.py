"""An open console whose journal gets forged rows: it goes on polling, judging and showing, and a rollback is sent."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.contract import Counts, MetricQuery, Reading, Window
from console.cli.exits import Exit
from console.engine.answer import Result
from console.events.evidence import Verb
from console.state.values import State
from tests.engine_rig import Console, Room, war_room
from tests.rows.catalog import FORGERS
from tests.rows.commands import NOT_BELIEVED, forge_in_file
from tests.rows.forgery import Belief, Forgery
from tests.rows.looking import shown_text
from tests.rows.prepared import PLAN, RUN, example_facts, facts_of

ARMS = "role: critical, arms: {label: version, canary: v42, baseline: v41}"
SCRIPTED = PLAN.replace("embedded, latency: 0", "scripted").replace("10s", "1s").replace("role: critical", ARMS)
EARLIER = 60
"""Ticks that a metric has at the first poll."""
GROUPS = [forger.__name__ for forger in FORGERS]
ELSEWHERE = "place: "
"""Beginning of the names of rows after which the journal has no number left; another file's tests have them."""
SKIPPING = "decision: skip api-back"
"""A step that a colleague skipped, which after the rollback of the same group counts."""


def flowing(_query: MetricQuery, window: Window) -> tuple[Reading, ...]:
    """Requests of both arms, the same share of them bad."""
    last = int(window.end.timestamp() / window.tick_s)
    first = max(int(window.start.timestamp() / window.tick_s), last - EARLIER)
    times = [datetime.fromtimestamp(index * window.tick_s, UTC) for index in range(first, last)]
    return tuple(Reading(at, Counts(100, 1), Counts(900, 9)) for at in times)


@asynccontextmanager
async def console_at_ten(folder: Path) -> AsyncIterator[tuple[Room, Console]]:
    """A room and its one console, with everything promoted to 10 %."""
    async with war_room(folder, SCRIPTED) as room:
        room.world.ticks = flowing
        console = await room.console()
        await console.promoted(1)
        yield room, console


def forged_in(room: Room, group: str, fits: Callable[[Forgery], bool]) -> list[Forgery]:
    """Insert the forgeries of a group into the room's journal; returns those that its unique keys let in."""
    forger = next(each for each in FORGERS if each.__name__ == group)
    inserted = []
    for forgery in forger(facts_of(room.journal)):
        if fits(forgery) and not forgery.name.startswith(ELSEWHERE):
            with contextlib.suppress(sqlite3.IntegrityError):  # another one has the same move
                forge_in_file(room.journal, forgery)
                inserted.append(forgery)
    return inserted


def names_of(group: str, fits: Callable[[Forgery], bool]) -> list[str]:
    """The names of the forgeries of a group that fit."""
    forger = next(each for each in FORGERS if each.__name__ == group)
    return [each.name for each in forger(example_facts()) if fits(each) and not each.name.startswith(ELSEWHERE)]


async def goes_on(console: Console) -> State:
    """Wait until the console has read its target and its metric once more; returns its state then."""

    def read_at(state: State) -> datetime | None:
        times = [state.targets["api"].read_at, state.metrics["errors"].read_at]
        return None if None in times else min(time for time in times if time is not None)

    before = console.clock.now()
    return await console.until(lambda state: (at := read_at(state)) is not None and at > before)


async def rolled_back(room: Room, console: Console) -> None:
    """Press rollback, and wait until everything is done; fails if the world was not set back."""
    answer = await console.act(Verb.ROLLBACK)
    assert answer.result is Result.ACCEPTED, answer.line
    await console.until(lambda state: all(entry.is_over for entry in state.checklist))
    assert (room.world.percent["api"], room.world.on["page"]) == (0, False)


def is_refused(forgery: Forgery) -> bool:
    """Whether no correct console can have written it, into the open rollout."""
    return forgery.belief is Belief.REFUSED and all(row.rollout == RUN for row in forgery.rows)


def is_plausible(forgery: Forgery) -> bool:
    """Whether a correct console may have written it, and the way back is the same after it."""
    return forgery.belief is not Belief.REFUSED and forgery.codes == (Exit.OK,) and forgery.name != SKIPPING


@pytest.mark.parametrize("group", [group for group in GROUPS if names_of(group, is_refused)])
async def test_a_console_shows_rows_that_are_not_believed_and_goes_on(tmp_path: Path, group: str) -> None:
    async with console_at_ten(tmp_path) as (room, console):
        count = sum(len(forgery.rows) for forgery in forged_in(room, group, is_refused))
        await console.until(lambda state: state.unbelieved_count >= count)
        state = await goes_on(console)
        assert (state.unbelieved_count, state.local.fault) == (count, None)
        assert NOT_BELIEVED in shown_text(state)
        await rolled_back(room, console)


@pytest.mark.parametrize("group", [group for group in GROUPS if names_of(group, is_plausible)])
async def test_a_rollback_is_sent_after_rows_that_look_plausible(tmp_path: Path, group: str) -> None:
    async with console_at_ten(tmp_path) as (room, console):
        forged_in(room, group, is_plausible)
        await console.note("after them")
        await console.until(lambda state: any(line.text == "after them" for line in state.log))
        shown_text(await goes_on(console))
        await rolled_back(room, console)
