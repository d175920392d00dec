"""A host's clock that jumps: nothing is settled early or never, no step is done early or never."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adapters.contract import Outcome, Setting
from console.engine.expiry import RequestExpiry
from console.engine.stability import StabilityTimers
from console.events.evidence import Verb
from console.state.requests import RequestState
from console.state.values import State
from tests.rollout_rig import EDGE, OFF, START, Story


class JumpingClock:
    """A fake clock whose wall time and monotonic time are moved by hand."""

    def __init__(self) -> None:
        self.wall = START
        self.steady = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds

    def jumps(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)


HOUR = 3600.0


def asked(clock: JumpingClock) -> tuple[State, RequestState]:
    """A request of another console, made now; nothing of it can arrive 11 s later."""
    story = Story().open().promote()
    story.at = clock.now()
    request = story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5))
    clock.wall = story.at
    return story.state, story.state.requests[request]


def test_a_request_is_over_after_its_last_word() -> None:
    clock = JumpingClock()
    expiry = RequestExpiry(clock)
    state, request = asked(clock)
    expiry.observe(request, state)
    clock.passes(10.5)
    expiry.observe(request, state)
    early = expiry.has_expired(request)
    clock.passes(1)
    expiry.observe(request, state)
    assert (early, expiry.has_expired(request)) == (False, True)


def test_a_request_of_long_ago_is_over_at_once() -> None:
    clock = JumpingClock()
    state, request = asked(clock)
    clock.passes(HOUR)
    expiry = RequestExpiry(clock)
    expiry.observe(request, state)
    assert expiry.has_expired(request)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_after_a_jump_only_the_time_that_really_passed_counts(jump: float) -> None:
    clock = JumpingClock()
    expiry = RequestExpiry(clock)
    state, request = asked(clock)
    expiry.observe(request, state)
    clock.jumps(jump)
    clock.passes(10.5)
    expiry.observe(request, state)
    early = expiry.has_expired(request)
    clock.passes(1)
    expiry.observe(request, state)
    assert (early, expiry.has_expired(request)) == (False, True)


def test_a_read_after_the_clock_was_put_back_is_still_a_read_since() -> None:
    clock = JumpingClock()
    expiry = RequestExpiry(clock)
    state, request = asked(clock)
    expiry.observe(request, state)
    clock.jumps(-HOUR)
    entry = replace(state.targets[EDGE], read_at=clock.now())
    again = replace(state, targets={**state.targets, EDGE: entry})
    assert not expiry.read_since_seen(request, state)
    assert expiry.read_since_seen(request, again)


def undone(clock: JumpingClock) -> tuple[Story, StabilityTimers]:
    """A rollback whose first step reads as rolled back from now on."""
    story = Story().open().promote().promote()
    decision = story.decide(Verb.ROLLBACK)
    holds = StabilityTimers(clock)
    holds.begin(story.state)
    request = story.send(decision, "new-checkout", OFF, "flag-off")
    story.settle(request, Outcome.ACCEPTED)
    story.observe("new-checkout", 0)
    clock.wall = story.at
    return story, holds


def read(story: Story, clock: JumpingClock) -> State:
    """The state after the flag was read once more, just now."""
    entry = replace(story.state.targets["new-checkout"], read_at=clock.now())
    story.state = replace(story.state, targets={**story.state.targets, "new-checkout": entry})
    return story.state


@pytest.mark.parametrize("jump", [0.0, HOUR, -HOUR])
def test_a_step_holds_for_as_long_as_it_really_held(jump: float) -> None:
    clock = JumpingClock()
    story, holds = undone(clock)
    first = holds.is_stable(story.state.checklist[0], read(story, clock))
    clock.jumps(jump)
    clock.passes(9)
    early = holds.is_stable(story.state.checklist[0], read(story, clock))
    clock.passes(2)
    unread = holds.is_stable(story.state.checklist[0], story.state)
    done = holds.is_stable(story.state.checklist[0], read(story, clock))
    assert (first, early, unread, done) == (False, False, False, True)


def test_a_step_that_nobody_can_read_is_a_persons_turn_in_the_end() -> None:
    clock = JumpingClock()
    story, holds = undone(clock)
    entry = story.state.checklist[0]
    holds.begin(story.state)  # what was read until now does not count
    waits = holds.is_given_up(entry, story.state)
    clock.passes(31)
    assert (waits, holds.is_given_up(entry, story.state)) == (False, True)
