"""The figures of `python -m tests.bench faults` in their CI size: each part runs once, each line is a test.

On PostgreSQL: tests/live/test_bench_faults_postgres.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.bench import cli
from tests.bench.faults import run

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


def test_the_command_line_knows_every_part_and_journal() -> None:
    assert (cli.FAULTS_PARTS, cli.JOURNALS) == (run.PARTS, run.JOURNALS)


def test_ends_is_still_accepted_for_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[str] = []

    def faults(options: argparse.Namespace) -> int:
        parts.extend(options.only)
        return 0

    monkeypatch.setattr(cli, "BENCHMARKS", {"faults": faults})
    assert cli.main(["faults", "--only", "ends", "--only", "exits"]) == 0
    assert parts == ["exits", "exits"]


@cache
def run_faults(*arguments: str) -> dict[str, Any]:
    """Run the benchmark in its CI size; its JSON report."""
    command = [sys.executable, "-m", "tests.bench", "faults", "--quick", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, cwd=ROOT)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_loses_nothing_and_is_shown_on_the_screen(fault: str) -> None:
    cell = run_faults("--only", "table", "--journal", "sqlite")["cells"][f"fault {fault}"]
    assert cell["lost"] == ""
    assert cell["screen"]


@pytest.mark.parametrize("journal", ["sqlite", "sqlite, slow"])
def test_sixty_kills_lose_nothing_and_double_nothing(journal: str) -> None:
    cell = run_faults("--only", "sweep", "--journal", "sqlite")["cells"][f"sweep {journal}"]
    assert (cell["kills"], cell["bad"]) == (60, 0), cell["faults"]
    assert min(cell["promote"], cell["rollback"]) > 5


def test_of_sixteen_consoles_exactly_one_makes_its_call() -> None:
    cell = run_faults("--only", "race", "--journal", "sqlite")["cells"]["race sqlite"]
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
def test_an_ended_console_leaves_no_open_call_and_no_process(case: str) -> None:
    cell = run_faults("--only", "exits", "--journal", "sqlite")["cells"][f"exit {case}"]
    assert (cell["bad"], cell["code"] > 128) == ("", True)
