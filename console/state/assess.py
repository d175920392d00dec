"""assess(state, now) -> state: what the folded facts mean at this moment. Pure; time is an input.

Verdicts, the running part of the bake clock and how long a requested stage is waited for depend on now, so they are
reckoned here and not folded. The result is for looking at: the engine goes on folding the state it assessed, never the
assessed one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from adapters.contract import Kind, Reading
from console.judge.rule import Circumstances, judge
from console.judge.verdict import Verdict, VerdictState
from console.plan.nouns import Role
from console.state.checklist import aged
from console.state.samples import bake
from console.state.targets import confirm_stage
from console.state.values import MetricState, State


def assess(state: State, now: datetime) -> State:
    """`state` with its verdicts, bake clock, the marks of a stage and steps under way and `as_of` at `now` (UTC)."""
    state = replace(confirm_stage(bake(state, now), now), as_of=now, checklist=aged(state, now))
    metrics = {name: replace(entry, verdict=verdict_of(state, entry, now)) for name, entry in state.metrics.items()}
    return replace(state, metrics=metrics)


def verdict_of(state: State, entry: MetricState, now: datetime) -> Verdict:
    """One metric's verdict on the stage we stand on."""
    try:
        return _judged(state, entry, now)
    except (ArithmeticError, ValueError) as error:  # absurd numbers must never reach a halt or a rollback as a fault
        reason = f"the numbers cannot be judged: {error}"
        return Verdict(entry.metric.name, VerdictState.UNSURE, reason)


def _judged(state: State, entry: MetricState, now: datetime) -> Verdict:
    source = state.sources.get(entry.metric.backend)
    stage = state.current
    critical = entry.metric.role is Role.CRITICAL
    return judge(
        entry.metric,
        stage_ticks(state, entry),
        Circumstances(
            now=now,
            exposed=exposed(state),
            alone=alone(state),
            since=state.stage_since,
            canary_at=entry.canary_at,
            baseline_at=entry.baseline_at,
            min_requests=stage.stage.min_requests if stage is not None and critical else 0,
            partial=entry.partial,
            problem=entry.problem,
            source_fault=source.reason if source is not None and source.failed_since is not None else None,
        ),
    )


def stage_ticks(state: State, entry: MetricState) -> tuple[Reading, ...]:
    """The ticks of the stage we stand on: those that began after it was confirmed."""
    since = state.stage_since
    if since is None:
        return ()
    ledger = entry.ledger
    first = len(ledger)
    while first > 0 and ledger[first - 1].at >= since:
        first -= 1
    return ledger[first:]


def deploy_share(state: State) -> float | None:
    """The canary's largest configured share over the deploy targets, or over the flags of a plan without any."""
    of_kind = [entry for entry in state.targets.values() if entry.target.kind is Kind.DEPLOY]
    readings = [entry.reading for entry in of_kind or state.targets.values()]
    shares = [share for reading in readings if reading is not None and (share := reading.exposure) is not None]
    return max(shares) if shares else None


def exposed(state: State) -> bool:
    """Whether the canary gets traffic according to the readings."""
    share = deploy_share(state)
    return share is not None and share > 0


def alone(state: State) -> bool:
    """Whether the canary has all the traffic: nothing to compare it with."""
    share = deploy_share(state)
    return share is not None and share >= 100
