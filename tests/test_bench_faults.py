"""The figures of `python -m tests.bench faults`, at the size that CI can afford: each part run once, each line a test.

On PostgreSQL: tests/live/test_bench_faults_postgres.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FAULTS = (
    "refuse (403)",
    "hang",
    "drip (a byte each 0.1 s)",
    "500, although it was done",
    "reset after send",
    "wrong JSON",
    "DNS failure",
    "journal locked",
    "disk full",
    "read-only file",
    "clock +1 h in a call, -2 h in a rollback",
    "lease holder stopped, woken after takeover",
)


@cache
def ran(*arguments: str) -> dict[str, Any]:
    """What a run says as JSON."""
    command = [sys.executable, "-m", "tests.bench", "faults", "--quick", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, cwd=ROOT)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_loses_nothing_and_says_what_is_wrong(fault: str) -> None:
    cell = ran("--only", "table", "--journal", "sqlite")["cells"][f"fault {fault}"]
    assert cell["lost"] == ""
    assert cell["sees"]


@pytest.mark.parametrize("journal", ["sqlite", "sqlite, late"])
def test_sixty_kills_lose_nothing_and_double_nothing(journal: str) -> None:
    cell = ran("--only", "sweep", "--journal", "sqlite")["cells"][f"sweep {journal}"]
    assert (cell["kills"], cell["bad"]) == (60, 0), cell["words"]
    assert min(cell["promote"], cell["rollback"]) > 5


def test_of_sixteen_consoles_exactly_one_makes_its_call() -> None:
    cell = ran("--only", "race", "--journal", "sqlite")["cells"]["race sqlite"]
    assert (cell["consoles"], cell["rounds"], cell["one call"]) == (16, 20, 20)


@pytest.mark.parametrize(
    "case",
    [
        "SIGHUP, call in flight, screen blocked",
        "terminal gone, call in flight",
        "terminal gone, call in flight, screen blocked",
        "terminal gone, rollback under way, screen blocked",
    ],
)
def test_a_console_that_has_to_end_leaves_nothing_open_and_nobody_behind(case: str) -> None:
    cell = ran("--only", "ends", "--journal", "sqlite")["cells"][f"end {case}"]
    assert (cell["bad"], cell["code"] > 128) == ("", True)
