"""Rows that were forged before the first rollout is opened: it opens, and a rollback finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.journal.sqlite import SqliteJournal
from tests.rows.bodies import noted
from tests.rows.commands import faults_after, forge_in_file
from tests.rows.forgery import Belief, ForgedRow, Forgery, forged
from tests.rows.openings import at_percent
from tests.rows.prepared import PLAN_NAME, example_facts, open_at_ten

FACTS = example_facts()
IDS = 150
"""Run ids that are used up by one row each."""


def note_in(rollout: str) -> ForgedRow:
    return forged("noted", noted(FACTS, rollout), rollout=rollout)


def opening_of(rollout: str, **change: object) -> ForgedRow:
    body = at_percent(FACTS.opened | {"id": rollout}, 100) | {"plan_digest": "ab"} | change
    return forged("rollout_opened", body, rollout=rollout)


def closing_of(rollout: str) -> ForgedRow:
    body = noted(FACTS, f"{rollout} end") | {"kind": "rollout_closed", "how": "complete"}
    return forged("rollout_closed", body, rollout=rollout)


FORGERIES = {
    "an opening that is no JSON": (ForgedRow("rollout_opened", "hello"),),
    "an opening with another digest": (opening_of(f"{PLAN_NAME}/1"),),
    "an opening of 99 stages": (opening_of(f"{PLAN_NAME}/1", reached=99),),
    "a note": (note_in(f"{PLAN_NAME}/1"),),
    "a closing": (closing_of(f"{PLAN_NAME}/1"),),
    "a far run": (opening_of(f"{PLAN_NAME}/999999999"),),
    "the run of a word": (opening_of(f"{PLAN_NAME}/x"),),
    "the second run": (opening_of(f"{PLAN_NAME}/2"),),
    "150 runs of a note": tuple(note_in(f"{PLAN_NAME}/{number}") for number in range(1, IDS)),
    "150 later runs of a note": tuple(note_in(f"{PLAN_NAME}/{number}") for number in range(2, IDS)),
    "150 runs of an opening": tuple(opening_of(f"{PLAN_NAME}/{number}") for number in range(1, IDS)),
    "150 later runs, opened and closed": tuple(
        row(f"{PLAN_NAME}/{number}") for number in range(2, IDS) for row in (opening_of, closing_of)
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_rollout_opened_after_it_is_rolled_back(tmp_path: Path, name: str) -> None:
    SqliteJournal(tmp_path / "journal.db").close()
    forge_in_file(tmp_path / "journal.db", Forgery(name, FORGERIES[name]))
    open_at_ten(tmp_path)
    assert faults_after(Forgery(name, belief=Belief.OPEN), tmp_path, str(tmp_path / "journal.db")) == []
