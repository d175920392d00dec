"""Sample States with several people in the room: the pen elsewhere, an observer, an approval asked for, a freeze."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from console.events.evidence import Actor
from console.plan.nouns import CalendarWindow, Rung
from console.state.approvals import approval_digest
from console.state.participants import Approval, Escalation, Handoff, Member, Pen, Poller
from console.state.values import State
from tests.states.pieces import with_local
from tests.states.plan import ANA, BEN, NOW, ago

CARL = Actor(uid=1003, user="carl", host="bastion-2", pid=777)
FREEZE = CalendarWindow("Europe/Berlin", frozenset({6}), 0, 1440, reason="quarter end")
"""NOW is a Sunday."""


def members(*there: tuple[Actor, str, float]) -> tuple[Member, ...]:
    """(person, role, seconds since seen) in the room."""
    return tuple(Member(f"s{number}", who, role, ago(seen)) for number, (who, role, seen) in enumerate(there))


def crowded(state: State, *, me: Actor = BEN, captain: Actor | None = ANA, seen: float = 12) -> State:
    """`state` with three people in the room, as one of them sees it; another one polls."""
    crew = members((ANA, "captain", seen), (BEN, "operator", 0), (CARL, "observer", 95))
    pen = Pen(captain, ago(300), ago(max(seen, 0)), 1) if captain is not None else Pen(number=2)
    return with_local(replace(state, pen=pen), operator=me, crew=crew, poller=Poller(me == ANA, ANA))


def asking(state: State, *, given: bool = False) -> State:
    """`state` whose next stage asks for a second person."""
    stages = tuple(replace(stage, approvals=1) for stage in state.plan.stages)
    plan = replace(state.plan, stages=stages)
    entries = tuple(replace(entry, stage=stage) for entry, stage in zip(state.stages, stages, strict=True))
    state = replace(state, plan=plan, stages=entries)
    if not given:
        return state
    card = approval_digest(state) or ""
    approval = Approval(BEN.person, "ben", state.move + 1, card, ago(20), "graphs look right")
    return with_local(state, approvals=(approval,))


def frozen(state: State) -> State:
    """`state` on a day on which nothing goes forward."""
    return replace(state, plan=replace(state.plan, freeze=(FREEZE,)))


def offered(state: State) -> State:
    """`state` in which ana offers the pen to the operator."""
    return replace(state, pen=replace(state.pen, offered="ben", note="lunch", number=2))


def handed(state: State) -> State:
    """`state` whose last captain left a note."""
    note = "errors on /v2/cart are a known bot; do not go past half before six"
    return replace(state, pen=Pen(number=3), handoff=Handoff(ago(12 * 60), ANA, note))


def called(state: State) -> State:
    """`state` in which a failing metric has gone without a human act for so long that a rung is reached."""
    since = NOW - timedelta(minutes=6)
    metrics = {name: replace(entry, said="fail", said_at=since) for name, entry in state.metrics.items()}
    ladder = (Rung(300.0, "payments on call"), Rung(900.0, "carl, +49 30 1234"))
    plan = replace(state.plan, escalation=ladder)
    reached = Escalation(1, "payments on call", "errors FAIL", since, ago(60))
    old = tuple(replace(entry, at=NOW - timedelta(minutes=20)) for entry in state.decisions)
    return replace(state, plan=plan, metrics=metrics, called=(reached,), decisions=old, log=())
