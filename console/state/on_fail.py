"""The plan's automatic decision when a stage's verdict is FAIL: at most one a stage. Pure."""

from __future__ import annotations

from console.events.evidence import Verb
from console.judge.verdict import StageWord
from console.plan.nouns import OnFail
from console.state.intent import Intent
from console.state.values import Mode, RolloutState

_BEGUN = frozenset({Mode.BAKING, Mode.WATCHING, Mode.PROMOTING, Mode.PARTIAL, Mode.COMPLETE})


def due_intent(state: RolloutState) -> Intent | None:
    """The decision that is due now, or None.

    Once per stage: an operator who resumes after it is not overruled by a machine. Past a one-way stage
    nothing is rolled back by itself: the rollout is frozen instead.
    """
    said = state.stage_verdict
    if state.plan.on_fail is OnFail.ASK or said is None or said.word is not StageWord.FAIL:
        return None
    if state.mode not in _BEGUN or state.stage_since is None:
        return None
    if any(decision.automatic for decision in state.decisions[state.decided_before :]):
        return None
    verb, reason = Verb.HALT, f"on_fail: {said.reason}"
    if state.plan.on_fail is OnFail.ROLLBACK:
        one_way = state.past_one_way
        if one_way is None:
            verb = Verb.ROLLBACK
        else:
            reason = f"{reason}; past the one-way stage {one_way.name}, so halted and not rolled back"
    return Intent(verb, reason=reason, automatic=True)
