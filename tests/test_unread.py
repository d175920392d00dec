"""An accepted call that nobody has read since is neither missing nor sent again."""

from __future__ import annotations

from adapters.contract import Setting
from console.events.evidence import Verb
from console.events.kinds import SourceRead
from console.state.gates import why_not
from console.state.values import StageMark, State
from tests.rollout_rig import ACCEPTED, EDGE, FLAG, REFUSED, Story
from tests.states import PLAN


def read(story: Story) -> State:
    """Every target is read once more, and reads as before."""
    return story.tell(SourceRead(at=story.at, source="edge", targets=tuple(story.state.targets)))


def sent(*outcomes: str) -> Story:
    """A promote to the second stage, whose calls ended as told."""
    story = Story(PLAN).open().promote()
    decision = story.decide(Verb.PROMOTE)
    for (target, setting), outcome in zip(((EDGE, Setting(5)), (FLAG, Setting(5, on=True))), outcomes, strict=False):
        story.settle(story.send(decision, target, setting), REFUSED if outcome == "refused" else ACCEPTED)
    return story


def test_a_stage_is_not_partial_for_want_of_a_reading() -> None:
    story = sent("accepted", "accepted")
    story.wait(60)
    assert story.seen.stages[1].mark is StageMark.REQUESTED


def test_a_stage_is_partial_once_a_late_enough_reading_does_not_show_it() -> None:
    story = sent("accepted", "accepted")
    story.wait(60)
    read(story)
    assert story.seen.stages[1].mark is StageMark.PARTIAL


def test_a_stage_is_finished_only_after_what_was_accepted_has_been_read() -> None:
    story = sent("accepted", "refused")
    story.wait(60)
    before = why_not(story.seen, Verb.PROMOTE)
    read(story)
    assert before == f"{EDGE} accepted and not read since: a read will tell what is left to send"
    assert why_not(story.seen, Verb.PROMOTE) is None
