"""Approval by a second person, authority and the calendar, as gates: of exactly one move, and never of going safer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.events.evidence import Actor, Verb
from console.events.verbs import SAFER
from console.judge.verdict import Verdict, VerdictState
from console.plan.nouns import Authority, CalendarWindow, Plan, Stage
from console.state.approvals import approval_digest, counted_approvals
from console.state.gates import gates_for, why_not
from console.state.participants import Approval
from console.state.values import MetricState, State
from tests.rollout_rig import EDGE, Story
from tests.states import ANA, PLAN, STATES
from tests.states.pieces import with_local
from tests.states.plan import BEN

CARL = Actor(uid=1003, user="carl", host="bastion-1", pid=1)
FREEZE = CalendarWindow("UTC", frozenset(range(7)), reason="year end")


def planned(*, approvals: int = 1, first: Mapping[str, Authority] | None = None, **plan: object) -> Plan:
    """The sample plan whose first stages ask for approvals, and have an authority of their own."""
    stages: list[Stage] = [replace(stage, approvals=approvals, authority=first or {}) for stage in PLAN.stages]
    return replace(PLAN, stages=tuple(stages), **plan)  # type: ignore[arg-type]


def story(plan: Plan) -> Story:
    """Stage 0 with fresh sources."""
    made = Story(plan).open()
    made.flow(20)
    return made


def sat(state: State, who: Actor | None, groups: tuple[str, ...] = ()) -> State:
    return with_local(state, operator=who, groups=frozenset(groups))


def approved(state: State, *people: Actor) -> State:
    """`state` with exactly its next move approved by `people`, as the journal would vouch for it."""
    card = approval_digest(state)
    assert card is not None
    given = tuple(
        Approval(who.person, who.user, state.move + 1, card, datetime(2026, 3, 2, tzinfo=UTC)) for who in people
    )
    return with_local(state, approvals=(*state.local.approvals, *given))


def gate(state: State, name: str, verb: Verb = Verb.PROMOTE) -> str | None:
    """Why the gate `name` is closed; None if it is open."""
    found = [entry for entry in gates_for(state, verb) if entry.name == name]
    assert found, f"no gate {name}"
    return next((entry.why for entry in found if not entry.ok), None)


def test_a_stage_that_asks_for_approval_is_not_entered_without() -> None:
    assert gate(sat(story(planned()).seen, ANA), "approval") == "approved: 0 of 1: another person has to approve (v)"


def test_one_approval_by_another_person_suffices_where_one_is_asked_for() -> None:
    state = approved(sat(story(planned()).seen, ANA), BEN)
    assert gate(state, "approval") is None


def test_nobody_approves_their_own_promote() -> None:
    state = approved(sat(story(planned()).seen, ANA), ANA)
    told = gate(state, "approval")
    assert told == "approved: 0 of 1; your own does not count for you: another person has to approve (v)"


def test_two_approvals_of_one_person_are_one() -> None:
    state = approved(sat(story(planned(approvals=2)).seen, ANA), BEN, BEN)
    assert gate(state, "approval") == "approved by ben: 1 of 2: another person has to approve (v)"
    assert gate(approved(state, CARL), "approval") is None


def test_an_approval_cannot_be_overridden() -> None:
    entry = next(
        entry for entry in gates_for(sat(story(planned()).seen, ANA), Verb.PROMOTE) if entry.name == "approval"
    )
    assert entry.hard


def test_a_stage_that_asks_for_none_has_no_such_gate() -> None:
    assert "approval" not in [entry.name for entry in gates_for(sat(story(PLAN).seen, ANA), Verb.PROMOTE)]


def test_an_approval_is_for_one_move_and_gone_with_it() -> None:
    told = story(planned())
    given = approved(sat(told.seen, ANA), BEN).local.approvals
    told.promote()
    told.flow(320)
    after = with_local(sat(told.seen, ANA), approvals=given)
    assert counted_approvals(after) == []


@pytest.mark.parametrize(
    "other",
    [
        lambda state: replace(state, plan=replace(state.plan, digest="other")),
        lambda state: replace(state, move=state.move + 1),
        lambda state: replace(state, reached=1),
        lambda state: replace(state, rollout="checkout/2"),
        lambda state: replace(state, metrics=failing(state)),
        lambda state: moved(state),
    ],
    ids=["plan", "move", "stage", "rollout", "a metric fails", "a target moved"],
)
def test_an_approval_counts_no_more_when_what_was_approved_changes(other: object) -> None:
    state = approved(sat(story(planned()).seen, ANA), BEN)
    assert callable(other)
    assert counted_approvals(other(state)) == []


def failing(state: State) -> dict[str, MetricState]:
    entry = replace(state.metrics["errors"], verdict=Verdict("errors", VerdictState.FAIL, "worse"))
    return {**state.metrics, "errors": entry}


def moved(state: State) -> State:
    entry = state.targets[EDGE]
    assert entry.reading is not None
    return replace(state, targets={**state.targets, EDGE: replace(entry, reading=replace(entry.reading, percent=3.0))})


def test_an_approval_counts_again_when_a_metric_has_recovered() -> None:
    state = approved(sat(story(planned()).seen, ANA), BEN)
    worse = replace(state, metrics=failing(state))
    assert counted_approvals(worse) == [] and len(counted_approvals(replace(worse, metrics=state.metrics))) == 1


def test_numbers_that_move_on_do_not_end_an_approval() -> None:
    told = story(planned())
    given = approved(sat(told.seen, ANA), BEN).local.approvals
    told.flow(60)
    assert len(counted_approvals(with_local(sat(told.seen, ANA), approvals=given))) == 1


def test_an_approval_by_somebody_who_may_not_approve_does_not_count() -> None:
    plan = planned(authority={"approve": Authority(users=("carl",))})
    state = sat(story(plan).seen, ANA)
    assert counted_approvals(approved(state, BEN)) == []
    assert [entry.user for entry in counted_approvals(approved(state, CARL))] == ["carl"]


def test_who_holds_the_pen_is_not_the_second_person() -> None:
    told = story(planned())
    told.decide(Verb.TAKE, pen=0)
    assert why_not(sat(told.seen, ANA), Verb.APPROVE) == "you hold the pen: another person has to approve"
    assert why_not(sat(told.seen, BEN), Verb.APPROVE) is None


def test_nothing_is_approved_twice_or_unasked() -> None:
    state = sat(story(planned()).seen, BEN)
    assert why_not(approved(state, BEN), Verb.APPROVE) == "you have approved this already"
    assert why_not(sat(story(PLAN).seen, BEN), Verb.APPROVE) == "one needs no approval"


def test_where_no_stage_is_left_or_none_is_known_approve_says_so() -> None:
    last = sat(STATES["complete"](), BEN)
    assert why_not(last, Verb.APPROVE) == "the last stage is reached: nothing is left to approve"
    assert (
        why_not(replace(last, reached=None), Verb.APPROVE) == "stage unknown: say where it stands (s, or warroom place)"
    )


def test_authority_keeps_others_from_promoting() -> None:
    plan = replace(PLAN, authority={"promote": Authority(users=("ben",), groups=("sre",))})
    assert gate(sat(story(plan).seen, ANA), "authority") == "promote is for ben or group sre; you are ana"
    assert gate(sat(story(plan).seen, BEN), "authority") is None
    assert gate(sat(story(plan).seen, ANA, ("sre",)), "authority") is None


def test_a_stage_of_its_own_authority_overrules_the_plans() -> None:
    plan = planned(first={"promote": Authority(users=("carl",))}, authority={"promote": Authority(users=("ana",))})
    assert gate(sat(story(plan).seen, ANA), "authority") == "promote is for carl; you are ana"


def test_the_owner_of_the_stages_team_may_where_the_plan_says_owners() -> None:
    plan = replace(PLAN, authority={"promote": Authority(owners=True)})
    assert gate(sat(story(plan).seen, ANA), "authority") is None  # owner of web
    assert gate(sat(story(plan).seen, BEN), "authority") == "promote is for the stage's owner (ana); you are ben"


def test_a_databases_login_is_the_name_that_counts() -> None:
    plan = replace(PLAN, authority={"promote": Authority(users=("ana",))})
    assert gate(sat(story(plan).seen, replace(ANA, login="guest")), "authority") == "promote is for ana; you are guest"
    assert gate(sat(story(plan).seen, replace(BEN, login="ana")), "authority") is None


def test_who_may_not_override_is_told_with_what_is_closed() -> None:
    plan = replace(PLAN, authority={"override": Authority(groups=("lead",))}, freeze=(FREEZE,))
    told = gate(sat(story(plan).seen, ANA), "override")
    assert told == "FREEZE: year end; override is for group lead; you are ana"
    assert "override" not in [
        entry.name for entry in gates_for(sat(story(plan).seen, ANA, ("lead",)), Verb.PROMOTE) if not entry.ok
    ]


@pytest.mark.parametrize("verb", sorted(SAFER | {Verb.CONFIRM}))
def test_nothing_of_this_keeps_anybody_from_going_safer(verb: Verb) -> None:
    nobody = Authority(users=("nobody",))
    plan = planned(authority={"promote": nobody, "override": nobody}, freeze=(FREEZE,))
    told = story(plan)
    told.decide(Verb.TAKE, who=BEN, pen=0)
    state = sat(told.seen, ANA)
    assert {entry.name for entry in gates_for(state, verb)} & {
        "authority",
        "approval",
        "freeze",
        "pen",
        "override",
    } == set()


def test_a_freeze_gates_promote_and_resume_and_can_be_overridden() -> None:
    state = sat(story(replace(PLAN, freeze=(FREEZE,))).seen, ANA)
    for verb in (Verb.PROMOTE, Verb.RESUME):
        entry = next(entry for entry in gates_for(state, verb) if entry.name == "freeze")
        assert (entry.ok, entry.hard, entry.why) == (False, False, "FREEZE: year end")


def test_outside_the_launch_windows_it_says_when_the_next_opens() -> None:
    plan = replace(PLAN, launch=(CalendarWindow("UTC", frozenset({2}), 540, 600),))  # the story is told on a Monday
    told = gate(sat(story(plan).seen, ANA), "launch")
    assert told == "outside the launch windows: the next opens Wed 2026-03-04 09:00 UTC"
