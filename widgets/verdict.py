"""Advice from the stage's verdict: FAIL, HOLD, WARN, and why nothing is proven yet."""

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
    """The mark of the stage's verdict; None without one, and once a rollback or a close ended it."""
    together = state.stage_verdict
    return STAGE_WORDS[together.word] if together is not None and state.mode in _SHOWN else None


def fail_advice(state: State) -> Advice | None:
    """FAIL: which metrics, by how much, since when, how sure; then the keys."""
    failed = _failing_metrics(state)
    if not failed:
        return None
    words = f"{failed[0].metric.name} FAIL {_how(failed[0])}"
    if len(failed) > 1:  # its own row says by how much; the keys must not be cut off
        words = f"{words}; {failed[1].metric.name} FAIL"
    if len(failed) > 2:
        words = f"{words}; {len(failed) - 2} more"
    one_way = state.past_one_way
    if one_way is not None:
        return "alarm", f"PAST POINT OF NO RETURN ({one_way.name}), {words}: freeze (h) or go on"
    if state.halted is not None:
        is_automatic = any(entry.automatic for entry in state.decisions if entry.id == state.halted)
        by = " by on_fail" if is_automatic else ""
        return "alarm", f"HALTED{by}, {words}: r rolls back"
    return "alarm", f"{words}: r rolls back, h halts"


def _failing_metrics(state: State) -> list[MetricState]:
    """The metrics that fail the stage, the deciding one first; once nothing is exposed, those that failed it before."""
    together = state.stage_verdict
    if together is not None and together.word is not StageWord.FAIL:
        return []
    failed = [entry for entry in _metrics_with(state, VerdictState.FAIL) if entry.metric.role is not Role.INFO]
    return sorted(failed, key=lambda entry: together is not None and entry.metric.name != together.metric)


def _how(entry: MetricState) -> str:
    """ "10x since 03:12Z, 340:1"."""
    verdict = entry.verdict
    if verdict is None:
        return ""
    if not verdict.brief:
        return verdict.reason
    sure = f", {odds(verdict.evidence)}" if verdict.evidence is not None else ""
    return f"{verdict.brief}{sure}{', now silent' * (verdict.detail == SILENT)}"


def hold_advice(state: State) -> Advice | None:
    """HOLD: data is missing, or requests miss the canary. Before the first stage: stale data."""
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
    """What is possible while data is missing."""
    return "halted, r works" if state.halted is not None else "no promote until fresh, h and r work"


def mismatch_words(state: State, share: float) -> str:
    """ "2.1 % of the requests reach the canary, 5 % should"."""
    planned = deploy_share(state)
    should = f", {planned:g} % should" if planned is not None else ""
    return f"{format.percent(share)} of the requests reach the canary{should}"


def warn_advice(state: State) -> Advice | None:
    """WARN: suspicious, not proven."""
    together = state.stage_verdict
    if together is None or together.word is not StageWord.WARN or together.metric is None:
        return None
    entry = state.metrics[together.metric]
    verdict = entry.verdict
    if verdict is None:
        return None
    does = "r rolls back" if state.halted is not None else "h halts, r rolls back"
    if verdict.state is VerdictState.FAIL:
        average = f"whole stage {odds(together.evidence)}, {FAIL_AT:g}:1 is a FAIL"
        return "warn", f"WARN {entry.metric.name} FAIL alone {_how(entry)} ({average}): {does}"
    return "warn", f"WARN {entry.metric.name} {_suspicion(verdict)}: {does}"


def _suspicion(verdict: Verdict) -> str:
    if verdict.ratio is None or verdict.evidence is None:
        return verdict.reason
    then = f", {verdict.brief}" if verdict.brief else ""
    return f"{format.ratio(verdict.ratio)}, {odds(verdict.evidence)} worse{then}"


def waiting_advice(state: State, closed: list[Gate]) -> Advice | None:
    """PASS, WATCHING or INCONCLUSIVE, while only bake or verdict close the promote; else None."""
    together = state.stage_verdict
    if together is None or any(gate.hard or gate.name not in _STILL_OPEN for gate in closed):
        return None
    bake = next((gate.why for gate in closed if gate.name == "bake"), None)
    match together.word:
        case StageWord.PASS if bake is not None:
            return "calm", f"PASS so far: {bake}; p needs an override"
        case StageWord.WATCHING if together.metric is not None:
            return "calm", f"WATCHING {together.reason}; {bake or 'p needs an override'}"
        case StageWord.INCONCLUSIVE:
            return "warn", f"INCONCLUSIVE {together.reason}; p needs an override"
        case _:
            return None


def _metrics_with(state: State, wanted: VerdictState) -> list[MetricState]:
    return [
        entry
        for entry in state.metrics.values()
        if entry.verdict is not None and entry.verdict.state is wanted and not entry.verdict.idle
    ]
