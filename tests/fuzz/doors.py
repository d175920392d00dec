"""All doors by name."""

from __future__ import annotations

from tests.fuzz.answers import ANSWERS
from tests.fuzz.door import Door
from tests.fuzz.files import KUBECONFIGS, MANIFESTS_DOOR, PLANS, ROWS
from tests.fuzz.gate_questions import GATE_QUESTIONS
from tests.fuzz.rollback import ROLLBACK

DOORS: dict[str, Door] = {
    door.name: door for door in (PLANS, ROWS, KUBECONFIGS, MANIFESTS_DOOR, GATE_QUESTIONS, ROLLBACK, *ANSWERS)
}
