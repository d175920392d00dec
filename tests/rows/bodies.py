"""Bodies that are no JSON, of another shape than their kind's, or with values that no backend and no person has."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

from tests.rows.forgery import HUGE, Belief, Body, ForgedRow, Forgery, changed, forged
from tests.rows.ids import renamed
from tests.rows.prepared import Facts

UNREADABLE: Mapping[str, str] = {
    "empty": "",
    "a space": " ",
    "no JSON": "hello",
    "cut off": '{"id": "a", "v": 1, "at": "2026-12-0',
    "null": "null",
    "a list": "[]",
    "a text": '"x"',
    "a number": "42",
    "an empty object": "{}",
    "not a number": "NaN",
    "open nesting": "[" * 100_000,
    "closed nesting": "[" * 5_000 + "]" * 5_000,
    "nested objects": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "two objects": "{}{}",
    "5,000 digits": "1" * 5_000,
    "a byte-order mark": "\ufeff{}",
    "a comment": "// {}",
    "a list of objects": '[{"id": "a"}]',
}
"""Texts that are no body of any kind."""

KINDS = ("rollout_opened", "decision_taken", "target_observed")
"""Kinds that matter most; the others get one unreadable body each."""
OTHER_KINDS = (
    "source_failed",
    "source_recovered",
    "verdict_changed",
    "request_made",
    "request_settled",
    "request_reconciled",
    "gate_answered",
    "gate_lapsed",
    "step_done",
    "noted",
    "rollout_closed",
    "pen_released",
    "escalated",
    "source_read",
    "unrecognised",
    "later_kind",
)

TIMES: Mapping[str, object] = {
    "naive": "2026-12-01T04:00:00",
    "the year 1": "0001-01-01T00:00:00Z",
    "the year 9999": "9999-12-31T23:59:59.999999Z",
    "a date": "2026-12-01",
    "no time": "yesterday",
    "a number": 1e300,
    "null": None,
    "an offset of 23 hours": "0001-01-01T00:00:00+23:59",
    "the end of time in the west": "9999-12-31T23:59:59-23:59",
    "a list": [],
}
"""Times that no clock shows; all of them are outside 2000 to 2200 or have no zone."""

PERCENTS: Mapping[str, object] = {
    "negative": -1,
    "101": 101,
    "1e308": 1e308,
    "400 digits": HUGE,
    "not a number": math.nan,
    "infinite": math.inf,
    "minus infinite": -math.inf,
    "a word": "ten",
    "a list": [10],
    "an object": {"percent": 10},
}


def unreadable(_facts: Facts) -> Iterator[Forgery]:
    """Bodies that are not even an object of their kind."""
    for kind in KINDS:
        for name, text in UNREADABLE.items():
            yield Forgery(f"{kind}: body is {name}", (ForgedRow(kind, text),))
    for kind in OTHER_KINDS:
        yield Forgery(f"{kind}: body is no JSON", (ForgedRow(kind, f"hello {kind}"),))


def halting(facts: Facts, name: str) -> Body:
    """A halt as the operator's console would write it."""
    return renamed(facts.promoted, name) | {"verb": "halt", "move": None, "stage": 1, "reason": "", "plan_text": None}


def noted(facts: Facts, name: str, text: str = "looks fine") -> Body:
    """A note."""
    kept = {key: facts.promoted[key] for key in ("v", "at", "who")}
    return renamed(kept, name) | {"kind": "noted", "text": text}


def moments(facts: Facts) -> Iterator[Forgery]:
    """Times of an event, of a card and of a reading that no clock shows."""
    for name, at in TIMES.items():
        title = f"noted: its time is {name}"
        yield Forgery(title, (forged("noted", changed(noted(facts, title), "at", at)),))
    for name, at in TIMES.items():
        title = f"target_observed: the reading's time is {name}"
        body = changed(renamed(facts.observed, title), "reading.at", at)
        yield Forgery(title, (forged("target_observed", body),))
    for name in ("naive", "the year 1", "the year 9999", "no time", "a number"):
        title = f"decision_taken: its card is of {name}"
        body = changed(halting(facts, title), "card.as_of", TIMES[name])
        yield Forgery(title, (forged("decision_taken", body),))
    for name in ("the year 1", "the year 9999", "a number"):
        title = f"request_made: to be sent by {name}"
        body = changed(renamed(facts.made, title), "send_by", TIMES[name])
        yield Forgery(title, (forged("request_made", body),))
    for year, belief in (("1970", Belief.OPEN), ("2100", Belief.OPEN), ("2199", Belief.OPEN), ("1999", Belief.OPEN)):
        title = f"noted: in {year}"
        body = changed(noted(facts, title), "at", f"{year}-06-01T12:00:00Z")
        yield Forgery(title, (forged("noted", body),), belief=belief)
    for kind, body in (("decision_taken", halting(facts, "an hour ahead")), ("noted", noted(facts, "an hour ahead"))):
        ahead = changed(body, "at", _an_hour_later(facts.at))
        yield Forgery(f"{kind}: an hour ahead", (forged(kind, ahead),), belief=Belief.HELD)


def _an_hour_later(at: str) -> str:
    from datetime import datetime, timedelta

    return (datetime.fromisoformat(at) + timedelta(hours=1)).isoformat()


def readings(facts: Facts) -> Iterator[Forgery]:
    """Readings of a target that no backend gives."""
    for name, percent in PERCENTS.items():
        title = f"target_observed: percent is {name}"
        body = changed(renamed(facts.observed, title), "reading.percent", percent)
        yield Forgery(title, (forged("target_observed", body),))
    odd: tuple[tuple[str, Body], ...] = (
        ("on is a word", {"on": "perhaps"}),
        ("an unknown phase", {"phase": "exploding"}),
        ("a step of 400 digits", {"step": HUGE, "steps": 3}),
        ("400 digits of steps", {"step": 0, "steps": HUGE}),
        ("steps are a list", {"step": [], "steps": []}),
        ("a wait that is none", {"step": 0, "steps": 3, "waits": "forever"}),
        ("steps that are no steps", {"step": 0, "steps": 1, "own_steps": [1, 2, 3]}),
        ("no target", {"target": None}),
        ("a target that is an object", {"target": {"name": "api"}}),
        ("a step end in the year 1", {"step": 0, "steps": 1, "until": "0001-01-01T00:00:00Z"}),
        ("asks every 1e308 s", {"step": 0, "steps": 1, "asks_s": 1e308}),
        ("asks not a number", {"step": 0, "steps": 1, "asks_s": math.nan}),
        ("desired 1e308", {"step": 0, "steps": 1, "desired": 1e308}),
        ("cannot is a list", {"cannot": [["promote"]]}),
    )
    for name, change in odd:
        title = f"target_observed: {name}"
        body = renamed(facts.observed, title)
        yield Forgery(title, (forged("target_observed", body | {"reading": body["reading"] | change}),))
    title = "target_observed: without a reading"
    yield Forgery(title, (forged("target_observed", renamed(facts.observed, title) | {"reading": None}),))


def odd_readings(facts: Facts) -> Iterator[Forgery]:
    """Readings that a backend may give, though none should."""
    plausible: tuple[tuple[str, Body], ...] = (
        ("a negative step", {"step": -7, "steps": 3}),
        ("a billion steps", {"step": 0, "steps": 10**9}),
        ("50,000 own steps", {"step": 0, "steps": 50_000, "own_steps": [{"text": "x", "percent": 1}] * 50_000}),
        ("10,000 notes", {"notes": ["look"] * 10_000}),
        ("an unknown target", {"target": "elsewhere"}),
        ("a problem", {"problem": "2 strategies", "percent": None}),
        ("no percent", {"percent": None}),
        ("all of it", {"percent": 100.0}),
        ("nothing", {"percent": 0.0}),
        ("a million letters of detail", {"detail": "x" * 1_000_000}),
        ("a rest at the last step", {"step": 3, "steps": 3, "at_rest": True, "canary_version": "v42"}),
        ("aborted", {"phase": "aborted", "percent": 0.0}),
    )
    for name, change in plausible:
        title = f"target_observed: {name}"
        body = renamed(facts.observed, title)
        row = forged("target_observed", body | {"reading": body["reading"] | change})
        yield Forgery(title, (row,), belief=Belief.OPEN)


def numbers(facts: Facts) -> Iterator[Forgery]:
    """Numbers of decisions, requests and people out of every range."""
    fields: tuple[tuple[str, Body, str], ...] = (
        ("decision_taken", halting(facts, "n"), "stage"),
        ("decision_taken", halting(facts, "n"), "card.move"),
        ("decision_taken", halting(facts, "n"), "card.metrics.0.n"),
        ("decision_taken", halting(facts, "n"), "who.uid"),
        ("decision_taken", halting(facts, "n"), "pen"),
        ("request_made", facts.made, "setting.percent"),
        ("request_made", facts.made, "deadline_s"),
    )
    absurd: tuple[tuple[str, object], ...] = (
        ("not a number", math.nan),
        ("infinite", math.inf),
        ("400 digits", HUGE),
        ("a word", "many"),
    )
    for kind, body, path in fields:
        for name, value in absurd:
            title = f"{kind}: {path} is {name}"
            yield Forgery(title, (forged(kind, changed(renamed(body, title), path, value)),))
    for path, value in (("card.metrics.0.n", -5), ("card.metrics.0.age_s", 1e308), ("stage", -1), ("pen", -9)):
        title = f"decision_taken: {path} is {value}"
        body = changed(halting(facts, title), path, value)
        yield Forgery(title, (forged("decision_taken", body),), belief=Belief.OPEN)
    for path, value in (("setting.percent", 101), ("setting.percent", -1), ("deadline_s", -1), ("deadline_s", 1e308)):
        title = f"request_made: {path} is {value}"
        body = changed(renamed(facts.made, title), path, value)
        yield Forgery(title, (forged("request_made", body),), belief=Belief.OPEN)
    title = "rollout_opened: v is 400 digits"
    yield Forgery(title, (forged("noted", changed(noted(facts, title), "v", HUGE)),), belief=Belief.OPEN)


def texts(facts: Facts) -> Iterator[Forgery]:
    """Texts that are long, act on a terminal, or look like other lines."""
    held: Mapping[str, str] = {
        "a million letters": "x" * 1_000_000,
        "an escape sequence": "\x1b]52;c;aGk=\x07\x1b[2J",
        "a reversed line": "\u202egnihton",
        "lone surrogates": "\ud800\udfff",
        "a zero byte": "a\x00b",
        "line breaks": "fine\nrolled back\r\x85",
        "emoji of many parts": "👩‍👩‍👧‍👦" * 500,
        "combining marks": "e" + "\u0301" * 5_000,
        "markup": "[red]x[/red][@click=app.quit]",
        "format fields": "{0} %s %n",
        "empty": "",
        "wide letters": "漢" * 2_000,
    }
    for name, text in held.items():
        title = f"noted: {name}"
        row = forged("noted", noted(facts, title, text))
        yield Forgery(title, (row,), belief=Belief.OPEN)


def shapes(facts: Facts) -> Iterator[Forgery]:
    """Fields of other types, and cards that are none."""
    title = "noted: an actor of other types"
    body = noted(facts, title) | {"who": {"uid": "root", "user": 7, "host": None, "pid": []}}
    yield Forgery(title, (ForgedRow("noted", json.dumps(body), event_id=body["id"], at=None),))
    title = "noted: the actor is a text"
    yield Forgery(title, (forged("noted", noted(facts, title) | {"who": "ana"}),))
    title = "noted: a reason of other types"
    yield Forgery(title, (forged("noted", noted(facts, title) | {"text": {"a": 1}}),))
    title = "decision_taken: a card without its fields"
    yield Forgery(title, (forged("decision_taken", halting(facts, title) | {"card": {}}),))
    title = "decision_taken: a card that is a list"
    yield Forgery(title, (forged("decision_taken", halting(facts, title) | {"card": []}),))
    title = "decision_taken: 100,000 gates"
    body = changed(halting(facts, title), "card.gates", [{"name": "x", "ok": True, "why": "y"}] * 100_000)
    yield Forgery(title, (forged("decision_taken", body),), belief=Belief.OPEN)
    title = "noted: the same key twice"
    twice = json.dumps(noted(facts, title))[:-1] + ', "text": "another"}'
    yield Forgery(title, (forged("noted", noted(facts, title)),), belief=Belief.HELD)
    yield Forgery(
        f"{title}, with another kind",
        (ForgedRow("noted", twice[:-1] + ', "kind": "rollout_closed", "how": "complete"}'),),
    )
