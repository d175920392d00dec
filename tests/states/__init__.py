"""Sample States, built by hand from the plain values: what the panes, the screens and the gates are tested against.

One plan (five stages, the third one-way, three rollback steps, three metrics), seen at one moment in many conditions.
Nothing here is folded from events: a State that the fold cannot reach is still one that a pane must survive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from adapters.contract import (
    Outcome,
    Setting,
)
from console.events.evidence import Verb
from console.judge.verdict import StageVerdict, StageWord, VerdictState
from console.state.local import JournalHealth, LocalState, Preview
from console.state.values import (
    Drift,
    MetricState,
    NoteState,
    SourceState,
    StageMark,
    State,
    StepMark,
    TargetState,
)
from tests.states import people
from tests.states.pieces import (
    HEALTHY_VERDICTS,
    card,
    counts_ledger,
    decision,
    gauge_ledger,
    metric_state,
    reading,
    request,
    source_states,
    stage_states,
    step_states,
    target_states,
    verdict,
    with_local,
)
from tests.states.plan import (
    ANA,
    ARMS,
    BEN,
    CPU,
    ERRORS,
    LATENCY,
    METRICS,
    NOW,
    OPENED,
    PLAN,
    STAGES,
    STEPS,
    TICK_S,
    ago,
)
from tests.states.verdicts import (
    canary_silent,
    everything_on_the_canary,
    fallen_silent,
    inconclusive,
    mismatched,
    suspected,
    undecided,
    warming_up,
)

__all__ = [
    "ANA",
    "ARMS",
    "BEN",
    "CPU",
    "ERRORS",
    "HEALTHY_VERDICTS",
    "LATENCY",
    "METRICS",
    "NOW",
    "OPENED",
    "PLAN",
    "STAGES",
    "STATES",
    "STEPS",
    "TICK_S",
    "ago",
    "at_stage_one",
    "canary_silent",
    "card",
    "closed",
    "complete",
    "counts_ledger",
    "decision",
    "drifted",
    "edited",
    "everything_on_the_canary",
    "failing",
    "fallen_silent",
    "gauge_ledger",
    "halted",
    "healthy",
    "inconclusive",
    "metric_state",
    "mismatched",
    "opening",
    "partial",
    "past_one_way",
    "promoting",
    "reading",
    "ready",
    "request",
    "rolled_back",
    "rolling_back",
    "source_failed",
    "source_states",
    "stage_states",
    "stale",
    "step_states",
    "suspected",
    "target_states",
    "undecided",
    "unjournaled",
    "unplaced",
    "verdict",
    "warming_up",
    "watching",
    "with_local",
    "with_metric",
]


def opening() -> State:
    """Nothing has been read yet: the plan is known, the rollout is not open."""
    return State(
        "checkout-v42/1",
        PLAN,
        as_of=NOW,
        reached=None,
        stages=stage_states(0),
        targets={name: TargetState(target) for name, target in PLAN.targets.items()},
        metrics={name: MetricState(metric) for name, metric in METRICS.items()},
        sources={name: SourceState(name, spec.adapter) for name, spec in PLAN.backends.items()},
        checklist=step_states(),
        local=LocalState(operator=ANA),
    )


def ready() -> State:
    """Opened, nothing exposed: stage 0."""
    return replace(
        healthy(),
        reached=0,
        move=0,
        stages=stage_states(0),
        targets=target_states(0, 0, on=False),
        metrics={name: MetricState(metric) for name, metric in METRICS.items()},
        decisions=(),
        log=(),
        stage_since=None,
        stage_verdict=None,
        baked_s=0.0,
    )


def healthy() -> State:
    """Stage 2 of 5 confirmed 250 s ago, baking, both critical metrics pass."""
    ledgers = (counts_ledger(), counts_ledger(canary=0.021, baseline=0.02), gauge_ledger())
    return State(
        "checkout-v42/1",
        PLAN,
        opened_at=OPENED,
        as_of=NOW,
        reached=2,
        move=2,
        stages=stage_states(2),
        targets=target_states(5, 5),
        metrics={
            metric.name: metric_state(metric, ledger, said)
            for metric, ledger, said in zip(METRICS.values(), ledgers, HEALTHY_VERDICTS, strict=True)
        },
        sources=source_states(),
        decisions=(decision(Verb.PROMOTE, 660, "confirmed", 9, stage=0), decision(Verb.PROMOTE, 260, "confirmed")),
        log=(
            NoteState(ago(600), BEN, "note", "watching from the incident channel"),
            NoteState(ago(240), None, "verdict", "errors: no data -> unsure"),
            NoteState(ago(130), None, "verdict", "errors: unsure -> pass"),
        ),
        checklist=step_states(),
        stage_since=ago(250),
        baked_s=250.0,
        clocked_at=NOW,
        last_seq=20,
        stage_verdict=StageVerdict(StageWord.PASS, "every critical metric passes", 0.8),
        local=LocalState(previews={"promote": Preview(notes=()), "rollback": Preview(notes=())}, operator=ANA),
    )


def watching() -> State:
    """Stage 2 baked through: promote is open."""
    return replace(healthy(), baked_s=300.0)


def at_stage_one() -> State:
    """Stage 1 of 5 baked through, everything passes: y promotes."""
    return replace(watching(), reached=1, move=1, stages=stage_states(1))


def with_metric(state: State, name: str, **changes: object) -> State:
    """`state` with one metric changed."""
    changed = replace(state.metrics[name], **changes)  # type: ignore[arg-type]
    return replace(state, metrics={**state.metrics, name: changed})


def failing() -> State:
    """The canary's errors are ten times the baseline's since the promote."""
    said = verdict(
        "errors",
        VerdictState.FAIL,
        "10x (7.4-14), 340:1, since 03:08Z",
        (0.041, 0.004),
        (10.2, 7.4, 14.1),
        brief="11x since 03:08Z",
        evidence=340.0,
        ready=0.01,
        since=ago(240),
        lately=11.0,
    )
    state = with_metric(healthy(), "errors", ledger=counts_ledger(canary=0.041, step_at=15), verdict=said, said="fail")
    return replace(
        state,
        log=(*state.log, NoteState(ago(30), None, "verdict", "errors: pass -> fail")),
        stage_verdict=StageVerdict(StageWord.FAIL, f"errors: {said.reason}", 170.4, "errors"),
    )


def stale() -> State:
    """Prometheus still answers, its newest samples are 95 s old."""
    state = healthy()
    for name in METRICS:
        old = state.metrics[name]
        assert old.verdict is not None
        said = replace(old.verdict, state=VerdictState.STALE, reason="newest sample 95 s old, limit 30 s", age_s=95.0)
        ledger = tuple(tick for tick in old.ledger if tick.at < ago(95))
        said = replace(said, brief="", detail="")
        state = with_metric(
            state, name, ledger=ledger, verdict=said, said="stale", canary_at=ago(95), baseline_at=ago(95)
        )
    return replace(state, stage_verdict=StageVerdict(StageWord.HOLD, "errors: newest sample 95 s old", 0.8, "errors"))


def source_failed() -> State:
    """Prometheus has not answered for two minutes."""
    return replace(
        stale(),
        sources=source_states(prom="no answer within 4 s"),
        log=(NoteState(ago(120), None, "source", "prom: no answer within 4 s"),),
    )


def promoting() -> State:
    """Promote to stage 2 sent: edge accepted, the flag's call still out."""
    sent = decision(Verb.PROMOTE, 20, "requested", 14)
    return replace(
        healthy(),
        reached=1,
        stages=stage_states(1, {2: StageMark.REQUESTED}),
        targets=target_states(1, 0, on=False),
        promoting=sent.id,
        decisions=(*healthy().decisions[:1], sent),
        requests={
            "req-edge": request("edge", Setting(5), Outcome.ACCEPTED, settled_at=ago(19)),
            "req-new-checkout": request("new-checkout", Setting(5, on=True)),
        },
        stage_since=ago(660),
        baked_s=300.0,
    )


def partial() -> State:
    """Promote to stage 2: the edge reads 5 %, the flag was refused."""
    sent = decision(Verb.PROMOTE, 20, "partial", 14, reason="looks good")
    why = "new-checkout refused: token may not write production"
    return replace(
        promoting(),
        stages=stage_states(1, {2: StageMark.PARTIAL}, why),
        targets=target_states(5, 0, on=False),
        decisions=(*healthy().decisions[:1], sent),
        requests={
            "req-edge": request("edge", Setting(5), Outcome.ACCEPTED, settled_at=ago(19)),
            "req-new-checkout": request("new-checkout", Setting(5, on=True), Outcome.REFUSED, reason=why),
        },
    )


def drifted() -> State:
    """Somebody moved the edge from 5 % to 20 % 40 s ago."""
    state = healthy()
    moved = replace(state.targets["edge"], reading=reading("edge", 20.0, changed_by="carl"))
    assert moved.confirmed is not None and moved.reading is not None
    moved = replace(moved, drift=Drift(moved.confirmed, moved.reading, ago(40)), held_since=ago(40))
    return replace(
        state,
        targets={**state.targets, "edge": moved},
        log=(*state.log, NoteState(ago(40), None, "drift", "edge moved from 5 % to 20 % by carl")),
    )


def halted() -> State:
    """Ben halted a minute ago."""
    stop = decision(Verb.HALT, 60, "recorded", 15, who=BEN, reason="pages from payments", stage=2)
    return replace(healthy(), halted=stop.id, decisions=(*healthy().decisions, stop))


def rolling_back() -> State:
    """Rollback under way, resumed after a dropped session: step 1 done, step 2 in doubt, step 3 manual."""
    back = decision(
        Verb.ROLLBACK, 40, "requested", 16, reason="errors 10x", stage=2, card=card(Verb.ROLLBACK, "five", "opening")
    )
    lost = request(
        "edge",
        Setting(0),
        Outcome.UNKNOWN,
        step="edge-zero",
        decision=back.id,
        reason="no answer within 5 s",
        settled_at=ago(15),
    )
    return with_local(
        replace(
            failing(),
            rollback=back.id,
            decisions=(*healthy().decisions, back),
            targets=target_states(5, 5, on=False),
            requests={lost.id: lost},
            checklist=step_states((StepMark.DONE, "reads off"), (StepMark.IN_DOUBT, "no answer within 5 s, reads 5 %")),
        ),
        running=False,
    )


def rolled_back() -> State:
    """Everything is back where it was, and held."""
    state = rolling_back()
    return with_local(
        replace(
            state,
            targets=target_states(0, 5, on=False),
            requests={},
            checklist=step_states(
                (StepMark.DONE, "reads off"), (StepMark.DONE, "reads 0 %"), (StepMark.DONE, "confirmed by ana")
            ),
            rolled_back_at=ago(5),
        ),
        running=True,
    )


def past_one_way() -> State:
    """Stage 4 of 5: the migration is done and errors fail: rolling back is no longer free."""
    state = failing()
    return replace(state, reached=4, move=4, stages=stage_states(4), targets=target_states(50, 50), baked_s=120.0)


def unjournaled() -> State:
    """The journal's disk is full; a halt is held in memory."""
    stop = decision(Verb.HALT, 8, "recorded", None, reason="", stage=2)
    return with_local(
        replace(halted(), halted=stop.id, decisions=(*healthy().decisions, stop)),
        journal=JournalHealth("database or disk is full", held=2),
    )


def unplaced() -> State:
    """Attached to a rollout under way whose readings fit two stages."""
    return replace(
        healthy(),
        reached=None,
        candidates=(1, 2),
        stages=stage_states(0),
        stage_since=None,
        stage_verdict=None,
        baked_s=0.0,
    )


def complete() -> State:
    """Everything at 100 %, healthy."""
    return replace(healthy(), reached=5, move=5, stages=stage_states(5), targets=target_states(100, 100), baked_s=0.0)


def closed() -> State:
    """Complete, and closed."""
    return replace(complete(), closed="complete")


def edited() -> State:
    """The plan file differs from the plan that runs."""
    return with_local(watching(), edited="- bake: 5m\n+ bake: 1m")


def pen_elsewhere() -> State:
    """Somebody else is the captain."""
    return people.crowded(watching())


def observing() -> State:
    """This console only looks on."""
    return with_local(people.crowded(healthy(), me=people.CARL), observing=True)


def approval_asked() -> State:
    """The next stage waits for a second person, who may be the one who looks."""
    return people.asking(people.crowded(watching()))


def approval_given() -> State:
    """The captain sees that ben has approved."""
    return people.asking(people.crowded(watching(), me=ANA), given=True)


def frozen() -> State:
    """A freeze is in force."""
    return people.frozen(people.crowded(watching(), me=ANA))


def pen_offered() -> State:
    """The captain offers the pen to the one who looks."""
    return people.offered(people.crowded(healthy()))


def pen_left() -> State:
    """The captain went and left a note."""
    return people.handed(people.crowded(healthy(), captain=None))


def called_up() -> State:
    """Nobody has acted on a fail for six minutes."""
    return people.called(people.crowded(failing(), seen=400))


STATES: Mapping[str, Callable[[], State]] = {
    made.__name__: made
    for made in (
        opening,
        ready,
        healthy,
        watching,
        failing,
        stale,
        source_failed,
        promoting,
        partial,
        drifted,
        halted,
        rolling_back,
        rolled_back,
        past_one_way,
        unjournaled,
        unplaced,
        complete,
        closed,
        edited,
        pen_elsewhere,
        observing,
        approval_asked,
        approval_given,
        frozen,
        pen_offered,
        pen_left,
        called_up,
        warming_up,
        undecided,
        suspected,
        inconclusive,
        mismatched,
        canary_silent,
        fallen_silent,
        everything_on_the_canary,
    )
}
"""Every sample by name. A pane is also tested with None: no state yet."""
