"""What tests of the journal write into one: events by hand, at one moment, by one person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from adapters.contract import Outcome, Setting
from console.events.evidence import Actor, Verb
from console.events.kinds import (
    DecisionTaken,
    Noted,
    RequestMade,
    RequestSettled,
    RolloutClosed,
    RolloutOpened,
    SourceRead,
)
from console.journal.contract import ConsoleRole, Journal, Presence, UnsignedApproval
from console.plan.loader import parse
from tests.rollout_rig import empty_card

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = Actor(1001, "ana", "bastion-1", 42)
BOB = Actor(1002, "bob", "bastion-1", 43)
RUN = "checkout/1"
CARD = "0f" * 16


PLAN_TEXT = """\
warroom: 1
rollout: checkout
backends: {edge: {adapter: embedded, latency: 0}}
targets: {api: {backend: edge, kind: deploy}}
stages:
  - {name: ten, set: {api: 10}}
  - {name: full, set: {api: 100}}
"""
DIGEST = parse(PLAN_TEXT, "plan.yaml").digest


def opening() -> RolloutOpened:
    return RolloutOpened(at=AT, who=ANA, plan_digest=DIGEST, plan_text=PLAN_TEXT, readings=(), reached=0)


def close_decision() -> DecisionTaken:
    """The decision that has to stand before a closing that is believed."""
    return DecisionTaken(at=AT, who=ANA, verb=Verb.CLOSE, stage=0, card=empty_card(Verb.CLOSE))


def closing() -> RolloutClosed:
    return RolloutClosed(at=AT, how="complete")


def note(text: str) -> Noted:
    return Noted(at=AT, who=ANA, text=text)


def forward(move: int) -> DecisionTaken:
    return DecisionTaken(at=AT, who=ANA, verb=Verb.PROMOTE, stage=0, move=move, card=empty_card(Verb.PROMOTE))


def halt() -> DecisionTaken:
    return DecisionTaken(at=AT, verb=Verb.HALT, stage=0, card=empty_card(Verb.HALT))


def sample(source: str, after_s: float = 0.0) -> SourceRead:
    return SourceRead(at=AT + timedelta(seconds=after_s), source=source)


def approval(move: int = 1, card: str = CARD, text: str = "looks right") -> UnsignedApproval:
    return UnsignedApproval(move, card, AT, text)


def presence(session: str, actor: Actor = ANA, role: ConsoleRole = ConsoleRole.OPERATOR) -> Presence:
    return Presence(session, actor, role, AT)


def decided(journal: Journal) -> DecisionTaken:
    """A promote of two targets: one accepted, one not settled."""
    decision = forward(1)
    journal.append(RUN, opening())
    journal.append(RUN, decision)
    for target in ("edge", "flag"):
        made = RequestMade(
            at=AT,
            decision=decision.id,
            backend="b",
            target=target,
            setting=Setting(5),
            send_by=AT + timedelta(seconds=5),
            deadline_s=5.0,
        )
        journal.append(RUN, made)
        if target == "edge":
            journal.append(RUN, RequestSettled(at=AT, request=made.id, outcome=Outcome.ACCEPTED))
    return decision
