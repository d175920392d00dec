"""The table of verbs: complete, and a new verb that is missing somewhere does not type-check."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli.commands import COMMANDS, DECIDING
from console.events.evidence import Verb
from console.events.verbs import FORWARD, PEN, PENNED, SAFER, VERBS, PenUse, key_of
from widgets.keys import KEYS

ROOT = Path(__file__).parent.parent


def test_every_verb_is_in_the_table_and_has_a_key() -> None:
    assert list(VERBS) == list(Verb)
    assert all(len(key_of(verb).letter) == 1 for verb in Verb)


def test_no_two_keys_have_one_letter() -> None:
    letters = [letter for key in KEYS for letter in key.keys.split(",")]
    assert len(letters) == len(set(letters))


def test_the_key_line_has_the_verbs_in_the_order_of_the_table() -> None:
    assert [key.verb for key in KEYS if key.verb is not None] == [verb for verb in Verb if VERBS[verb].key is not None]


def test_every_command_that_decides_is_on_the_help_page() -> None:
    words = COMMANDS.replace(",", " ").split()
    assert [name for name in DECIDING if name not in words] == []


def test_a_verb_that_goes_safer_needs_no_pen_and_one_that_goes_forward_does() -> None:
    assert all(VERBS[verb].pen is PenUse.NONE for verb in SAFER)
    assert FORWARD <= PENNED and not PENNED & PEN


def test_the_shape_of_a_decision_is_the_one_that_its_verb_came_with() -> None:
    first = {"promote", "halt", "resume", "rollback", "place", "accept", "confirm", "close"}
    assert {verb.value for verb, spec in VERBS.items() if spec.shape == 1} == first
    assert {spec.shape for spec in VERBS.values()} == {1, 2}


@pytest.mark.slow
def test_a_new_verb_that_is_missing_somewhere_does_not_type_check(tmp_path: Path) -> None:
    for package in ("console", "widgets", "adapters"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    evidence = tmp_path / "console" / "events" / "evidence.py"
    text = evidence.read_text(encoding="utf-8")
    evidence.write_text(text.replace('HANDOFF = "handoff"\n', 'HANDOFF = "handoff"\n    FREEZE = "freeze"\n'))
    places = [
        "console/app.py",
        "console/engine/actions.py",
        "console/state/decisions.py",
        "console/state/gates.py",
    ]
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--hide-error-context", *places],
        cwd=tmp_path,
        env={**os.environ, "MYPY_CACHE_DIR": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    found = {line.split(":")[0] for line in ran.stdout.splitlines() if ": error: " in line}
    assert sorted(found) == places, ran.stdout + ran.stderr
    table = [sys.executable, "-c", "import console.events.verbs"]
    loaded = subprocess.run(table, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert loaded.returncode != 0 and "verbs without a row: {<Verb.FREEZE: 'freeze'>}" in loaded.stderr
