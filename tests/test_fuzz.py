"""Hostile input at every door: one plain line or a result, no other exception, in bounded time. Seeded.

`python -m tests.bench fuzz --count 10000` runs as many more.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.answers import ANSWERS
from tests.fuzz.door import Door
from tests.fuzz.files import KUBECONFIGS, MANIFESTS_DOOR, PLANS, ROWS
from tests.fuzz.gate_questions import GATE_QUESTIONS
from tests.fuzz.rollback import ROLLBACK

CASES = (
    (PLANS, 40),
    (ROWS, 30),
    (KUBECONFIGS, 60),
    (MANIFESTS_DOOR, 30),
    (GATE_QUESTIONS, 60),
    (ROLLBACK, 3),
    *((door, 10) for door in ANSWERS),
)


@pytest.mark.parametrize(("door", "count"), CASES, ids=[door.name for door, _ in CASES])
def test_hostile_input_is_answered_in_one_plain_way(door: Door, count: int, tmp_path: Path) -> None:
    problems = {seed: problem for seed in range(count) if (problem := door.problem(seed, tmp_path)) is not None}
    assert problems == {}
