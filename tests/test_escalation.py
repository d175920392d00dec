"""The escalation ladder: what waits for somebody, which rungs that reaches, each once, and what counts as acting."""

from __future__ import annotations

from dataclasses import replace

from console.events.evidence import Verb
from console.events.kinds import Escalated, Noted, VerdictChanged
from console.plan.nouns import Plan, Rung
from console.state.escalation import current_call, current_trouble, due_rungs
from tests.rollout_rig import EDGE, Story
from tests.states import ANA, PLAN

LADDER: Plan = replace(PLAN, escalation=(Rung(60.0, "payments on call"), Rung(300.0, "carl")))


def failing() -> Story:
    """Stage one is confirmed and its errors fail, as the console has just said."""
    story = Story(LADDER).open()
    story.flow(20)
    story.promote()
    story.flow(320, bad=5000)
    verdict = story.seen.metrics["errors"].verdict
    assert verdict is not None and verdict.state == "fail"
    story.tell(VerdictChanged(at=story.at, metric="errors", was="unsure", became="fail", reason="worse"))
    return story


def called(story: Story) -> list[str]:
    return [rung.call for _, rung, _ in due_rungs(story.seen)]


def climb(story: Story) -> None:
    """Record every rung that is due, as the console that polls does."""
    for number, rung, wrong in due_rungs(story.seen):
        story.tell(Escalated(at=story.at, rung=number, call=rung.call, trouble=wrong.what, since=wrong.since))


def test_a_healthy_rollout_waits_for_nobody() -> None:
    story = Story(LADDER).open()
    story.flow(20)
    story.promote()
    story.flow(320)
    assert current_trouble(story.seen) is None


def test_a_fail_that_nobody_acts_on_climbs_rung_by_rung() -> None:
    story = failing()
    assert called(story) == []
    story.flow(65, bad=5000)
    assert called(story) == ["payments on call"]
    climb(story)
    assert called(story) == []
    story.flow(240, bad=5000)
    assert called(story) == ["carl"]


def test_a_rung_is_recorded_once_whoever_else_records_it() -> None:
    story = failing()
    story.flow(65, bad=5000)
    (number, rung, wrong), *_ = due_rungs(story.seen)
    for _ in range(2):
        story.tell(Escalated(at=story.at, rung=number, call=rung.call, trouble=wrong.what, since=wrong.since))
    assert len(story.state.called) == 1
    assert [line.text for line in story.state.log if line.kind == "called"] == [
        "ESCALATED to payments on call: nobody acted on errors FAIL"
    ]


def test_the_highest_rung_stands_until_somebody_acts() -> None:
    story = failing()
    story.flow(310, bad=5000)
    climb(story)
    told = current_call(story.seen)
    assert told is not None and (told.rung, told.call) == (2, "carl")
    story.tell(Noted(at=story.at, who=ANA, text="looking"))
    assert current_call(story.seen) is None


def test_a_note_or_a_decision_is_acting_and_starts_the_clock_again() -> None:
    story = failing()
    story.flow(50, bad=5000)
    story.tell(Noted(at=story.at, who=ANA, text="looking"))
    story.flow(50, bad=5000)
    assert called(story) == []
    story.flow(20, bad=5000)
    assert called(story) == ["payments on call"]


def test_what_a_console_notes_by_itself_is_nobody_acting() -> None:
    story = failing()
    story.flow(50, bad=5000)
    story.tell(Noted(at=story.at, who=None, text="by itself"))
    story.flow(15, bad=5000)
    assert called(story) == ["payments on call"]


def test_a_halt_that_is_left_standing_over_exposed_traffic_is_a_trouble() -> None:
    story = failing()
    story.decide(Verb.HALT)
    told = current_trouble(story.seen)
    assert told is not None and (told.what, told.since) == ("the halt", story.at)


def test_drift_is_a_trouble() -> None:
    story = Story(LADDER).open()
    story.flow(20)
    story.observe(EDGE, 20)
    told = current_trouble(story.seen)
    assert told is not None and told.what == "edge drifted"


def test_a_rollback_step_that_waits_for_a_person_is_a_trouble() -> None:
    story = Story(LADDER).open()
    story.flow(20)
    story.promote()
    story.roll_back()
    told = current_trouble(story.seen)
    assert told is not None and told.what == "rollback step tell-data waiting"


def test_without_a_ladder_nobody_is_called() -> None:
    story = failing()
    story.state = replace(story.state, plan=PLAN)
    story.flow(900, bad=5000)
    assert called(story) == []
