"""Sample States for every verdict of a metric and of a stage: errors says what it says, everything else is healthy."""

from __future__ import annotations

from dataclasses import replace

from console.judge.verdict import SILENT, StageVerdict, StageWord, Verdict, VerdictState
from console.state.values import State
from tests import states
from tests.states.pieces import counts_ledger, verdict
from tests.states.plan import ago


def _judged(said: Verdict, word: StageWord, **more: object) -> State:
    """`healthy` with another verdict on errors, and the stage's word for it."""
    state = states.with_metric(states.healthy(), "errors", verdict=said, said=said.state)
    together = StageVerdict(word, f"errors: {said.reason}", said.evidence or 1.0, "errors")
    return replace(state, stage_verdict=replace(together, **more))  # type: ignore[arg-type]


def _unsure(detail: str, reason: str, brief: str, evidence: float = 1.3, ratio: float | None = 1.2) -> Verdict:
    ends = (ratio, 0.6, 2.3) if ratio is not None else (None, None, None)
    return verdict(
        "errors",
        VerdictState.UNSURE,
        reason,
        (0.0048, 0.004),
        ends,
        n=(512, 9800),
        detail=detail,
        brief=brief,
        evidence=evidence,
        ready=3.1,
    )


def warming_up() -> State:
    """Too few events yet to say anything."""
    told = "1.2 of ~3 events needed; a 2x would show in ~32 min at 5 req/s"
    return _judged(_unsure("WARMING UP", told, "2x shows in ~32 min", 1.0, None), StageWord.WATCHING)


def undecided() -> State:
    """Neither worse nor proven fine, the stage running."""
    told = "1.2x (0.60-2.3), a 2x would show in ~7 min"
    return _judged(_unsure("WATCHING", told, "2x shows in ~7 min"), StageWord.WATCHING)


def suspected() -> State:
    """WARN: suspicious, not proven."""
    told = "2.4x (0.60-2.3), 14:1 that it is worse; verdict in ~4 min if it holds"
    said = replace(_unsure("WARN", told, "verdict in ~4 min", 14.0, 2.4), since=ago(90))
    return _judged(said, StageWord.WARN)


def inconclusive() -> State:
    """The stage's time is over and nothing is proven."""
    told = "1.2x (0.60-2.3): cannot exclude 2x; needs ~14 min more, or 5 %"
    return replace(_judged(_unsure("INCONCLUSIVE", told, "needs ~14 min more"), StageWord.INCONCLUSIVE), baked_s=300.0)


def mismatched() -> State:
    """The canary gets 2.1 % of the requests where 5 % were asked for."""
    state = states.healthy()
    why = "TRAFFIC MISMATCH: the canary gets 2.1 % of the requests"
    return replace(state, stage_verdict=StageVerdict(StageWord.HOLD, why, 0.8, mismatch=0.021))


def canary_silent() -> State:
    """The canary has stopped reporting, the baseline flows."""
    said = verdict("errors", VerdictState.NO_DATA, "canary silent for 95 s, the other arm flows", age_s=95.0)
    state = _judged(said, StageWord.HOLD)
    return states.with_metric(state, "errors", canary_at=ago(95), ledger=counts_ledger(gap=range(31, 40)))


def fallen_silent() -> State:
    """A failed metric that has stopped reporting."""
    state = states.failing()
    said = state.metrics["errors"].verdict
    assert said is not None
    said = replace(said, reason=f"{said.reason}, now silent", detail=SILENT, age_s=95.0)
    ledger = counts_ledger(canary=0.041, step_at=15, gap=range(31, 40))
    return states.with_metric(state, "errors", verdict=said, canary_at=ago(95), ledger=ledger)


def everything_on_the_canary() -> State:
    """The last stage: no baseline to compare with."""
    said = verdict(
        "errors",
        VerdictState.PASS,
        "0.41 % of 90,000: below the limit of 5 %; no baseline to compare with",
        (0.0041, None),
        (None, None, None),
        n=(90_000, 0),
        detail="<5 %",
        brief="no baseline",
        ready=1e9,
    )
    state = states.with_metric(states.complete(), "errors", verdict=said)
    return replace(state, stage_verdict=StageVerdict(StageWord.PASS, "every critical metric passes", 1.0))
