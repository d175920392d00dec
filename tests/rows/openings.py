"""Second openings, forged runs and closings from nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from console.cli.exits import Exit
from tests.rows.bodies import noted
from tests.rows.forgery import HUGE, Belief, Body, ForgedRow, Forgery, changed, forged
from tests.rows.ids import renamed
from tests.rows.prepared import PLAN, PLAN_NAME, Facts

ELSEWHERE = PLAN.replace("adapter: embedded", "adapter: embedded, world: other")
WITHOUT_TARGETS = f"warroom: 1\nrollout: {PLAN_NAME}\nbackends: {{edge: {{adapter: embedded}}}}\ntargets: {{}}\n"
RENAMED = PLAN.replace("api", "front")
OTHER_PLAN = PLAN.replace(f"rollout: {PLAN_NAME}", "rollout: other")
UP = PLAN + "rollback:\n  - {id: up, set: {api: 100, page: 100}}\n"
"""A plan whose rollback raises everything."""


def digest_of(plan: str) -> str:
    """The digest that a plan's text has."""
    from console.plan.loader import parse

    return parse(plan, "plan.yaml").digest


def at_percent(opened: Body, percent: float) -> Body:
    """An opening at which every target read `percent`."""
    body = changed(opened, "readings.0.percent", percent)
    return changed(changed(body, "readings.1.percent", percent), "readings.1.on", percent > 0)


def second_openings(facts: Facts) -> Iterator[Forgery]:
    """Openings of a rollout that is open already."""

    def opening(title: str, **change: object) -> ForgedRow:
        return forged("rollout_opened", at_percent(renamed(facts.opened, title), 100) | change)

    rows: dict[str, Body] = {
        "at 100 %": {},
        "at 100 %, three stages reached": {"reached": 3, "candidates": [3]},
        "99 stages reached": {"reached": 99},
        "a negative number of stages reached": {"reached": -3},
        "400 digits of stages reached": {"reached": HUGE},
        "placed nowhere": {"reached": None, "candidates": [0, 1, 99]},
        "a million candidates": {"reached": None, "candidates": [1] * 1_000_000},
        "without readings": {"readings": []},
        "readings that are none": {"readings": [1, None, "api"]},
        "nothing could be read": {"readings": [], "unread": {"api": "gone", "page": "gone"}},
        "unread is a list": {"unread": ["api"]},
        "of another plan": {"plan_text": OTHER_PLAN, "plan_digest": "ab"},
        "whose plan raises everything": {"plan_text": UP, "plan_digest": "ab"},
        "of an empty plan": {"plan_text": "", "plan_digest": ""},
        "of a plan that is no YAML": {"plan_text": "{", "plan_digest": "ab"},
        "of a plan without targets": {"plan_text": WITHOUT_TARGETS, "plan_digest": "ab"},
        "of a plan of a million lines": {"plan_text": "#\n" * 1_000_000, "plan_digest": "ab"},
        "of a plan that is a number": {"plan_text": 7, "plan_digest": 7},
    }
    for name, change in rows.items():
        title = f"second opening: {name}"
        yield Forgery(title, (opening(title, **change),))
    title = "second opening: with the right digest of a plan that raises everything"
    right = {"plan_text": UP, "plan_digest": digest_of(UP)}
    yield Forgery(title, (opening(title, **right),))
    title = "second opening: the first one again, under a new id"
    yield Forgery(title, (forged("rollout_opened", renamed(facts.opened, title)),))
    title = "second opening: twice"
    yield Forgery(title, (opening(title), opening(f"{title} again")))


RUNS = (
    "2",
    "x",
    "01",
    "0",
    "-1",
    "+2",
    "1_0",
    "999999999999",
    "9" * 400,
    "1.5",
    "",
    "1/",
    " 2",
    "2 ",
    "２",
    "2.0",
    "1e3",
    "0x2",
    "\u200b2",
    "2\n",
    "'; DROP TABLE events; --",
)
"""What stands behind the slash of a forged run's name."""
OTHER_NAMES = (
    *("", "/", "/1", "shop", "shop0", "shop.", "sho", "shop-2/1", "shopping/1", "SHOP/1", "shop%/1", "_hop/1"),
    *("shop//1", "shop/1/2", "shop/1x/1", "shop/10/2"),
)
"""Names of rollouts that are no run of the plan, though they look like one."""


def forged_runs(facts: Facts) -> Iterator[Forgery]:
    """Openings of runs that follow none: the next one while the first is open, and names that are none."""
    for name in RUNS:
        title = f"run: {name[:24]!r}"
        body = at_percent(renamed(facts.opened, title), 100) | {"reached": 3, "candidates": [3]}
        yield Forgery(title, (forged("rollout_opened", body, rollout=f"{PLAN_NAME}/{name}"),))
    for rollout in OTHER_NAMES:
        title = f"run: named {rollout!r}"
        body = at_percent(renamed(facts.opened, title), 100)
        yield Forgery(title, (forged("rollout_opened", body, rollout=rollout),), belief=Belief.OPEN)


def begun_runs(facts: Facts) -> Iterator[Forgery]:
    """Rows of a next run that begins otherwise, or follows a forged end."""
    for name, body_of in (("no JSON", "hello"), ("an empty object", "{}")):
        title = f"run: the next one, its opening is {name}"
        yield Forgery(title, (ForgedRow("rollout_opened", body_of, rollout=f"{PLAN_NAME}/2"),))
    title = "run: the next one, begun with a note"
    yield Forgery(title, (forged("noted", noted(facts, title), rollout=f"{PLAN_NAME}/2"),))
    title = "run: the next one, begun with a closing"
    closing = noted(facts, title) | {"kind": "rollout_closed", "how": "complete"}
    yield Forgery(title, (forged("rollout_closed", closing, rollout=f"{PLAN_NAME}/2"),))
    title = "run: the next two"
    bodies = [at_percent(renamed(facts.opened, f"{title} {number}"), 100) for number in (2, 3)]
    rows = tuple(forged("rollout_opened", body, rollout=f"{PLAN_NAME}/{2 + at}") for at, body in enumerate(bodies))
    yield Forgery(title, rows)
    title = "run: the next one, opened and closed"
    opening = forged("rollout_opened", at_percent(renamed(facts.opened, title), 100), rollout=f"{PLAN_NAME}/2")
    end = noted(facts, f"{title} end") | {"kind": "rollout_closed", "how": "complete"}
    yield Forgery(title, (opening, forged("rollout_closed", end, rollout=f"{PLAN_NAME}/2")))
    title = "run: a closing of the open one, then the next one at 100 %"
    first = noted(facts, title) | {"kind": "rollout_closed", "how": "complete"}
    second = at_percent(renamed(facts.opened, f"{title} next"), 100)
    rows = (forged("rollout_closed", first), forged("rollout_opened", second, rollout=f"{PLAN_NAME}/2"))
    yield Forgery(title, rows)


def closings(facts: Facts) -> Iterator[Forgery]:
    """Closings that nothing led to, and one that a decision did."""
    for how in ("complete", "rolled_back", "decision", "vanished", "", None, 7):
        title = f"closing: {how}"
        body = noted(facts, title) | {"kind": "rollout_closed", "how": how}
        yield Forgery(title, (forged("rollout_closed", body),))
    title = "closing: twice"
    bodies = [noted(facts, f"{title} {number}") | {"kind": "rollout_closed", "how": "complete"} for number in (1, 2)]
    yield Forgery(title, tuple(forged("rollout_closed", body) for body in bodies))
    title = "closing: by a decision of the operator"
    decided = renamed(facts.promoted, title) | {"verb": "close", "move": None, "stage": 1, "pen": None}
    end = noted(facts, f"{title} end") | {"kind": "rollout_closed", "how": "decision"}
    rows = (forged("decision_taken", decided), forged("rollout_closed", end))
    yield Forgery(title, rows, belief=Belief.OPEN, codes=(Exit.OK, Exit.REFUSED), reaches=False)
    title = "closing: a decision without its end"
    decided = renamed(facts.promoted, title) | {"verb": "close", "move": None, "stage": 1}
    yield Forgery(title, (forged("decision_taken", decided),), belief=Belief.OPEN)
