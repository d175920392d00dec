"""A console judges what is recorded in the background and keeps the checkpoint; the way back waits for neither."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.contract import Counts, MetricQuery, Reading, Window
from adapters.failpoints import observing
from console.engine import checkpoint_keeper, replay
from console.engine.opening import resume
from console.engine.replay import Depth, RolloutRecord, replay_rollout
from console.events.evidence import Verb
from console.events.kinds import SourceRead, VerdictChanged
from console.journal.contract import Journal
from console.journal.sqlite import SqliteJournal
from console.judge.verdict import VerdictState
from console.state.checkpoint import difference, unjudged_samples
from console.state.gates import gates_for
from console.state.values import RolloutState, State
from tests.engine_rig import TIMING, Room, war_room

PLAN = f"""\
warroom: 1
rollout: counted
{TIMING.replace("tick: 1s", "tick: 50ms")}
backends: {{edge: {{adapter: scripted}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
metrics:
  errors: {{backend: edge, bad: e, total: t, arms: {{label: version, canary: v2, baseline: v1}}}}
stages: [{{name: five, set: {{api: 5}}}}, {{name: all, set: {{api: 100}}}}]
"""
RUN = "counted/1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keeper that looks often and stores soon."""
    monkeypatch.setattr(checkpoint_keeper, "LOOK_S", 0.02)
    monkeypatch.setattr(checkpoint_keeper, "WAIT_S", 0.05)
    monkeypatch.setattr(checkpoint_keeper, "CHECKPOINT_S", 0.1)
    monkeypatch.setattr(checkpoint_keeper, "LEAST_SAMPLES", 3)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """An opening that takes in few samples at once."""
    monkeypatch.setattr(replay, "NEWEST_SAMPLES", 10)


def ticks(_query: MetricQuery, window: Window) -> tuple[Reading, ...]:
    """Ticks of a healthy canary."""
    first, last = int(window.start.timestamp() / window.tick_s), int(window.end.timestamp() / window.tick_s)
    made = []
    for index in range(max(first, last - 100), last):
        at = datetime.fromtimestamp(index * window.tick_s, UTC)
        made.append(Reading(at, Counts(100, index % 3), Counts(900, index % 5)))
    return tuple(made)


def judged_ticks(state: RolloutState) -> int:
    track = state.metrics["errors"].track
    return 0 if track is None else track.total


async def recorded(room: Room, samples: int = 40) -> None:
    """A rollout at its first stage with so many judged ticks, left by its console."""
    room.world.ticks = ticks
    console = await room.console()
    await console.promoted(1)
    await console.until(lambda state: judged_ticks(state) >= samples)
    await console.close()


def forget_checkpoint(room: Room) -> None:
    with closing(sqlite3.connect(room.journal)) as connection:
        connection.execute("DELETE FROM checkpoints")
        connection.commit()


def stored(room: Room) -> list[tuple[int, int]]:
    """(seq, sample) of the checkpoint, if there is one."""
    with closing(sqlite3.connect(room.journal)) as connection:
        return connection.execute("SELECT seq, sample FROM checkpoints").fetchall()


def replays(room: Room) -> tuple[RolloutState, RolloutState]:
    """(full replay from the checkpoint, full replay without one)."""
    with closing(SqliteJournal(room.journal)) as journal:
        with_it = replay_rollout(journal, RUN, "plan.yaml").state
    forget_checkpoint(room)
    with closing(SqliteJournal(room.journal)) as journal:
        return with_it, replay_rollout(journal, RUN, "plan.yaml").state


async def test_the_console_that_polls_stores_a_checkpoint_now_and_then(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        room.world.ticks = ticks
        console = await room.console()
        await console.promoted(1)
        await console.until(lambda _state: stored(room))
        first = stored(room)
        await console.until(lambda _state: stored(room) != first)
        await console.close()
        with_it, without = replays(room)
        assert judged_ticks(with_it) > 0
        assert difference(with_it, without) is None


async def test_a_console_stores_a_checkpoint_when_it_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_keeper, "CHECKPOINT_S", 3600.0)
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        with closing(SqliteJournal(room.journal)) as journal:
            last = max(entry.sample or 0 for entry in journal.tail_samples(RUN, 0))
        assert [sample for _, sample in stored(room)] == [last]


@pytest.mark.usefixtures("few")
async def test_samples_that_no_checkpoint_covers_are_judged_in_the_background(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        forget_checkpoint(room)
        room.monkeypatch.setattr(checkpoint_keeper, "REST", 3.0)
        console = await room.console(answered=False)
        opened = console.engine.store.state
        assert unjudged_samples(opened) > 0
        assert opened.metrics["errors"].track is None
        await console.until(lambda state: unjudged_samples(state) == 0)
        judged = console.engine.store.state
        await console.close()
        with_it, without = replays(room)
        assert judged_ticks(judged) >= 40
        assert difference(with_it, without) is None


@pytest.mark.usefixtures("few")
async def test_a_console_that_does_not_poll_takes_over_what_the_other_has_judged(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        forget_checkpoint(room)
        polling = await room.console()
        other = await room.console(answered=False)
        assert other.state.local.poller is None or not other.state.local.poller.here
        await polling.until(lambda state: unjudged_samples(state) == 0)
        await other.until(lambda state: unjudged_samples(state) == 0)
        assert judged_ticks(other.state) >= 40


@pytest.mark.usefixtures("few")
async def test_until_then_no_metric_passes_and_forward_is_closed_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        forget_checkpoint(room)
        monkeypatch.setattr(checkpoint_keeper, "LOOK_S", 3600.0)
        console = await room.console()
        state = await console.until(_is_read)
        verdict = state.metrics["errors"].verdict
        assert verdict is not None and verdict.state is VerdictState.UNSURE
        assert "recorded samples are not judged yet" in verdict.reason
        closed = [gate.why for gate in gates_for(state, Verb.PROMOTE) if not gate.ok]
        assert any("recorded samples are not judged yet" in why for why in closed)


@pytest.mark.usefixtures("few")
async def test_a_metric_that_is_not_judged_yet_leaves_no_verdict_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        before = [event for event in room.events() if isinstance(event, VerdictChanged)]
        forget_checkpoint(room)
        monkeypatch.setattr(checkpoint_keeper, "LOOK_S", 3600.0)
        console = await room.console()
        await console.until(_is_read)
        await console.note("a cycle has passed")
        await console.close()
        assert [event for event in room.events() if isinstance(event, VerdictChanged)] == before


def _is_read(state: State) -> bool:
    """Whether the metric would be judged now, but for what is recorded."""
    verdict = state.metrics["errors"].verdict
    return verdict is not None and verdict.detail == "NOT JUDGED"


@pytest.mark.usefixtures("few")
async def test_a_rollback_does_not_wait_for_what_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        forget_checkpoint(room)
        monkeypatch.setattr(checkpoint_keeper, "LOOK_S", 3600.0)
        console = await room.console()
        answer = await console.act(Verb.ROLLBACK)
        assert answer.result == "accepted", answer.line
        assert unjudged_samples(console.state) > 0
        await console.until(lambda state: state.rolled_back_at)


async def test_no_checkpoint_is_stored_while_a_rollback_runs(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        room.world.ticks = ticks
        console = await room.console()
        await console.promoted(1)
        await console.act(Verb.ROLLBACK)
        during: list[str] = []
        running = console.engine.store

        def note(point: str) -> None:
            if point == "checkpoint begins" and running.state.local.running:
                during.append(point)

        with observing(note):
            await console.until(lambda state: state.rolled_back_at)
            await console.until(lambda _state: stored(room))
        assert during == []


@pytest.mark.usefixtures("few")
async def test_where_no_checkpoint_can_be_made_everything_is_judged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def begin(journal: Journal, rollout: str, path: str) -> RolloutRecord:
        begun.append(rollout)
        return RolloutRecord(journal, rollout, path)

    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        forget_checkpoint(room)
        monkeypatch.setattr(checkpoint_keeper, "checkpoint_at", lambda _point, _chain: None)
        monkeypatch.setattr(checkpoint_keeper, "RolloutRecord", begin)
        monkeypatch.setattr(checkpoint_keeper, "NEWEST_SAMPLES", 0)
        console = await room.console()
        judged = await console.until(lambda state: unjudged_samples(state) == 0)
        before, ticked = len(begun), judged_ticks(judged)
        await console.until(lambda state: judged_ticks(state) >= ticked + 20)
        await console.close()
        assert (stored(room), len(begun)) == ([], before)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", ["checkpoint begins", "checkpoint written"])
async def test_a_kill_while_a_checkpoint_is_written_loses_nothing(tmp_path: Path, point: str) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        before = stored(room)
        with closing(SqliteJournal(room.journal)) as journal:
            fence = journal.lease(RUN, "a", 60.0).fence
            made = journal.checkpoint(RUN)
            assert made is not None

            def kill(reached: str) -> None:
                if reached == point:
                    raise Killed

            with observing(kill), suppress(Killed):
                journal.save_checkpoint(RUN, made, fence=fence)
        assert stored(room) == before
        with_it, without = replays(room)
        assert difference(with_it, without) is None


def damaged(room: Room, statement: str, *values: object) -> RolloutState:
    """The newest depth of the rollout after its checkpoint was changed by hand."""
    with closing(sqlite3.connect(room.journal)) as connection:
        connection.execute(statement, values)
        connection.commit()
    with closing(SqliteJournal(room.journal)) as journal:
        return resume(journal, RUN, "plan.yaml", Depth.SHOWN).rollout


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("UPDATE checkpoints SET body = ?", (b"nonsense",)),
        ("UPDATE checkpoints SET body = substr(body, 2)", ()),
        ("UPDATE checkpoints SET digest = ?", ("0" * 64,)),
        ("UPDATE checkpoints SET sample = sample - 1", ()),
        ("UPDATE checkpoints SET seq = seq - 1", ()),
        ("UPDATE checkpoints SET seq = 1000", ()),
    ],
)
@pytest.mark.usefixtures("few")
async def test_a_checkpoint_that_was_changed_counts_as_none(
    tmp_path: Path, statement: str, values: tuple[object, ...]
) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        with closing(SqliteJournal(room.journal)) as journal:
            assert unjudged_samples(resume(journal, RUN, "plan.yaml", Depth.SHOWN).rollout) == 0
        assert unjudged_samples(damaged(room, statement, *values)) > 0


@pytest.mark.usefixtures("few")
async def test_a_checkpoint_of_another_judge_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        monkeypatch.setattr(replay, "RULES", "another judge")
        with closing(SqliteJournal(room.journal)) as journal:
            assert unjudged_samples(resume(journal, RUN, "plan.yaml", Depth.SHOWN).rollout) > 0


async def test_a_sample_that_names_an_event_that_is_not_there_stops_nothing(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        forget_checkpoint(room)
        with closing(SqliteJournal(room.journal)) as journal:
            journal.append_samples(RUN, [SourceRead(at=datetime.now(UTC), source="edge", targets=("api",))])
        with closing(sqlite3.connect(room.journal)) as connection:
            connection.execute(
                "INSERT INTO samples (rollout, after_seq, at, source, v, body) "
                "SELECT rollout, 1000000, at, source, v, body FROM samples ORDER BY id DESC LIMIT 1"
            )
            connection.commit()
        console = await room.console()
        await console.until(lambda _state: stored(room))
        answer = await console.act(Verb.ROLLBACK)
        assert answer.result == "accepted", answer.line


async def test_a_file_of_an_older_warroom_is_read_without_a_checkpoint(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        await recorded(room)
        with closing(sqlite3.connect(room.journal)) as connection:
            connection.execute("DROP TABLE checkpoints")
        with closing(SqliteJournal(room.journal, read_only=True)) as journal:
            assert judged_ticks(resume(journal, RUN, "plan.yaml").rollout) >= 40
