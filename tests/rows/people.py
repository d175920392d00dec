"""Pen, escalation, sources and verdicts that no console recorded, and samples that no backend gave."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from tests.rows.bodies import noted
from tests.rows.decisions import decision
from tests.rows.forgery import HUGE, Belief, Body, ForgedSample, Forgery, changed, forged
from tests.rows.ids import renamed
from tests.rows.prepared import RUN, Facts

NOW = "2026-12-01T04:00:00Z"


def people(facts: Facts) -> Iterator[Forgery]:
    """Rows about the pen and about calls for people."""
    bodies: tuple[tuple[str, str, Body], ...] = (
        ("pen: released at change 1", "pen_released", {"pen": 1, "reason": "absent"}),
        ("pen: released at change -1", "pen_released", {"pen": -1, "reason": "absent"}),
        ("pen: released at change 99", "pen_released", {"pen": 99, "reason": ""}),
        ("escalation: rung 1", "escalated", {"rung": 1, "call": "sre", "trouble": "FAIL", "since": NOW}),
        ("escalation: rung -1", "escalated", {"rung": -1, "call": "sre", "trouble": "FAIL", "since": NOW}),
        ("escalation: rung 99", "escalated", {"rung": 99, "call": "", "trouble": "", "since": NOW}),
        ("source: an unknown one failed", "source_failed", {"source": "elsewhere", "reason": "gone"}),
        ("source: failed", "source_failed", {"source": "edge", "reason": "gone"}),
        ("source: an unknown one recovered", "source_recovered", {"source": "elsewhere"}),
        ("verdict: of no metric", "verdict_changed", {"metric": "none", "was": "pass", "became": "fail", "reason": ""}),
        ("verdict: pass", "verdict_changed", {"metric": "errors", "was": "fail", "became": "pass", "reason": ""}),
        ("verdict: no word", "verdict_changed", {"metric": "errors", "was": "", "became": "great", "reason": ""}),
    )
    for title, kind, change in bodies:
        row = forged(kind, noted(facts, title) | {"kind": kind} | change)
        yield Forgery(title, (row,), belief=Belief.OPEN)
    absurd: tuple[tuple[str, str, Body], ...] = (
        ("pen: released at 400 digits", "pen_released", {"pen": HUGE, "reason": ""}),
        ("pen: released at a word", "pen_released", {"pen": "first", "reason": ""}),
        ("escalation: since a naive time", "escalated", {"rung": 1, "call": "", "trouble": "", "since": "2026-12-01"}),
        ("escalation: since the year 1", "escalated", {"rung": 1, "call": "", "trouble": "", "since": "0001-01-01"}),
        ("escalation: rung of 400 digits", "escalated", {"rung": HUGE, "call": "", "trouble": "", "since": NOW}),
        ("source: a list failed", "source_failed", {"source": ["edge"], "reason": "gone"}),
        ("source: failed without a reason", "source_failed", {"source": "edge", "reason": None}),
        ("verdict: of a list", "verdict_changed", {"metric": [], "was": "", "became": "", "reason": ""}),
    )
    for title, kind, change in absurd:
        yield Forgery(title, (forged(kind, noted(facts, title) | {"kind": kind} | change),))
    title = "pen: taken by another"
    other = facts.who | {"uid": 4242, "user": "mallory", "pid": 7}
    row = forged("decision_taken", decision(facts, title, "take", who=other, pen=1))
    yield Forgery(title, (row,), belief=Belief.OPEN)


def _edits(tick: Body, reply: Body) -> tuple[tuple[str, object], ...]:
    """(dotted path, value) of what is wrong with a sample."""
    return (
        ("at", "0001-01-01T00:00:00Z"),
        ("at", "9999-12-31T23:59:59Z"),
        ("at", "2026-12-01T04:00:00"),
        ("replies.0.readings.0.at", "0001-01-01T00:00:00Z"),
        ("replies.0.readings.0.at", "9999-12-31T23:59:59Z"),
        ("replies.0.readings.0.at", "2026-12-01T04:00:00"),
        ("replies.0.canary_at", "9999-12-31T23:59:59Z"),
        ("replies.0.canary_at", "0001-01-01T00:00:00Z"),
        ("replies.0.canary_at", "2026-12-01T04:00:00"),
        ("replies.0.readings.0.canary.total", -5),
        ("replies.0.readings.0.canary.total", 1e308),
        ("replies.0.readings.0.canary.total", HUGE),
        ("replies.0.readings.0.canary.total", math.nan),
        ("replies.0.readings.0.canary.bad", math.inf),
        ("replies.0.readings.0.canary.bad", 10**9),
        ("replies.0.readings.0.canary", {"value": 1e308, "instances": [math.nan]}),
        ("replies.0.readings.0.canary", {"value": -math.inf, "instances": []}),
        ("replies.0.readings.0.canary", {"total": 5, "within": [[1e308, -1], [math.nan, 2]]}),
        ("replies.0.readings.0.canary", "many"),
        ("replies.0.tick_s", 0),
        ("replies.0.tick_s", -10),
        ("replies.0.tick_s", 1e308),
        ("replies.0.tick_s", math.nan),
        ("replies.0.tick_s", 1e-300),
        ("replies.0.metric", "none"),
        ("replies.0.metric", None),
        ("replies.0.spacing_s", -1),
        ("replies.0.spacing_s", 1e308),
        ("replies.0.readings", [tick] * 20_000),
        ("replies", [reply] * 2_000),
        ("source", "elsewhere"),
        ("source", None),
        ("skew_s", 1e308),
        ("skew_s", math.nan),
        ("targets", ["elsewhere"] * 10_000),
        ("targets", "api"),
        ("kind", "rollout_closed"),
    )


def samples(facts: Facts) -> Iterator[Forgery]:
    """Samples that no backend gave; they have no chain, and are left out when they cannot be believed."""

    def one(title: str, body: Body | str, **columns: object) -> Forgery:
        text = body if isinstance(body, str) else json.dumps(body)
        return Forgery(f"sample: {title}", samples=(ForgedSample(text, **columns),), belief=Belief.OPEN)  # type: ignore[arg-type]

    for name, text in (("no JSON", "hello"), ("null", "null"), ("nesting", "[" * 100_000), ("empty", "")):
        yield one(name, text)
    tick = {"at": facts.at, "canary": {"total": 100.0, "bad": 1.0}, "baseline": {"total": 100.0, "bad": 1.0}}
    reply: Body = {
        "metric": "errors",
        "readings": [tick],
        "canary_at": facts.at,
        "baseline_at": facts.at,
        "tick_s": 10.0,
    }
    base = renamed(facts.sample, "sample") | {"replies": [reply], "targets": ["api", "page"]}
    for path, value in _edits(tick, reply):
        shown = f"{len(value)} entries" if isinstance(value, list) else str(value)[:32]
        yield one(f"{path} is {shown}", changed(base, path, value))
    yield one("after a far event", base, after_seq=2**63 - 1)
    yield one("before every event", base, after_seq=-1)
    yield one("of no rollout", base, rollout="nowhere/1")
    yield one("of another version", base | {"v": 99}, v=99)
    yield one("with other columns", base, source="elsewhere", at="soon", v=-1)
    yield one("of the open rollout", base, rollout=RUN)
    flood = tuple(ForgedSample(f"hello {number}") for number in range(2_000))
    yield Forgery("sample: two thousand that are no JSON", samples=flood, belief=Belief.OPEN)
