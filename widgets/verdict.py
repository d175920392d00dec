"""What the stage's verdict means for the operator, one sentence: FAIL, HOLD, WARN, and why nothing is proven yet."""

from __future__ import annotations

from console.events.evidence import Gate
from console.judge.latch import FAIL_AT
from console.judge.verdict import SILENT, StageWord, Verdict, VerdictState
from console.judge.wording import odds
from console.plan.nouns import Role
from console.state.exposure import deploy_share
from console.state.values import MetricState, Mode, State
from widgets import format
from widgets.glyphs import STAGE_WORDS, Advice, Glyph

_SHOWN = frozenset({Mode.BAKING, Mode.WATCHING, Mode.PROMOTING, Mode.PARTIAL, Mode.HALTED, Mode.COMPLETE})
_STILL_OPEN = frozenset({"bake", "verdict"})
"""Gates that time alone may open."""


def word_of(state: State) -> Glyph | None:
    """The mark of the stage's verdict; None where there is none, or it is over (a rollback, a closed rollout)."""
    together = state.stage_verdict
    return STAGE_WORDS[together.word] if together is not None and state.mode in _SHOWN else None


def fail_advice(state: State) -> Advice | None:
    """FAIL: which metrics, by how much, since when, how sure; what to press."""
    failed = _failing_metrics(state)
    if not failed:
        return None
    told = f"{failed[0].metric.name} FAIL {_how(failed[0])}"
    if len(failed) > 1:  # by how much stands in its own row; what to press must not be cut off for it
        told = f"{told}; {failed[1].metric.name} FAIL"
    if len(failed) > 2:
        told = f"{told}; {len(failed) - 2} more"
    one_way = state.past_one_way
    if one_way is not None:
        return "alarm", f"PAST POINT OF NO RETURN ({one_way.name}), {told}: freeze (h) or go on"
    if state.halted is not None:
        by = " BY ITSELF (on_fail)" if _by_itself(state, state.halted) else ""
        return "alarm", f"HALTED{by}, {told}: r rolls back"
    return "alarm", f"{told}: r rolls back, h halts"


def _failing_metrics(state: State) -> list[MetricState]:
    """What fails the stage, what decided first; while nothing is exposed any more, what had failed."""
    together = state.stage_verdict
    if together is not None and together.word is not StageWord.FAIL:
        return []
    failed = [entry for entry in _metrics_with(state, VerdictState.FAIL) if entry.metric.role is not Role.INFO]
    return sorted(failed, key=lambda entry: together is not None and entry.metric.name != together.metric)


def _by_itself(state: State, decision: str) -> bool:
    """Whether a decision was the plan's own."""
    return any(entry.automatic for entry in state.decisions if entry.id == decision)


def _how(entry: MetricState) -> str:
    """ "10x since 03:12Z, 340:1"."""
    said = entry.verdict
    if said is None:
        return ""
    sure = f", {odds(said.evidence)}" if said.evidence is not None else ""
    return f"{said.brief}{sure}{', now silent' * (said.detail == SILENT)}" if said.brief else said.reason


def hold_advice(state: State) -> Advice | None:
    """HOLD: data that does not come, or requests that do not reach the canary. Before the first stage: stale data."""
    together = state.stage_verdict
    if together is not None and together.word is not StageWord.HOLD:
        return None
    lead = "" if together is None else "HOLD, "
    for word, wanted in (("STALE", VerdictState.STALE), ("NO DATA", VerdictState.NO_DATA)):
        old = [entry for entry in _metrics_with(state, wanted) if entry.metric.role is Role.CRITICAL]
        if old and not (together is None and wanted is VerdictState.NO_DATA):
            names = ", ".join(entry.metric.name for entry in old)
            why = old[0].verdict.reason if old[0].verdict is not None else "old data"
            return "warn", f"{lead}{word} {names}: {why}; {still_possible(state)}"
    if together is None or together.mismatch is None:
        return None
    return "warn", f"HOLD, TRAFFIC MISMATCH: {mismatch_words(state, together.mismatch)}; {still_possible(state)}"


def still_possible(state: State) -> str:
    """What can be done while data is missing."""
    return "halted, r works" if state.halted is not None else "nothing forward until fresh, h and r work"


def mismatch_words(state: State, seen: float) -> str:
    """ "2.1 % of the requests reach the canary, 5 % should"."""
    given = deploy_share(state)
    should = f", {given:g} % should" if given is not None else ""
    return f"{format.percent(seen)} of the requests reach the canary{should}"


def warn_advice(state: State) -> Advice | None:
    """WARN: suspicious, not proven."""
    together = state.stage_verdict
    if together is None or together.word is not StageWord.WARN or together.metric is None:
        return None
    entry = state.metrics[together.metric]
    said = entry.verdict
    if said is None:
        return None
    does = "r rolls back" if state.halted is not None else "h halts, r rolls back"
    if said.state is VerdictState.FAIL:
        average = f"stage {odds(together.evidence)} of {FAIL_AT:g}:1"
        return "warn", f"WARN {entry.metric.name} FAIL alone {_how(entry)} ({average}): {does}"
    return "warn", f"WARN {entry.metric.name} {_suspicion(said)}: {does}"


def _suspicion(said: Verdict) -> str:
    if said.ratio is None or said.evidence is None:
        return said.reason
    then = f", {said.brief}" if said.brief else ""
    return f"{format.ratio(said.ratio)}, {odds(said.evidence)} worse{then}"


def waiting_advice(state: State, closed: list[Gate]) -> Advice | None:
    """PASS, WATCHING or INCONCLUSIVE while only time or evidence keep `closed` shut; None where something else does."""
    together = state.stage_verdict
    if together is None or any(gate.hard or gate.name not in _STILL_OPEN for gate in closed):
        return None
    bake = next((gate.why for gate in closed if gate.name == "bake"), None)
    match together.word:
        case StageWord.PASS if bake is not None:
            return "calm", f"PASS so far: {bake}; p only by override"
        case StageWord.WATCHING if together.metric is not None:
            return "calm", f"WATCHING {together.reason}; {bake or 'p only by override'}"
        case StageWord.INCONCLUSIVE:
            return "warn", f"INCONCLUSIVE {together.reason}; p only by override"
        case _:
            return None


def _metrics_with(state: State, wanted: VerdictState) -> list[MetricState]:
    return [
        entry
        for entry in state.metrics.values()
        if entry.verdict is not None and entry.verdict.state is wanted and not entry.verdict.idle
    ]
