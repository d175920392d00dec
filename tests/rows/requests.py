"""Requests, settlements and gate answers for calls that no console made."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rows.bodies import noted
from tests.rows.forgery import Belief, Body, Forgery, forged
from tests.rows.ids import id_of, renamed
from tests.rows.prepared import Facts


def request(facts: Facts, name: str, **change: object) -> Body:
    """A request for `api`, as a console would write it."""
    return renamed(facts.made, name) | change


def requests(facts: Facts) -> Iterator[Forgery]:
    """Requests and settlements for calls that no console made."""
    odd: dict[str, Body] = {
        "of an unknown decision": {"decision": id_of("none")},
        "of an empty decision": {"decision": ""},
        "for an unknown target": {"target": "elsewhere"},
        "to an unknown backend": {"backend": "elsewhere"},
        "for an unknown step": {"step": "no-such-step"},
        "for a step of the rollback": {"step": "api-back", "setting": {"percent": 0}},
        "for a step, to 100 %": {"step": "api-back", "setting": {"percent": 100}},
        "of an unknown action": {"action": "explode"},
        "to pause": {"action": "pause"},
        "to 100 %": {"setting": {"percent": 100}},
        "to nothing": {"setting": {"percent": None}},
        "to a version": {"setting": {"percent": 0, "version": "v41"}},
        "to a step": {"setting": {"percent": None, "step": 99}},
        "to be sent in a thousand years": {"send_by": "3026-01-01T00:00:00Z"},
        "to be sent long ago": {"send_by": "2001-01-01T00:00:00Z"},
        "with a deadline of a year": {"deadline_s": 31_536_000.0},
        "with 10,000 calls": {"calls": ["x"] * 10_000},
        "of a later shape": {"v": 99, "action": "teleport"},
    }
    for name, change in odd.items():
        title = f"request: {name}"
        row = forged("request_made", request(facts, title, **change))
        yield Forgery(title, (row,), belief=Belief.OPEN)
    for name, value in (("a number", 7), ("null", None), ("a list", [10])):
        title = f"request: its setting is {name}"
        yield Forgery(title, (forged("request_made", request(facts, title, setting=value)),))


def settlements(facts: Facts) -> Iterator[Forgery]:
    """Settlements of requests that were not sent, not made or settled before."""
    for outcome in ("accepted", "refused", "unknown"):
        title = f"settlement: {outcome}, of a request to 0 % that was never sent"
        made = request(facts, f"{title} made", setting={"percent": 0, "on": None})
        settled = renamed(facts.settled, title) | {"request": made["id"], "outcome": outcome}
        rows = (forged("request_made", made), forged("request_settled", settled))
        yield Forgery(title, rows, belief=Belief.OPEN)
        title = f"settlement: {outcome}, of no request"
        settled = renamed(facts.settled, title) | {"request": id_of("none"), "outcome": outcome}
        yield Forgery(title, (forged("request_settled", settled),), belief=Belief.OPEN)
        title = f"settlement: {outcome}, of a settled request"
        settled = renamed(facts.settled, title) | {"outcome": outcome, "reason": "again"}
        yield Forgery(title, (forged("request_settled", settled),), belief=Belief.OPEN)
    for word in ("done", "", None, 1):
        title = f"settlement: {word!r}"
        yield Forgery(title, (forged("request_settled", renamed(facts.settled, title) | {"outcome": word}),))


def afterthoughts(facts: Facts) -> Iterator[Forgery]:
    """Reconciliations and gate answers about calls that need none."""
    for effect in (True, False):
        title = f"reconciliation: took effect {effect}"
        body = noted(facts, title) | {"kind": "request_reconciled", "request": facts.made["id"], "reads": "0 %"}
        row = forged("request_reconciled", body | {"took_effect": effect})
        yield Forgery(title, (row,), belief=Belief.OPEN)
    for request_id in (facts.made["id"], id_of("none")):
        title = f"gate: lapsed, of {'a' if request_id == facts.made['id'] else 'no'} request"
        body = noted(facts, title) | {"kind": "gate_lapsed", "request": request_id, "reason": "no query"}
        yield Forgery(title, (forged("gate_lapsed", body),), belief=Belief.OPEN)
        title = f"gate: answered, of {'a' if request_id == facts.made['id'] else 'no'} request"
        body = noted(facts, title) | {"kind": "gate_answered", "request": request_id, "target": "api"}
        row = forged("gate_answered", body | {"gate": "confirm-rollout", "step": -5})
        yield Forgery(title, (row,), belief=Belief.OPEN)
