"""The gates: every condition of every verb, closed and open; and that going safer is never refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.contract import Setting
from console.events.evidence import Verb
from console.events.kinds import RolloutClosed, SourceFailed
from console.events.verbs import SAFER
from console.judge.verdict import Verdict, VerdictState
from console.plan.nouns import Role
from console.state.assessment import assess
from console.state.gates import gates_for, typed_word, why_not, why_unfit
from console.state.halt import why_nothing_to_halt
from console.state.local import JournalHealth
from console.state.values import Mode, State
from tests.rollout_rig import EDGE, FLAG, REFUSED, UNKNOWN, Story
from tests.states import PLAN, STATES, undecided
from tests.states.pieces import with_local


def ready() -> Story:
    """Stage 0 with fresh sources."""
    story = Story().open()
    story.flow(20)
    return story


def watching(bad: float = 100) -> Story:
    """Stage one is confirmed, baked through, and its metrics pass."""
    story = ready().promote()
    story.flow(320, bad)
    return story


def manual(number: int = 2) -> Story:
    """Stands before the manual one-way stage."""
    story = ready()
    for _ in range(number):
        story.promote()
    return story


def closed(state: State, verb: Verb) -> list[str]:
    """Names of the gates of `verb` that do not hold."""
    return [gate.name for gate in gates_for(state, verb) if not gate.ok]


def soft(state: State) -> list[str]:
    return [gate.name for gate in gates_for(state, Verb.PROMOTE) if not gate.ok and not gate.hard]


def told(verdict: VerdictState, name: str = "errors") -> State:
    """A watching state of which one metric has this verdict."""
    state = watching().seen
    entry = replace(state.metrics[name], verdict=Verdict(name, verdict, "because"))
    return replace(state, metrics={**state.metrics, name: entry})


def test_a_baked_healthy_stage_may_be_left() -> None:
    assert closed(watching().seen, Verb.PROMOTE) == []


def test_stage_zero_may_be_left_with_fresh_sources_and_no_canary_verdict() -> None:
    assert closed(ready().seen, Verb.PROMOTE) == []


def test_stage_zero_is_not_left_without_a_flowing_baseline() -> None:
    assert soft(Story().open().seen) == ["fresh"]


def test_manual_first_stages_expose_nothing_and_so_need_no_verdict_to_be_left() -> None:
    stages = (replace(PLAN.stages[2], one_way=False), *PLAN.stages[:2])
    story = Story(replace(PLAN, stages=stages)).open()
    story.flow(20)
    story.promote()
    assert (story.state.reached, closed(story.seen, Verb.PROMOTE)) == (1, [])


def test_a_state_that_was_never_assessed_opens_no_gate() -> None:
    assert "fresh" in closed(ready().state, Verb.PROMOTE)


def test_a_critical_metric_without_verdict_opens_no_gate() -> None:
    state = watching().seen
    entry = replace(state.metrics["errors"], verdict=None)
    assert soft(replace(state, metrics={**state.metrics, "errors": entry})) == ["verdict"]


def test_a_stage_that_has_not_baked_is_left_only_by_override() -> None:
    story = ready().promote()
    story.flow(200)
    found = [gate for gate in gates_for(story.seen, Verb.PROMOTE) if gate.name == "bake"]
    assert [(gate.ok, gate.hard, gate.why) for gate in found] == [(False, False, "baked 3:20 of 5:00")]


@pytest.mark.parametrize("verdict", [state for state in VerdictState if state is not VerdictState.PASS])
def test_only_a_pass_of_a_critical_metric_lets_a_stage_be_left(verdict: VerdictState) -> None:
    assert soft(told(verdict)) == ["verdict"]


def test_a_pass_of_the_stage_before_is_none_of_this_one() -> None:
    story = Story().open().promote()
    story.flow(400)
    assert story.seen.metrics["errors"].verdict.state is VerdictState.PASS  # type: ignore[union-attr]
    story.promote()
    verdict = story.wait(1).seen.metrics["errors"].verdict
    assert verdict is not None
    assert (verdict.state, verdict.detail) == (VerdictState.UNSURE, "WARMING UP")


def test_a_fail_of_the_stage_before_stands_until_this_one_is_judged() -> None:
    story = Story().open().promote()
    story.flow(400, bad=1000)
    story.promote()
    assert story.wait(1).seen.metrics["errors"].verdict.state is VerdictState.FAIL  # type: ignore[union-attr]


def test_stale_data_close_the_gate_until_an_override() -> None:
    story = watching()
    story.wait(60)
    assert {"fresh", "verdict"} == set(soft(story.seen))


@pytest.mark.parametrize(
    ("role", "verdict", "names"),
    [
        (Role.GUARD, VerdictState.FAIL, ["verdict"]),
        (Role.GUARD, VerdictState.UNSURE, []),
        (Role.INFO, VerdictState.FAIL, []),
    ],
)
def test_a_guard_holds_only_by_failing_and_an_info_metric_never(
    role: Role, verdict: VerdictState, names: list[str]
) -> None:
    state = told(verdict)
    entry = state.metrics["errors"]
    entry = replace(entry, metric=replace(entry.metric, role=role))
    assert soft(replace(state, metrics={**state.metrics, "errors": entry})) == names


def test_finishing_a_stage_asks_for_no_bake_and_no_pass_but_not_with_a_failing_metric() -> None:
    story = watching()
    decision = story.decide(Verb.PROMOTE)
    story.settle(story.send(decision, EDGE, Setting(5)))
    story.observe(EDGE, 5)
    story.settle(story.send(decision, FLAG, Setting(5, on=True)), REFUSED, "403")
    state = replace(story.seen, baked_s=0.0)
    assert closed(state, Verb.PROMOTE) == []
    entry = replace(state.metrics["errors"], verdict=Verdict("errors", VerdictState.FAIL, "10x"))
    assert soft(replace(state, metrics={**state.metrics, "errors": entry})) == ["verdict"]


def test_a_failing_source_is_overridable() -> None:
    story = watching()
    story.tell(SourceFailed(at=story.at, source="prom", reason="no answer"))
    assert soft(story.seen) == ["source"]


def test_a_plan_without_critical_metrics_says_so_and_has_no_verdict_gate() -> None:
    story = Story(replace(PLAN, metrics={})).open()
    story.flow(20)
    story.promote()
    story.flow(320)
    assert closed(story.seen, Verb.PROMOTE) == []
    assert any(gate.why == "NO METRICS: no verdict gate" for gate in gates_for(story.seen, Verb.PROMOTE))


HARD: dict[str, Callable[[State], State]] = {
    "journal": lambda state: with_local(state, journal=JournalHealth("disk full", 1)),
    "placed": lambda state: replace(state, reached=None),
    "rollback": lambda state: replace(state, rollback="d1"),
    "halt": lambda state: replace(state, halted="d1"),
    "stages": lambda state: replace(state, reached=len(state.stages)),
    "change": lambda state: with_local(state, edited="- bake: 5m"),
    "open": lambda state: replace(state, closed="decision"),
}


@pytest.mark.parametrize("name", HARD)
def test_no_override_opens_a_hard_gate(name: str) -> None:
    state = HARD[name](watching().seen)
    assert name in [gate.name for gate in gates_for(state, Verb.PROMOTE) if gate.hard and not gate.ok]


def test_a_promote_waits_for_the_call_in_flight_and_for_the_stage_to_be_read() -> None:
    story = watching()
    story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5))
    assert closed(story.seen, Verb.PROMOTE) == ["in flight", "confirmed"]


def test_a_second_promote_of_a_requested_stage_is_refused_until_it_is_read() -> None:
    story = watching()
    story.settle(story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5)))
    assert closed(story.seen, Verb.PROMOTE) == ["confirmed"]


def _in_doubt() -> State:
    story = watching()
    story.settle(story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5)), UNKNOWN, "timeout")
    return story.seen


def _in_flight() -> State:
    story = watching()
    story.send(story.decide(Verb.PROMOTE), EDGE, Setting(5))
    return story.seen


def _drifted() -> State:
    story = watching()
    story.observe(EDGE, 40)
    return story.seen


def _stale() -> State:
    return watching().wait(3600).seen


def _failing_source() -> State:
    story = watching()
    story.tell(SourceFailed(at=story.at, source="edge-lb", reason="connection refused"))
    return story.seen


ADVERSE: dict[str, Callable[[], State]] = {
    "journal broken": lambda: HARD["journal"](watching().seen),
    "unplaced": lambda: Story().open(edge=7, reached=None).seen,
    "never read": lambda: Story().open(edge=None, flag=None, reached=None).seen,
    "stale": _stale,
    "drift": _drifted,
    "in doubt": _in_doubt,
    "in flight": _in_flight,
    "source fails": _failing_source,
    "edited plan": lambda: HARD["change"](watching().seen),
    "past a one-way stage": lambda: manual(3).seen,
    "last stage": lambda: HARD["stages"](watching().seen),
}


@pytest.mark.parametrize("condition", ADVERSE)
@pytest.mark.parametrize("verb", sorted(SAFER))
def test_going_safer_is_always_allowed_and_never_needs_an_override(verb: Verb, condition: str) -> None:
    state = ADVERSE[condition]()
    assert closed(state, verb) == []


def test_a_rollback_is_allowed_while_halted_and_goes_on_while_one_is_begun() -> None:
    story = watching()
    story.decide(Verb.HALT)
    assert why_not(story.seen, Verb.ROLLBACK) is None
    story.decide(Verb.ROLLBACK)
    assert why_not(story.seen, Verb.ROLLBACK) is None


def test_a_rollback_that_this_console_runs_and_one_that_is_through_are_not_begun_again() -> None:
    story = watching()
    story.decide(Verb.ROLLBACK)
    assert why_not(with_local(story.seen, running=True), Verb.ROLLBACK) == "the rollback is under way"
    assert why_not(STATES["rolled_back"](), Verb.ROLLBACK) == "everything is rolled back: close the rollout (c)"


def test_a_halted_rollout_is_resumed_and_no_other() -> None:
    story = watching()
    assert why_not(story.seen, Verb.RESUME) == "not halted"
    story.decide(Verb.HALT)
    assert why_not(story.seen, Verb.RESUME) is None
    assert why_not(story.seen, Verb.HALT) == "nothing to halt: halted already"


def test_a_rollback_cannot_be_halted() -> None:
    story = watching()
    story.decide(Verb.ROLLBACK)
    assert why_not(story.seen, Verb.HALT) == "nothing to halt: a rollback is under way, it goes on"


def test_what_is_rolled_back_or_closed_leaves_nothing_to_halt() -> None:
    assert why_not(STATES["rolled_back"](), Verb.HALT) == "nothing to halt: everything is rolled back"
    closed = replace(STATES["rolled_back"](), closed="rolled_back")
    assert why_nothing_to_halt(closed) == "nothing to halt: the rollout is closed (rolled_back)"


def test_only_an_unplaced_rollout_is_placed() -> None:
    assert why_not(Story().open(edge=7, reached=None).seen, Verb.PLACE) is None
    assert why_not(ready().seen, Verb.PLACE) == "the stage is known"


def test_only_what_has_changed_outside_is_accepted() -> None:
    assert why_not(watching().seen, Verb.ACCEPT) == "nothing has changed outside"
    assert why_not(_drifted(), Verb.ACCEPT) is None
    assert why_not(HARD["change"](watching().seen), Verb.ACCEPT) is None


def test_only_a_waiting_manual_step_is_confirmed() -> None:
    story = watching()
    assert why_not(story.seen, Verb.CONFIRM) == "no rollback step waits for you"
    story.decide(Verb.ROLLBACK)
    assert why_not(story.seen, Verb.CONFIRM) == "no rollback step waits for you"
    story.observe(EDGE, 0)
    assert why_not(story.seen, Verb.CONFIRM) is None


def test_a_complete_healthy_rollout_is_closed_without_override() -> None:
    story = watching()
    for _ in range(4):
        story.promote()
    story.flow(60)
    assert (story.state.mode, closed(story.seen, Verb.CLOSE)) == (Mode.COMPLETE, [])


def test_an_unfinished_or_failing_or_doubtful_rollout_is_closed_by_override_only() -> None:
    assert closed(watching().seen, Verb.CLOSE) == ["finished"]
    assert closed(told(VerdictState.FAIL), Verb.CLOSE) == ["finished", "verdict"]
    assert closed(_in_doubt(), Verb.CLOSE) == ["finished", "in doubt"]
    assert why_not(told(VerdictState.FAIL), Verb.CLOSE) is None


def test_a_rollout_with_a_call_in_flight_is_not_closed() -> None:
    assert why_not(_in_flight(), Verb.CLOSE) == "edge is still in flight"


@pytest.mark.parametrize("verb", list(Verb))
def test_nothing_is_decided_about_a_closed_rollout(verb: Verb) -> None:
    story = watching()
    story.tell(RolloutClosed(at=story.at, how="decision"))
    assert why_not(story.seen, verb) == "the rollout is closed (decision)"


def test_a_manual_stage_is_confirmed_by_its_typed_name() -> None:
    assert typed_word(manual().state, Verb.PROMOTE) == "migrate"
    assert typed_word(ready().state, Verb.PROMOTE) is None


def test_a_rollback_past_a_one_way_stage_is_typed_once_and_not_to_go_on() -> None:
    story = manual(3)
    assert typed_word(story.state, Verb.ROLLBACK) == "rollback"
    assert typed_word(manual(2).state, Verb.ROLLBACK) is None
    story.decide(Verb.ROLLBACK)
    assert typed_word(story.state, Verb.ROLLBACK) is None


@pytest.mark.parametrize("subject", [None, "", "-1", "6", "two", "²", "01"])
def test_a_place_that_is_no_stage_of_the_plan_is_unfit(subject: str | None) -> None:
    assert why_unfit(Story().open(reached=None).state, Verb.PLACE, subject) == "say which stage: a number from 0 to 5"


def test_what_drifted_and_what_waits_are_the_only_fit_subjects() -> None:
    drifted = _drifted()
    assert why_unfit(drifted, Verb.ACCEPT, EDGE) is None
    assert why_unfit(drifted, Verb.ACCEPT, FLAG) == "say what to accept: edge"
    story = watching()
    story.decide(Verb.ROLLBACK)
    assert why_unfit(story.state, Verb.CONFIRM, "tell-data") == "say which step: none waits"
    story.observe(EDGE, 0)
    assert why_unfit(story.state, Verb.CONFIRM, "tell-data") is None
    assert why_unfit(story.state, Verb.CONFIRM, "edge-zero") == "say which step: tell-data"


def test_an_edited_plan_is_not_accepted_during_a_rollback_or_a_call() -> None:
    story = watching()
    assert why_unfit(story.state, Verb.ACCEPT, "plan") == "the plan file was not edited"
    edited = HARD["change"]
    assert why_unfit(edited(story.state), Verb.ACCEPT, "plan") is None
    assert why_unfit(edited(_in_flight()), Verb.ACCEPT, "plan") == "a call is still in flight"
    story.decide(Verb.ROLLBACK)
    assert why_unfit(edited(story.state), Verb.ACCEPT, "plan") == "a rollback goes on by the plan it began with"


@pytest.mark.parametrize("verb", list(Verb))
def test_gates_can_be_told_of_every_sample_state(verb: Verb) -> None:
    for made in STATES.values():
        state = made()
        found = gates_for(assess(state, state.as_of) if state.as_of else state, verb)
        assert found and all(gate.why for gate in found)


def test_a_verdict_that_is_not_there_yet_is_called_what_the_screen_calls_it() -> None:
    why = [gate.why for gate in gates_for(undecided(), Verb.PROMOTE) if gate.name == "verdict" and not gate.ok]
    assert why == ["errors WATCHING: 1.2x (0.60-2.3), a 2x would show in ~7 min"]
