"""The pen, folded: whose it is after each sequence of decisions, which count for nothing, and what the gates say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from console.events.evidence import Actor, Verb
from console.events.kinds import Noted, PenReleased, RolloutClosed
from console.events.verbs import PENNED, SAFER
from console.state.gates import gates_for, needs_reason, why_not, why_unfit
from console.state.participants import Member
from console.state.pen import holder_text, is_gone
from console.state.requests import DecisionState
from console.state.values import State
from tests.rollout_rig import Story, empty_card
from tests.states import ANA
from tests.states.pieces import with_local
from tests.states.plan import BEN

ANA_AGAIN = Actor(uid=ANA.uid, user="ana", host="bastion-2", pid=9)
"""Ana in another process, on another host."""


def opened() -> Story:
    return Story().open()


def holder(state: State) -> str | None:
    return state.pen.holder.user if state.pen.holder is not None else None


def last(state: State) -> DecisionState:
    return state.decisions[-1]


def at_keyboard(state: State, who: Actor, *, there: tuple[tuple[Actor, float], ...] = ()) -> State:
    """`state` as `who` sees it, with (member, seconds since seen) present."""
    assert state.as_of is not None
    crew = tuple(
        Member(f"s{number}", member, "operator", state.as_of - timedelta(seconds=ago))
        for number, (member, ago) in enumerate(there)
    )
    return with_local(state, operator=who, crew=crew)


def test_the_pen_is_free_at_first() -> None:
    assert holder(opened().state) is None


def test_a_free_pen_is_taken_by_whoever_decides_what_needs_it() -> None:
    story = opened()
    story.decide(Verb.PROMOTE, pen=0)
    assert (holder(story.state), story.state.pen.number) == ("ana", 1)


@pytest.mark.parametrize("verb", sorted(set(Verb) - PENNED - {Verb.TAKE}))
def test_what_needs_no_pen_does_not_take_it(verb: Verb) -> None:
    story = opened()
    story.decide(verb, card=empty_card(verb), pen=0)
    assert holder(story.state) is None


def test_a_promote_by_somebody_else_than_the_captain_counts_for_nothing() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(Verb.PROMOTE, who=BEN, pen=0)
    assert (last(story.state).outcome, last(story.state).void) == ("refused", "the pen was with ana by then")
    assert story.state.promoting is None


def test_a_promote_that_counts_for_nothing_has_used_its_move() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(Verb.PROMOTE, who=BEN, pen=0)
    assert story.state.move == 1


@pytest.mark.parametrize("verb", sorted(SAFER | {Verb.CONFIRM, Verb.APPROVE}))
def test_going_safer_counts_whoever_has_the_pen(verb: Verb) -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(verb, card=empty_card(verb), who=BEN, pen=0)
    assert last(story.state).void == ""
    assert holder(story.state) == "ana"


def test_the_pen_belongs_to_the_person_not_to_the_process() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(Verb.PROMOTE, who=ANA_AGAIN, pen=1)
    assert last(story.state).void == ""


def test_a_database_login_is_the_person_whatever_the_user_on_the_host() -> None:
    one = Actor(uid=1, user="root", host="a", pid=1, login="ana")
    other = Actor(uid=2, user="ana", host="b", pid=2, login="ana")
    story = opened()
    story.decide(Verb.TAKE, who=one, pen=0)
    story.decide(Verb.PROMOTE, who=other, pen=1)
    assert last(story.state).void == ""
    story.decide(Verb.PROMOTE, who=replace(other, login=None), pen=1)
    assert last(story.state).void == "the pen was with ana (as root) by then"


def test_of_two_takes_on_the_same_sight_the_first_stands() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(Verb.TAKE, who=BEN, pen=0)
    assert (holder(story.state), last(story.state).void) == ("ana", "the pen was with ana by then")


def test_a_take_and_the_promote_that_took_the_free_pen_meanwhile() -> None:
    story = opened()
    story.decide(Verb.PROMOTE, pen=0)
    story.decide(Verb.TAKE, who=BEN, pen=0)
    assert holder(story.state) == "ana"


def test_the_pen_is_taken_from_its_holder_by_who_has_seen_it_there() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(Verb.TAKE, who=BEN, pen=1, reason="ana is asleep")
    assert holder(story.state) == "ben"


def test_an_offer_leaves_the_pen_where_it_is_until_it_is_taken() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(Verb.OFFER, "ben", pen=1, reason="lunch")
    assert (holder(story.state), story.state.pen.offered, story.state.pen.note) == ("ana", "ben", "lunch")
    story.decide(Verb.TAKE, who=BEN, pen=2)
    assert (holder(story.state), story.state.pen.offered, story.state.pen.note) == ("ben", None, "")


@pytest.mark.parametrize("verb", [Verb.OFFER, Verb.HANDOFF])
def test_nobody_gives_away_what_is_not_theirs(verb: Verb) -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(verb, "ben", card=empty_card(verb), who=BEN, pen=1)
    assert (holder(story.state), last(story.state).void) == ("ana", "the pen was with ana by then")


def test_a_handoff_frees_the_pen_and_leaves_its_note_until_somebody_takes_it() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(Verb.HANDOFF, pen=1, reason="errors are noise, see the note")
    assert holder(story.state) is None
    assert story.state.handoff is not None and story.state.handoff.text == "errors are noise, see the note"
    story.decide(Verb.PROMOTE, who=BEN, pen=2)
    assert holder(story.state) == "ben"
    assert not story.state.handoff


def test_a_captain_who_is_gone_is_released_once() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    released = [PenReleased(at=story.at, pen=1, reason="ana was seen 3 min ago") for _ in range(2)]
    for event in released:
        story.tell(event)
    assert (holder(story.state), story.state.pen.number) == (None, 2)
    assert [line.text for line in story.state.log if line.kind == "pen"] == ["the pen is free: ana was seen 3 min ago"]


def test_a_release_that_comes_after_a_take_changes_nothing() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.decide(Verb.TAKE, who=BEN, pen=1, reason="x")
    story.tell(PenReleased(at=story.at, pen=1, reason="ana was seen 3 min ago"))
    assert holder(story.state) == "ben"


def test_decisions_of_a_version_that_knew_no_pen_count_whoever_took_them() -> None:
    story = opened()
    for who in (ANA, BEN):
        story.decide(Verb.PROMOTE, who=who)
    assert [entry.void for entry in story.state.decisions] == ["", ""]
    assert holder(story.state) is None


def test_a_promote_recorded_after_a_halt_it_had_not_seen_counts_for_nothing() -> None:
    story = opened()
    story.decide(Verb.HALT, who=BEN)
    story.decide(Verb.PROMOTE, pen=0)
    assert (last(story.state).outcome, last(story.state).void) == ("refused", "halted")


@pytest.mark.parametrize("verb", sorted(PENNED))
def test_the_gate_tells_whose_the_pen_is_and_what_to_do(verb: Verb) -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.flow(20)
    seen = at_keyboard(story.seen, BEN, there=((ANA, 12), (BEN, 0)))
    assert why_not(seen, verb) == "the pen is with ana (seen 12 s ago): take it (t) or ask"


@pytest.mark.parametrize("verb", sorted(SAFER | {Verb.CONFIRM, Verb.APPROVE}))
def test_no_gate_of_the_pen_keeps_anybody_from_going_safer(verb: Verb) -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    names = [gate.name for gate in gates_for(at_keyboard(story.seen, BEN), verb)]
    assert "pen" not in names


def test_the_captain_is_told_so() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    assert holder_text(at_keyboard(story.seen, ANA_AGAIN)) == "you hold the pen"


def test_a_captain_not_seen_for_the_plans_time_is_gone() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.wait(story.state.plan.timing.gone_s + 1)
    assert is_gone(at_keyboard(story.seen, BEN))
    assert why_not(at_keyboard(story.seen, BEN), Verb.CLOSE) is None


def test_a_captain_seen_in_any_console_is_not_gone() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.wait(3600)
    assert not is_gone(at_keyboard(story.seen, BEN, there=((ANA_AGAIN, 5),)))


def test_nobody_is_gone_while_nobody_can_tell_who_is_there() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    story.wait(3600)
    assert not is_gone(with_local(story.seen, operator=BEN, crew=None))


def test_taking_from_somebody_who_is_there_takes_a_reason() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    seen = at_keyboard(story.seen, BEN, there=((ANA, 3),))
    assert needs_reason(seen, Verb.TAKE)
    assert [gate.why for gate in gates_for(seen, Verb.TAKE) if not gate.ok] == [
        "the pen is with ana (here now), who does not offer it"
    ]


def test_taking_what_is_free_or_offered_takes_none() -> None:
    story = opened()
    assert not needs_reason(at_keyboard(story.seen, BEN), Verb.TAKE)
    story.decide(Verb.TAKE, pen=0)
    story.decide(Verb.OFFER, "ben", pen=1)
    assert not needs_reason(at_keyboard(story.seen, BEN, there=((ANA, 0),)), Verb.TAKE)


def test_who_holds_the_pen_cannot_take_it_and_who_does_not_cannot_give_it() -> None:
    story = opened()
    story.decide(Verb.TAKE, pen=0)
    assert why_not(at_keyboard(story.seen, ANA), Verb.TAKE) == "you hold the pen"
    assert why_not(at_keyboard(story.seen, BEN), Verb.OFFER) == "the pen is with ana (here now): not yours to give"
    assert why_not(at_keyboard(story.seen, ANA), Verb.OFFER) is None


def test_an_offer_is_made_to_somebody_else() -> None:
    seen = at_keyboard(opened().seen, ANA)
    assert why_unfit(seen, Verb.OFFER, None) == "say to whom: a user"
    assert why_unfit(seen, Verb.OFFER, "ana") == "you hold the pen already"
    assert why_unfit(seen, Verb.OFFER, "ben") is None


def test_a_note_does_not_touch_the_pen() -> None:
    story = opened()
    story.tell(Noted(at=story.at, who=BEN, text="hello"))
    assert story.state.pen.number == 0


def test_of_two_who_resume_at_once_the_second_counts_for_nothing() -> None:
    story = opened()
    story.decide(Verb.HALT)
    story.decide(Verb.RESUME, pen=0)
    story.decide(Verb.RESUME, pen=1)
    assert [entry.void for entry in story.state.decisions] == ["", "", "it was resumed already"]


def test_of_two_who_place_it_at_once_the_second_counts_for_nothing() -> None:
    story = Story().open(reached=None)
    story.decide(Verb.PLACE, "1", pen=0)
    story.decide(Verb.PLACE, "2", pen=1)
    assert (story.state.reached, last(story.state).void) == (1, "it was placed already")


@pytest.mark.parametrize("verb", sorted(PENNED))
def test_nothing_goes_forward_after_the_rollout_was_closed(verb: Verb) -> None:
    story = opened()
    story.tell(RolloutClosed(at=story.at, how="decision"))
    story.decide(verb, card=empty_card(verb), pen=0)
    assert last(story.state).void == "the rollout was closed"


def test_of_two_who_close_it_at_once_the_first_word_stands() -> None:
    story = opened()
    for how in ("complete", "decision"):
        story.tell(RolloutClosed(at=story.at, how=how))
    assert story.state.closed == "complete"
