"""Which ticks are judged when, for which stage, and that every way of getting there ends at the same track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Counts, Gauge, MetricQuery, MetricReply, Reading, Window
from console.engine.opening import resume
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken, SourceRead
from console.journal.sqlite import SqliteJournal
from console.judge.counts import CountsTrack
from console.judge.track import Track
from console.judge.verdict import VerdictState
from console.state.card import card_for
from console.state.values import MetricState, State
from tests.engine_rig import TIMING, war_room
from tests.rollout_rig import Story
from tests.states import PLAN

TICK = timedelta(seconds=10)


def staged(stages: int = 1) -> Story:
    story = Story().open()
    story.flow(60)
    for _ in range(stages):
        story.promote()
    return story


def sampled(story: Story, readings: Sequence[Reading], newest: datetime, spacing_s: float = 5.0) -> MetricState:
    """The errors metric after one poll."""
    reply = MetricReply("errors", tuple(readings), newest, newest, spacing_s=spacing_s)
    story.tell(SourceRead(at=story.at, source="prom", replies=(reply,), targets=tuple(story.state.targets)))
    return story.state.metrics["errors"]


def track_of(story: Story) -> Track | None:
    return story.state.metrics["errors"].track


def whole_tick(story: Story, number: int = 1) -> datetime:
    """The start of the n-th whole tick of the stage."""
    since = story.state.stage_since
    assert since is not None
    return since + TICK * number - timedelta(seconds=since.timestamp() % 10)


def test_a_tick_is_judged_when_the_newest_sample_is_two_scrapes_older_than_its_end() -> None:
    story = staged()
    at = whole_tick(story)
    tick = Reading(at, Counts(100, 1), Counts(9900, 99))
    story.wait(60)
    entry = sampled(story, [tick], at + TICK + timedelta(seconds=9))
    assert entry.track is None or entry.track.total == 0
    entry = sampled(story, [], at + TICK + timedelta(seconds=10))
    assert entry.track is not None and entry.track.total == 1


def test_a_tick_that_changes_after_it_was_judged_is_told_and_not_judged_again() -> None:
    story = staged()
    at = whole_tick(story)
    story.wait(60)
    entry = sampled(story, [Reading(at, Counts(100, 1), Counts(9900, 99))], at + 3 * TICK)
    judged = entry.track
    entry = sampled(story, [Reading(at, Counts(100, 90), Counts(9900, 99))], at + 3 * TICK)
    assert entry.track == judged
    assert entry.late == 1
    assert next(tick for tick in entry.ledger if tick.at == at).canary == Counts(100, 1)


def test_ticks_count_for_the_stage_in_which_they_began_however_late_they_come() -> None:
    story = staged()
    first = whole_tick(story)
    story.wait(60)
    story.promote()
    second = whole_tick(story)
    story.wait(60)
    old = Reading(first, Counts(100, 7), Counts(9900, 99))
    new = Reading(second, Counts(500, 5), Counts(9500, 95))
    entry = sampled(story, [old, new], second + 3 * TICK)
    track = entry.track
    assert track is not None and isinstance(track.model, CountsTrack)
    assert (track.stage, track.ticks, track.total, track.model.k) == (2, 1, 2, 5)


def test_before_anything_is_exposed_nothing_is_judged_and_the_ticks_are_history() -> None:
    story = Story().open()
    story.flow(600)
    assert track_of(story) is None
    story.promote()
    story.flow(120)
    track = track_of(story)
    assert track is not None and isinstance(track.model, CountsTrack)
    assert track.model.then is not None  # the hour before is known


def test_the_warm_up_of_a_stage_is_not_judged() -> None:
    warm = {name: replace(metric, warmup_s=60.0) for name, metric in PLAN.metrics.items()}
    plan = replace(PLAN, metrics=warm)
    story = Story(plan).open()
    story.promote()
    story.flow(50)
    assert track_of(story) is None
    story.flow(60)
    track = track_of(story)
    assert track is not None and 1 <= track.total <= 5


def test_at_a_hundred_percent_the_canary_is_judged_alone() -> None:
    story = staged(2)
    story.flow(60)
    for _ in range(3):
        story.promote()
    story.flow(120)
    track = track_of(story)
    assert story.state.reached == 5 and track is not None and track.alone
    assert not track.evidence.can_fail


def test_an_override_of_a_fail_on_the_card_lets_it_go() -> None:
    story = staged()
    story.flow(120, bad=1000)
    seen = story.seen.metrics["errors"].verdict
    assert seen is not None and seen.state is VerdictState.FAIL
    story.promote(override="errors FAIL")
    at_once = story.seen.metrics["errors"].verdict
    assert at_once is not None and at_once.state is VerdictState.UNSURE
    story.flow(60)
    track = track_of(story)
    assert track is not None and track.latch.failed_at is None
    assert track.latch.acknowledged >= 100


def test_an_override_and_a_poll_come_to_the_same_in_whichever_order_they_are_heard_of() -> None:
    """Another console promotes with an override while this one polls: each folds its own first."""
    tracks = []
    for polled_first in (True, False):
        story = staged()
        story.flow(120, bad=1000)
        seen = story.seen
        decision = DecisionTaken(
            at=story.at + TICK / 10,
            verb=Verb.PROMOTE,
            stage=story.state.reached,
            move=story.state.move + 1,
            override="errors FAIL",
            card=card_for(seen, Verb.PROMOTE),
        )
        if not polled_first:
            story.tell(decision)
        story.flow(10, bad=1000)
        if polled_first:
            story.tell(decision)
        story.flow(60, bad=120)
        tracks.append(track_of(story))
    assert tracks[0] is not None and tracks[0].latch.acknowledged >= 100
    assert tracks[0] == tracks[1]


def test_stale_is_three_scrapes_unless_the_plan_says_otherwise() -> None:
    entry = MetricState(next(iter(PLAN.metrics.values())))
    assert replace(entry, metric=replace(entry.metric, stale_after_s=None)).stale_after_s == 30
    slow = replace(entry, metric=replace(entry.metric, stale_after_s=None), spacing_s=60.0)
    assert slow.stale_after_s == 180
    assert replace(slow, metric=replace(slow.metric, stale_after_s=45.0)).stale_after_s == 45


# -- the same samples, the same track ----------------------------------------------------------------------------------

pair = st.tuples(st.integers(0, 30), st.integers(30, 500), st.integers(0, 60), st.integers(60, 5000))


@given(st.lists(pair, min_size=1, max_size=60), st.data())
def test_however_the_samples_are_cut_into_polls_the_track_is_the_same(
    ticks: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    story = staged()
    first = whole_tick(story)
    readings = [
        Reading(first + TICK * number, Counts(nc, kc), Counts(nb, kb)) for number, (kc, nc, kb, nb) in enumerate(ticks)
    ]
    newest = readings[-1].at + 4 * TICK
    story.wait(60 + 10 * len(ticks))
    at_once = Story(PLAN)
    at_once.state, at_once.at = story.state, story.at
    whole = sampled(at_once, readings, newest)
    begin = 0
    while begin < len(readings):
        end = data.draw(st.integers(begin + 1, len(readings)))
        part = readings[begin:end]
        sampled(story, part, part[-1].at + TICK)
        begin = end
    cut = sampled(story, [], newest)
    assert cut.track == whole.track


async def test_a_second_console_and_a_console_after_a_crash_have_the_same_tracks(tmp_path: Path) -> None:
    """Two consoles on one journal, only one of which polls; then the journal is read back by a third."""
    async with war_room(tmp_path, COUNTED) as room:

        def ticks(_query: MetricQuery, window: Window) -> tuple[Reading, ...]:
            first, last = int(window.start.timestamp() / window.tick_s), int(window.end.timestamp() / window.tick_s)
            made = []
            for index in range(max(first, last - 200), last):
                at = datetime.fromtimestamp(index * window.tick_s, UTC)
                made.append(Reading(at, Counts(100, index % 3), Counts(900, index % 5)))
            return tuple(made)

        room.world.ticks = ticks
        one, other = await room.console(), await room.console()
        await one.promoted(1)
        state = await one.until(lambda state: _judged(state) >= 20)
        followed = await other.until(lambda state: _judged(state) >= 20)
        assert state.local.poller is not None and followed.local.poller is not None
        count = min(_judged(one.engine.store.state), _judged(other.engine.store.state))
        assert count >= 20
        await one.close()
        await other.close()
        last = [console.engine.store.state for console in (one, other)]
        journal = SqliteJournal(room.journal)
        read_back = resume(journal, last[0].rollout, last[0].plan.path).rollout
        journal.close()
        ahead = max(last, key=_judged)
        assert read_back.metrics["errors"].track == ahead.metrics["errors"].track


QUICK = TIMING.replace("tick: 1s", "tick: 50ms")
COUNTED = f"""\
warroom: 1
rollout: counted
{QUICK}
backends: {{edge: {{adapter: scripted}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
metrics:
  errors: {{backend: edge, bad: e, total: t, arms: {{label: version, canary: v2, baseline: v1}}}}
stages: [{{name: five, set: {{api: 5}}}}, {{name: all, set: {{api: 100}}}}]
"""


def _judged(state: State) -> int:
    track = state.metrics["errors"].track
    return 0 if track is None else track.total


async def test_the_tick_follows_the_scrape_interval(tmp_path: Path) -> None:
    slow = COUNTED.replace(", tick: 50ms", "")
    async with war_room(tmp_path, slow) as room:
        asked: list[float] = []

        def ticks(_query: MetricQuery, window: Window) -> tuple[Reading, ...]:
            asked.append(window.tick_s)
            return (Reading(window.end - timedelta(seconds=2 * window.tick_s), Gauge(1.0), Gauge(1.0)),)

        room.world.ticks, room.world.spacing_s = ticks, 15.0
        console = await room.console()
        state = await console.until(lambda state: len(asked) >= 4)
        assert asked[:2] == [10.0, 20.0] and set(asked[1:]) == {20.0}
        assert state.metrics["errors"].tick_s == 20.0
