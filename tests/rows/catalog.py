"""Every hand-made forgery, by name."""

from __future__ import annotations

from itertools import chain

from tests.rows import bodies, columns, decisions, openings, people, requests, steps
from tests.rows.forgery import Forger, Forgery, named
from tests.rows.prepared import Facts

FORGERS: tuple[Forger, ...] = (
    bodies.unreadable,
    bodies.moments,
    bodies.readings,
    bodies.odd_readings,
    bodies.numbers,
    bodies.texts,
    bodies.shapes,
    columns.kinds,
    columns.values,
    columns.places,
    openings.second_openings,
    openings.forged_runs,
    openings.begun_runs,
    openings.closings,
    decisions.verbs,
    decisions.moves,
    decisions.absurd_moves,
    requests.requests,
    requests.settlements,
    requests.afterthoughts,
    steps.steps,
    steps.rollbacks,
    steps.plans,
    people.people,
    people.samples,
)


def forgeries(facts: Facts) -> dict[str, Forgery]:
    """The hand-made forgeries around the rows of a prepared journal."""
    return named([*chain.from_iterable(forger(facts) for forger in FORGERS)])
