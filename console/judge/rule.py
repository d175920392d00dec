"""The one function the console calls: first whether anything can be known, then the rule of the metric's shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.contract import Reading, Shape
from console.judge.counts import baseline_alone, judge_counts
from console.judge.gauges import judge_gauge
from console.judge.verdict import Verdict, VerdictState
from console.plan.nouns import Metric


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the verdict depends on beside the numbers."""

    now: datetime
    exposed: bool
    """The canary has traffic according to the readings; False before the first stage."""
    alone: bool
    """The canary has all the traffic: no concurrent baseline."""
    canary_at: datetime | None
    baseline_at: datetime | None
    """Newest sample's own time, per arm."""
    since: datetime | None = None
    """When the stage was confirmed: its first samples need a moment to arrive."""
    min_requests: int = 0
    partial: str | None = None
    problem: str | None = None
    source_fault: str | None = None
    """Why the source does not answer, while it does not."""


def judge(metric: Metric, readings: Sequence[Reading], here: Circumstances) -> Verdict:
    """The verdict of one metric. `readings`: the ticks of the current stage, oldest first. First match wins:

    stale (nothing fresh from either arm), no_data (an arm is silent while the other flows, or nothing was ever read),
    unsure (a query error or a partial answer), then the shape's own rule.
    """
    if metric.query.shape is Shape.GAUGE:
        verdict = judge_gauge(metric, readings, alone=here.alone)
    else:
        verdict = judge_counts(metric, readings, min_requests=here.min_requests, alone=here.alone)
    ages = {"canary": _age(here.canary_at, here.now), "baseline": _age(here.baseline_at, here.now)}
    watched = ["canary"] * here.exposed + ["baseline"] * (not here.alone or not here.exposed)
    known = [age for arm in watched if (age := ages[arm]) is not None]
    verdict = replace(verdict, age_s=max(known) if known else None)
    silence = _silence(metric, here, ages, watched)
    if silence is not None:
        return replace(verdict, state=silence[0], reason=silence[1])
    if not here.exposed:
        if metric.query.shape is not Shape.GAUGE and not verdict.canary.n:
            verdict = replace(verdict, baseline=baseline_alone(readings))
        return replace(verdict, state=VerdictState.NO_DATA, reason="the canary has no traffic", idle=True)
    if here.problem is not None:
        return replace(verdict, state=VerdictState.UNSURE, reason=f"query failed: {here.problem}")
    if here.partial is not None and verdict.state is VerdictState.PASS:
        return replace(verdict, state=VerdictState.UNSURE, reason=f"partial data: {here.partial}")
    return verdict


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())


def _had_its_time(metric: Metric, here: Circumstances) -> bool:
    """Whether the canary has spoken in this stage, or has had as long as a sample may be old to do so."""
    if here.since is None or (here.canary_at is not None and here.canary_at >= here.since):
        return True
    return (here.now - here.since).total_seconds() > metric.stale_after_s


def _silence(
    metric: Metric, here: Circumstances, ages: dict[str, float | None], watched: Sequence[str]
) -> tuple[VerdictState, str] | None:
    silent = [arm for arm in watched if (age := ages[arm]) is None or age > metric.stale_after_s]
    if not silent:
        return None
    if silent == ["canary"] and not _had_its_time(metric, here):
        return VerdictState.UNSURE, "waiting for the canary's first samples of this stage"
    if len(silent) < len(watched):
        age = ages[silent[0]]
        since = "has no data" if age is None else f"silent for {age:.0f} s"
        return VerdictState.NO_DATA, f"{silent[0]} {since}, the other arm flows"
    fault = f" ({here.source_fault})" if here.source_fault else f" ({here.problem})" if here.problem else ""
    known = [age for arm in watched if (age := ages[arm]) is not None]
    if not known:
        return VerdictState.NO_DATA, f"nothing read yet{fault}"
    return VerdictState.STALE, f"newest sample {min(known):.0f} s old, limit {metric.stale_after_s:.0f} s{fault}"
