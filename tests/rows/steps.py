"""Rollback steps that are done without a call, rollbacks that were never pressed, and accepted plans."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rows.bodies import halting, noted
from tests.rows.decisions import WAITING, decision
from tests.rows.forgery import Belief, ForgedRow, Forgery, forged
from tests.rows.ids import renamed
from tests.rows.openings import ELSEWHERE, OTHER_PLAN, RENAMED, UP, WITHOUT_TARGETS, digest_of
from tests.rows.prepared import PLAN, Facts


def done(facts: Facts, title: str, step: object) -> ForgedRow:
    """A row that says that a step is done."""
    body = noted(facts, title) | {"kind": "step_done", "step": step, "how": "reads 0 %"}
    return forged("step_done", body)


def steps(facts: Facts) -> Iterator[Forgery]:
    """Rollback steps that are done without a call, and rollbacks that were never pressed."""

    for step in ("api-back", "page-back", "no-such-step", ""):
        title = f"step: {step!r} done without a rollback"
        yield Forgery(title, (done(facts, title, step),), belief=Belief.OPEN)
    for word in (None, 7, ["api-back"]):
        title = f"step: {word!r} done"
        yield Forgery(title, (done(facts, title, word),))


def rollbacks(facts: Facts) -> Iterator[Forgery]:
    """Rollbacks that were never pressed, of which nothing was sent."""
    title = "rollback: pressed, every step done, nothing sent"
    pressed = forged("decision_taken", decision(facts, title, "rollback"))
    rows: tuple[ForgedRow, ...] = (
        pressed,
        done(facts, f"{title} a", "api-back"),
        done(facts, f"{title} b", "page-back"),
    )
    yield Forgery(title, rows, belief=Belief.OPEN)
    title = "rollback: pressed, every step skipped"
    pressed = forged("decision_taken", decision(facts, title, "rollback"))
    skipped = [decision(facts, f"{title} {step}", "skip", subject=step) for step in ("api-back", "page-back")]
    rows = (pressed, *(forged("decision_taken", body) for body in skipped))
    yield Forgery(title, rows, belief=Belief.OPEN, codes=WAITING, reaches=False)
    title = "rollback: pressed, every reading at nothing"
    pressed = forged("decision_taken", decision(facts, title, "rollback"))
    reading = renamed(facts.observed, f"{title} reads")
    reading["reading"] |= {"percent": 0.0}
    yield Forgery(title, (pressed, forged("target_observed", reading)), belief=Belief.OPEN)
    title = "rollback: complete, and closed"
    pressed = forged("decision_taken", decision(facts, title, "rollback"))
    end = noted(facts, f"{title} end") | {"kind": "rollout_closed", "how": "rolled_back"}
    rows = (
        pressed,
        done(facts, f"{title} a", "api-back"),
        done(facts, f"{title} b", "page-back"),
        forged("rollout_closed", end),
    )
    yield Forgery(title, rows, belief=Belief.OPEN)
    title = "rollback: pressed a hundred times"
    rows = tuple(forged("decision_taken", decision(facts, f"{title} {n}", "rollback")) for n in range(100))
    yield Forgery(title, rows, belief=Belief.OPEN)


def plans(facts: Facts) -> Iterator[Forgery]:
    """Accepted plans that do not parse, have nothing in them, point elsewhere or raise everything."""

    def accepting(title: str, text: object, digest: object) -> ForgedRow:
        return forged(
            "decision_taken",
            decision(facts, title, "accept", subject="plan", plan_text=text, plan_digest=digest, pen=None),
        )

    unusable = {
        "no YAML": "{",
        "empty": "",
        "no plan": "a: 1",
        "a later version": PLAN.replace("warroom: 1", "warroom: 99"),
        "without targets": WITHOUT_TARGETS,
        "a million lines": "#\n" * 1_000_000,
        "an alias bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nwarroom: *c\n",
        "nesting": "[" * 3_000,
    }
    for name, text in unusable.items():
        title = f"accepted plan: {name}"
        yield Forgery(title, (accepting(title, text, "ab"),), belief=Belief.OPEN)
    title = "accepted plan: raising everything"
    row = accepting(title, UP, digest_of(UP))
    yield Forgery(title, (row,), belief=Belief.OPEN, codes=WAITING, reaches=False, own_steps=True)
    usable = {"pointing elsewhere": ELSEWHERE, "renaming a target": RENAMED}
    for name, text in usable.items():
        title = f"accepted plan: {name}"
        yield Forgery(title, (accepting(title, text, digest_of(text)),), belief=Belief.OPEN, codes=WAITING)
    title = "accepted plan: of another name"
    row = accepting(title, OTHER_PLAN, digest_of(OTHER_PLAN))
    yield Forgery(title, (row,), belief=Belief.OPEN, codes=WAITING)
    title = "accepted plan: with the digest of another"
    yield Forgery(title, (accepting(title, UP, facts.opened["plan_digest"]),), belief=Belief.OPEN)
    title = "accepted plan: the first one again"
    row = accepting(title, facts.opened["plan_text"], facts.opened["plan_digest"])
    yield Forgery(title, (row,), belief=Belief.OPEN)
    title = "accepted plan: a text that is a number"
    yield Forgery(title, (accepting(title, 7, 7),))
    title = "halt: with the text of a plan"
    body = halting(facts, title) | {"plan_text": UP, "plan_digest": digest_of(UP)}
    yield Forgery(title, (forged("decision_taken", body),), belief=Belief.OPEN)
