"""What wrong clocks of authors may not do: end a wait, keep one from ending, hide a bad canary, or act twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.contract import MetricReply, Setting
from console.engine.expiry import RequestExpiry
from console.events.evidence import Verb
from console.events.kinds import Event, Noted, RequestMade, SourceRead, StepDone, VerdictChanged
from console.plan.nouns import OnFail, Plan, Rung
from console.state import pen
from console.state.escalation import due_rungs
from console.state.on_fail import due_intent
from console.state.samples import stale_part
from console.state.targets import latest_request
from console.state.values import Mode, State, StepMark
from tests.rollout_rig import EDGE, START, Story
from tests.states import ANA, PLAN
from tests.test_clock_jumps import JumpingClock

HOUR = 3600.0
POLL_S = 5.0
ONE_TICK_S = 10.0
SKEWS = {
    "an hour behind": -HOUR,
    "ten minutes ahead": 600.0,
    "an hour ahead": HOUR,
    "in 1970": 86_400.0 - START.timestamp(),
    "in 2100": (datetime(2100, 1, 1, tzinfo=UTC) - START).total_seconds(),
}
every_skew = pytest.mark.parametrize("skew_s", SKEWS.values(), ids=SKEWS)


def _dated_ahead(reply: MetricReply, ahead: timedelta) -> MetricReply:
    """A reply as an adapter dates it for a console whose clock is `ahead`."""
    readings = tuple(replace(reading, at=reading.at + ahead) for reading in reply.readings)
    canary_at, baseline_at = (at and at + ahead for at in (reply.canary_at, reply.baseline_at))
    return replace(reply, readings=readings, canary_at=canary_at, baseline_at=baseline_at)


class TimedStory(Story):
    """A story whose polls have the time since the boot; every other event is by a console whose clock is off."""

    def __init__(self, plan: Plan = PLAN, skew_s: float = 0.0) -> None:
        super().__init__(plan)
        self.skew_s = skew_s
        self.poller_skew_s = 0.0
        self.boot = "first"

    def tell(self, event: Event) -> State:
        if isinstance(event, SourceRead):
            mono_s = 1000.0 + (self.at - START).total_seconds()
            ahead = timedelta(seconds=self.poller_skew_s)
            replies = tuple(_dated_ahead(reply, ahead) for reply in event.replies)
            polled = {"at": event.at + ahead, "replies": replies, "mono_s": mono_s, "boot": self.boot}
            return super().tell(event.model_copy(update=polled))
        off = timedelta(seconds=self.skew_s)
        dated = {"at": event.at + off} | ({"send_by": event.send_by + off} if isinstance(event, RequestMade) else {})
        return super().tell(event.model_copy(update=dated))


def baking(skew_s: float = 0.0, plan: Plan = PLAN) -> TimedStory:
    """Stage one was promoted to by a console whose clock is off, while another one polls."""
    story = TimedStory(plan)
    story.open()
    story.flow(60)
    story.skew_s = skew_s
    story.promote()
    story.flow(10)
    return story


@every_skew
def test_a_bad_canary_fails_at_most_one_tick_apart_whatever_the_promoters_clock_shows(skew_s: float) -> None:
    right, wrong = baking(), baking(skew_s)
    for story in (right, wrong):
        story.flow(120, bad=600)
    tracks = [story.state.metrics["errors"].track for story in (right, wrong)]
    assert tracks[0] is not None and tracks[0].latch.failed_at is not None
    assert tracks[1] is not None and tracks[1].latch.failed_at is not None
    assert abs(tracks[1].latch.failed_at - tracks[0].latch.failed_at) <= ONE_TICK_S


@every_skew
def test_on_fail_fires_whatever_the_promoters_clock_shows_and_once(skew_s: float) -> None:
    story = baking(skew_s, replace(PLAN, on_fail=OnFail.HALT))
    story.flow(120, bad=600)
    due = due_intent(story.seen)
    assert due is not None and due.verb is Verb.HALT
    story.decide(Verb.HALT, who=None)
    decided = (*story.state.decisions[:-1], replace(story.state.decisions[-1], automatic=True))
    assert due_intent(replace(story.seen, decisions=decided, halted=None)) is None


@every_skew
def test_a_note_neither_stops_the_bake_clock_nor_moves_it_on(skew_s: float) -> None:
    right, wrong = baking(), baking()
    wrong.skew_s = skew_s
    for story in (right, wrong):
        story.tell(Noted(at=story.at, who=ANA, text="hello"))
        story.flow(100)
    assert wrong.seen.baked_s == right.seen.baked_s > 100


@every_skew
def test_halt_and_resume_by_a_wrong_clock_cost_no_more_than_two_polls(skew_s: float) -> None:
    right, wrong = baking(), baking(skew_s)
    for story in (right, wrong):
        story.flow(50)
        story.decide(Verb.HALT)
        story.flow(50)
        story.decide(Verb.RESUME)
        story.flow(50)
    assert abs(wrong.seen.baked_s - right.seen.baked_s) <= 2 * POLL_S
    assert wrong.seen.mode is right.seen.mode


def test_the_bake_clock_counts_the_time_since_the_boot_and_not_the_pollers_wall_clock() -> None:
    story = baking()
    before = story.state.baked_s
    story.poller_skew_s = 1.0
    story.flow(50)
    assert story.state.baked_s - before == 50


@every_skew
def test_a_poller_whose_clock_jumps_costs_one_poll_and_not_the_rest(skew_s: float) -> None:
    story = baking()
    before = story.state.baked_s
    story.poller_skew_s = skew_s
    story.flow(50)
    assert 40 <= story.state.baked_s - before <= 50
    story.poller_skew_s = 0.0
    story.flow(50)
    assert 80 <= story.state.baked_s - before <= 100


def test_time_between_polls_of_two_machines_counts_for_nothing() -> None:
    story = baking()
    before = story.state.baked_s
    story.boot = "second"
    story.flow(5)
    assert story.state.baked_s == before
    story.flow(5)
    assert story.state.baked_s == before + 5


@every_skew
def test_a_canary_is_judged_after_a_poller_whose_clock_was_wrong_has_left(skew_s: float) -> None:
    story = TimedStory()
    story.open()
    story.poller_skew_s = skew_s
    story.at += timedelta(seconds=skew_s)
    story.flow(60)
    story.at -= timedelta(seconds=skew_s)
    story.poller_skew_s = 0.0
    story.promote()
    story.flow(150, bad=600)
    track = story.state.metrics["errors"].track
    assert track is not None and track.latch.failed_at is not None


@every_skew
def test_an_override_takes_its_fail_back_and_no_later_one(skew_s: float) -> None:
    story = baking()
    story.flow(120, bad=600)
    story.skew_s = skew_s
    story.promote(override="errors FAIL")
    story.flow(20)
    track = story.state.metrics["errors"].track
    assert track is not None and track.latch.failed_at is None
    story.flow(200, bad=5000)
    track = story.state.metrics["errors"].track
    assert track is not None and track.latch.failed_at is not None


@every_skew
def test_the_pen_is_kept_for_as_long_as_its_holder_is_missed_and_no_longer(skew_s: float) -> None:
    story = baking(skew_s)
    story.decide(Verb.TAKE, pen=story.state.pen.number)
    story.flow(5)
    state = replace(story.seen, local=replace(story.seen.local, crew=()))
    assert state.pen.holder is not None and not pen.is_gone(state)
    story.flow(story.state.plan.timing.gone_s + 10)
    assert pen.is_gone(replace(story.seen, local=state.local))


@every_skew
def test_a_note_puts_the_escalation_off_by_its_time_and_not_by_its_clock(skew_s: float) -> None:
    story = baking(plan=replace(PLAN, escalation=(Rung(60.0, "on call"),)))
    story.flow(120, bad=600)
    story.tell(VerdictChanged(at=story.at, metric="errors", was="unsure", became="fail", reason="worse"))
    story.skew_s = skew_s
    story.tell(Noted(at=story.at, who=ANA, text="looking"))
    story.flow(30, bad=600)
    assert due_rungs(story.seen) == []
    story.flow(40, bad=600)
    assert [rung.call for _, rung, _ in due_rungs(story.seen)] == ["on call"]


@every_skew
def test_a_request_from_before_a_drift_was_accepted_explains_nothing(skew_s: float) -> None:
    story = baking()
    story.observe(EDGE, 40)
    story.skew_s = skew_s
    story.decide(Verb.ACCEPT, subject=EDGE)
    assert latest_request(story.state, EDGE) is None
    request = story.send(story.decide(Verb.PROMOTE), EDGE, Setting(50))
    latest = latest_request(story.state, EDGE)
    assert latest is not None and latest.id == request


@every_skew
def test_a_step_that_moved_again_is_not_done_however_late_its_end_is_dated(skew_s: float) -> None:
    story = baking()
    story.roll_back()
    step = next(entry for entry in story.state.checklist if EDGE in entry.step.sets)
    story.observe(EDGE, 5)
    story.skew_s = skew_s
    story.tell(StepDone(at=story.at, step=step.step.id, how="reads back"))
    assert StepMark.RELAPSED in story.marks()


@every_skew
def test_a_request_may_still_arrive_for_its_time_and_not_by_its_clock(skew_s: float) -> None:
    story, clock = baking(skew_s), JumpingClock()
    request = story.send(story.decide(Verb.PROMOTE), EDGE, Setting(50))
    made = story.state.requests[request]
    clock.wall = story.at
    expiry = RequestExpiry(clock)
    expiry.observe(made, story.state)
    assert not expiry.has_expired(made)
    clock.passes(made.may_land_s + 1.0)
    expiry.observe(made, story.state)
    assert expiry.has_expired(made)


def test_a_poll_dated_in_the_future_is_stale_until_the_next_one() -> None:
    story = baking()
    story.poller_skew_s = HOUR
    story.flow(5)
    assert (stale_part(story.state, story.at) or "").startswith("STALE: edge was last read by a clock that is 36")
    story.poller_skew_s = 0.0
    story.flow(5)
    assert stale_part(story.state, story.at) is None


def test_a_recording_without_the_time_since_the_boot_keeps_its_authors_times() -> None:
    story = Story()
    story.open()
    story.flow(60)
    story.at += timedelta(hours=1)
    story.promote()
    began = story.state.boundaries[-1].at
    story.at -= timedelta(hours=1)
    story.flow(20)
    assert story.state.boundaries[-1].at == began > story.at
    assert story.state.mode is Mode.BAKING
