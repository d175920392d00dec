"""Pieces of sample States: ledgers, verdicts, readings, marks, decisions, requests. Whole States: the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adapters.contract import (
    Counts,
    Gauge,
    Outcome,
    Phase,
    Reading,
    Setting,
    TargetReading,
    VersionsReading,
)
from console.events.evidence import Card, Gate, MetricEvidence, PlannedCall, TargetEvidence, Verb
from console.judge.verdict import ArmTotals, Verdict, VerdictState
from console.plan.nouns import Metric
from console.state.requests import DecisionState, RequestState
from console.state.values import (
    MetricState,
    SourceState,
    StageMark,
    StageState,
    State,
    StepMark,
    StepState,
    TargetState,
)
from tests.states.plan import ANA, OPENED, PLAN, STAGES, STEPS, TICK_S, ago


def counts_ledger(
    ticks: int = 40, canary: float = 0.004, baseline: float = 0.004, gap: range = range(0), step_at: int = 0
) -> tuple[Reading, ...]:
    """Ticks up to NOW of shares of bad events: the canary reads as the baseline before `step_at`, and not in `gap`."""
    made = []
    for index in range(ticks):
        wave = 1 + 0.2 * ((index * 7) % 5 - 2) / 2
        share = canary if index >= step_at else baseline
        own = None if index in gap else Counts(100, round(100 * share * wave, 2))
        made.append(Reading(ago((ticks - index) * TICK_S), own, Counts(1900, round(1900 * baseline * wave, 2))))
    return tuple(made)


def gauge_ledger(ticks: int = 40, canary: float = 0.61, baseline: float = 0.58) -> tuple[Reading, ...]:
    """Ticks up to NOW of a level that wobbles around `canary` and `baseline`."""
    return tuple(
        Reading(
            ago((ticks - index) * TICK_S),
            Gauge(round(canary + 0.02 * ((index * 3) % 4), 3)),
            Gauge(round(baseline + 0.02 * ((index * 5) % 4), 3)),
        )
        for index in range(ticks)
    )


def verdict(
    metric: str,
    state: VerdictState,
    reason: str,
    shares: tuple[float | None, float | None] = (0.0041, 0.0040),
    ratio: tuple[float | None, float | None, float | None] = (1.02, 0.71, 1.44),
    n: tuple[float, float] = (4310, 81900),
    age_s: float | None = 4.0,
    **more: object,
) -> Verdict:
    """A verdict from (canary, baseline) pairs and (ratio, low, high)."""
    arms = [ArmTotals(count, count * (share or 0), share) for count, share in zip(n, shares, strict=True)]
    return replace(Verdict(metric, state, reason, arms[0], arms[1], *ratio, age_s=age_s), **more)  # type: ignore[arg-type]


def metric_state(metric: Metric, ledger: tuple[Reading, ...], said: Verdict | None, age_s: float = 4.0) -> MetricState:
    """A metric read `age_s` ago with this verdict."""
    at = ago(age_s)
    return MetricState(metric, ledger, at, at, at, spacing_s=5.0, verdict=said, said=said.state if said else None)


def reading(target: str, percent: float | None, on: bool | None = None, **more: object) -> TargetReading:
    """A reading of a target, four seconds old."""
    base = TargetReading(target, ago(4), percent, on, Phase.HEALTHY, versions=VersionsReading("v42", "v41"))
    return replace(base, **more)  # type: ignore[arg-type]


def target_states(edge: float, flag: float | None, on: bool = True) -> dict[str, TargetState]:
    """Both targets, read and confirmed at these shares; opened at edge 0 %, flag off."""
    now = {"edge": reading("edge", edge), "new-checkout": reading("new-checkout", flag, on)}
    before = {"edge": reading("edge", 0.0, at=OPENED), "new-checkout": reading("new-checkout", 0.0, False, at=OPENED)}
    return {
        name: TargetState(PLAN.targets[name], before[name], now[name], ago(4), now[name], held_since=ago(250))
        for name in PLAN.targets
    }


def stage_states(
    reached: int, marks: Mapping[int, StageMark] | None = None, trouble: str = ""
) -> tuple[StageState, ...]:
    """Stages up to `reached` confirmed, the others planned, except as `marks` (by number) says."""
    said = marks or {}
    made = []
    for number, stage in enumerate(STAGES, start=1):
        mark = said.get(number, StageMark.CONFIRMED if number <= reached else StageMark.PLANNED)
        at = ago(250 + 400 * (reached - number)) if mark is StageMark.CONFIRMED else None
        made.append(StageState(number, stage, mark, at, trouble if number in said else ""))
    return tuple(made)


def step_states(*marks: tuple[StepMark, str]) -> tuple[StepState, ...]:
    """The checklist with (mark, detail) per step in order; steps without one are pending."""
    said = [*marks, *[(StepMark.PENDING, "")] * len(STEPS)]
    return tuple(
        StepState(
            step, mark, ago(20) if mark is not StepMark.PENDING else None, detail, int(mark is not StepMark.PENDING)
        )
        for step, (mark, detail) in zip(STEPS, said, strict=False)
    )


def card(verb: Verb = Verb.PROMOTE, stage_from: str = "one", stage_to: str = "five", move: int = 1) -> Card:
    """A card as it stood at a decision: everything open."""
    return Card(
        verb,
        stage_from,
        stage_to,
        move,
        ago(260),
        gates=(Gate("bake", True, "bake 5:00 of 5:00"), Gate("metrics", True, "2 of 2 critical pass", hard=False)),
        metrics=(MetricEvidence("errors", "critical", "pass", "no worse", "0.4 % of 4.3k", "0.4 %", 4310, 4.0, 1.02),),
        targets=(TargetEvidence("edge", "1 %", "5 %", 4.0, "web"),),
        calls=(PlannedCall("edge-lb", "edge", "5 %", "PUT /v3/services/haproxy/backends/be_checkout weight 5/95"),),
    )


def decision(verb: Verb, seconds: float, outcome: str, seq: int | None = 12, **more: object) -> DecisionState:
    """A decision of ana's, taken `seconds` ago."""
    taken = DecisionState(f"{verb}-{seconds:g}", seq, ago(seconds), ANA, verb, 1, "", None, card(verb), outcome=outcome)
    return replace(taken, **more)  # type: ignore[arg-type]


def request(target: str, setting: Setting, outcome: Outcome | None = None, **more: object) -> RequestState:
    """A request made 20 seconds ago."""
    backend = PLAN.targets[target].backend
    made = RequestState(
        f"req-{target}",
        "promote-20",
        backend,
        target,
        setting,
        "set",
        None,
        ago(20),
        ago(15),
        5.0,
        ("PUT weight",),
        outcome,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def with_local(state: State, **changes: object) -> State:
    """`state` on a console whose local part differs in these fields."""
    return replace(state, local=replace(state.local, **changes))  # type: ignore[arg-type]


def source_states(**failed: str) -> dict[str, SourceState]:
    """Every source of the plan; those named (dashes as underscores) have failed for two minutes with this reason."""
    made = {}
    for name, spec in PLAN.backends.items():
        why = failed.get(name.replace("-", "_"))
        if why is None:
            made[name] = SourceState(name, spec.adapter, ago(2), skew_s=0.1)
        else:
            made[name] = SourceState(name, spec.adapter, ago(125), ago(120), why)
    return made


HEALTHY_VERDICTS = (
    verdict(
        "errors", VerdictState.PASS, "1.0x (0.71-1.4), 26:1 that it is below 2x", detail="<2x", evidence=0.8, ready=26.0
    ),
    verdict(
        "slow",
        VerdictState.PASS,
        "1.1x (0.83-1.3), 41:1 that it is below 2x",
        (0.021, 0.020),
        (1.05, 0.83, 1.31),
        detail="<2x",
        evidence=0.9,
        ready=41.0,
    ),
    verdict("cpu", VerdictState.UNSURE, "one instance", (0.64, 0.61), (1.05, None, None), n=(40, 40)),
)
