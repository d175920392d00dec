"""A bad canary, judged with one wrong clock among three consoles: FAIL and `on_fail` come at the same tick as without.

The consoles date what they record as the engine does, by a `CorrectedClock` over their host's clock, and the backend's
answers carry its own time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.engine.corrected_clock import CorrectedClock
from console.events.kinds import Event, Noted, SourceRead
from console.plan.nouns import OnFail
from console.state.on_fail import due_intent
from console.state.values import State
from tests.rollout_rig import START, Story
from tests.states import ANA, PLAN

HOUR = 3600.0
SKEWS = {
    "an hour behind": -HOUR,
    "ten minutes ahead": 600.0,
    "an hour ahead": HOUR,
    "in 1970": 86_400.0 - START.timestamp(),
    "in 2100": (datetime(2100, 1, 1, tzinfo=UTC) - START).total_seconds(),
}
ROLES = ("poller", "promoter", "writer")


class Host:
    """A host's two clocks in a story: the wall clock may be off, the other one is right."""

    def __init__(self, story: Story) -> None:
        self.story, self.skew_s = story, 0.0

    def now(self) -> datetime:
        return self.story.at + timedelta(seconds=self.skew_s)

    def monotonic(self) -> float:
        return 1000.0 + (self.story.at - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("no host sleeps in a story")


class Team(Story):
    """A story in which three consoles record, each on a host of its own."""

    def __init__(self) -> None:
        super().__init__(replace(PLAN, on_fail=OnFail.ROLLBACK))
        self.hosts = {role: Host(self) for role in ROLES}
        self.clocks: dict[str, CorrectedClock] = {}

    def start(self) -> None:
        """Every console starts and reads the backend once."""
        self.clocks = {role: CorrectedClock(host) for role, host in self.hosts.items()}
        for clock in self.clocks.values():
            clock.learn_backend("edge", self.at, self.at)

    def tell(self, event: Event) -> State:
        role = "poller" if isinstance(event, SourceRead) else "writer" if isinstance(event, Noted) else "promoter"
        changed: dict[str, object] = {"at": self.clocks[role].now()}
        if isinstance(event, SourceRead):
            changed |= {"mono_s": self.clocks[role].monotonic(), "boot": "boot"}
        return super().tell(event.model_copy(update=changed))

    def note(self, text: str) -> None:
        self.tell(Noted(at=self.at, who=ANA, text=text))


def judged(role: str | None, skew_s: float, *, jumps: bool = False) -> tuple[float | None, int, float]:
    """(the tick that failed, the polls until `on_fail` was due, the seconds baked by then)."""
    team = Team()
    if role is not None and not jumps:
        team.hosts[role].skew_s = skew_s
    team.start()
    team.open()
    team.flow(60)
    team.note("begins")
    if role is not None and jumps:
        team.hosts[role].skew_s = skew_s
    team.promote()
    team.note("goes on")
    polls = 0
    while due_intent(team.seen) is None:
        team.flow(5, bad=600)
        polls += 1
        assert polls < 100
    track = team.state.metrics["errors"].track
    assert track is not None
    return track.latch.failed_at, polls, team.seen.baked_s


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("skew_s", SKEWS.values(), ids=SKEWS)
def test_a_wrong_clock_changes_no_tick(role: str, skew_s: float) -> None:
    expected = judged(None, 0.0)
    assert expected[0] is not None
    assert judged(role, skew_s) == pytest.approx(expected)


@pytest.mark.parametrize("role", ROLES)
def test_a_clock_that_jumps_as_the_stage_begins_changes_no_tick(role: str) -> None:
    assert judged(role, HOUR, jumps=True) == pytest.approx(judged(None, 0.0))
