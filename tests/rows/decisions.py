"""Decisions by verbs that do not exist, about things that do not, and promotes that nothing led to."""

from __future__ import annotations

import math
from collections.abc import Iterator

from console.cli.exits import Exit
from tests.rows.bodies import halting
from tests.rows.forgery import Belief, Body, Forgery, forged
from tests.rows.ids import renamed
from tests.rows.prepared import Facts

WAITING = (Exit.OK, Exit.REFUSED)
"""Exit codes of a rollback of which a step may wait for the operator."""


def decision(facts: Facts, name: str, verb: object, **change: object) -> Body:
    """A decision that moves nothing forward, as the operator's console would write it."""
    return renamed(facts.promoted, name) | {"verb": verb, "move": None, "stage": 1, "subject": None} | change


def verbs(facts: Facts) -> Iterator[Forgery]:
    """Decisions by verbs that do not exist, and by verbs about things that do not."""
    for verb in ("explode", "", "PROMOTE", None, 3, ["promote"]):
        title = f"decision: {verb!r}"
        yield Forgery(title, (forged("decision_taken", decision(facts, title, verb)),), belief=Belief.OPEN)
    about: tuple[tuple[str, object], ...] = (
        ("halt", None),
        ("resume", None),
        ("rollback", None),
        ("skip", "api-back"),
        ("skip", "no-such-step"),
        ("confirm", "api-back"),
        ("confirm", "no-such-step"),
        ("order", "api explode"),
        ("order", None),
        ("accept", "api"),
        ("accept", "elsewhere"),
        ("accept", None),
        ("place", "3"),
        ("place", "99"),
        ("place", "-1"),
        ("place", "x"),
        ("take", None),
        ("offer", "mallory"),
        ("handoff", None),
        ("approve", None),
    )
    for verb, subject in about:
        title = f"decision: {verb} {subject}"
        row = forged("decision_taken", decision(facts, title, verb, subject=subject))
        yield Forgery(title, (row,), belief=Belief.OPEN)
    for subject in (7, ["api"], {"a": 1}):
        title = f"decision: accept {subject!r}"
        yield Forgery(title, (forged("decision_taken", decision(facts, title, "accept", subject=subject)),))


def moves(facts: Facts) -> Iterator[Forgery]:
    """Promotes that no key and no gate led to."""
    for move in (2, 3, 2**31 - 1, 0, -1):
        title = f"promote: move {move}"
        row = forged("decision_taken", decision(facts, title, "promote", move=move))
        yield Forgery(title, (row,), belief=Belief.OPEN)

    title = "promote: to the end, without a request"
    rows = [decision(facts, f"{title} {move}", "promote", move=move, stage=move - 1) for move in (2, 3, 4, 5)]
    yield Forgery(title, tuple(forged("decision_taken", body) for body in rows), belief=Belief.OPEN)
    title = "promote: a reason with a zero byte"
    row = forged("decision_taken", decision(facts, title, "halt", reason="a\x00b"))
    yield Forgery(title, (row,), belief=Belief.OPEN)
    title = "promote: a thousand halts"
    halts = tuple(forged("decision_taken", halting(facts, f"{title} {number}")) for number in range(1000))
    yield Forgery(title, halts, belief=Belief.OPEN)


def absurd_moves(facts: Facts) -> Iterator[Forgery]:
    """Promotes whose number no column takes."""
    numbers: tuple[object, ...] = (2**63 - 1, 2**64, 10**400, 2.5, math.nan, "2")
    for move in numbers:
        title = f"promote: move {str(move)[:24]!r}, none that a column takes"
        yield Forgery(title, (forged("decision_taken", decision(facts, title, "promote", move=move)),))
