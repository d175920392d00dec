"""Run the journal benchmark: appends, opening, detected edits; report tables with goals, or JSON."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from adapters.sanitize import one_line
from console.journal.chain import walk_journal
from console.journal.sqlite import SqliteJournal
from tests.bench.judge.tables import Findings, Goal, GoalResult, Table, goal_result
from tests.bench.log import appends, large
from tests.bench.log.journals import OpenForEdit, edit_sqlite
from tests.bench.log.tampering import EDITS, tamper
from tests.bench.report import BenchReport

JOURNALS = ("sqlite", "postgresql")
EDITED = (60, 20, 15)
"""Events of the edited journal: of other rollouts together, of the open one, of each other one."""
OPENS_WITHIN = 1.2
"""How many times as long a journal of a million events may take to open as one of a thousand."""


@dataclass(frozen=True, slots=True)
class LogSize:
    """Amount of work of a run."""

    appends: int
    others: int
    """Events of other rollouts in the large journal."""
    openings: int
    edits: int


FULL = LogSize(appends=3000, others=999_000, openings=60, edits=1000)
QUICK = LogSize(appends=300, others=99_000, openings=20, edits=200)


def run(
    folder: Path | None,
    seed: int,
    *,
    quick: bool,
    journals: Sequence[str] = JOURNALS,
    progress: Callable[[str], None],
) -> BenchReport:
    """Measure in a new directory under `folder` (default: the system temporary directory)."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="warroom-bench-", dir=folder) as made:
        base = Path(made)
        progress("appends")
        findings = _append_findings(base / "appends", size.appends)
        progress("opening")
        findings += _opening_findings(base / "opening", size.others, size.openings)
        for name in journals:
            progress(f"tampering: {name}")
            findings += _TAMPERINGS[name](base / name, seed, size.edits)
    return BenchReport(findings)


def _append_findings(folder: Path, rounds: int) -> Findings:
    folder.mkdir()
    bare, ours = appends.measure(folder, rounds)
    ratio = ours.median_us / bare.median_us
    rows = [
        (cost.name, f"{cost.median_us:.0f}", f"{cost.p99_us:.0f}", f"{cost.cpu_median_us:.0f}") for cost in (bare, ours)
    ]
    table = Table(
        f"Appends, {rounds} each in turns, WAL, synchronous FULL",
        ("", "median us", "p99 us", "CPU us"),
        rows,
        "An append checks id and race, reads both chain ends, hashes, encodes and inserts under the write lock.",
    )
    cells = {cost.name: {"median_us": cost.median_us, "p99_us": cost.p99_us} for cost in (bare, ours)}
    goal = Goal("append against a bare INSERT, median", "none", f"{ratio:.2f}x", GoalResult.OK)
    return Findings([table], [goal], {**cells, "append ratio": {"median": ratio}})


def _opening_findings(folder: Path, others: int, rounds: int) -> Findings:
    small, big = large.measure(folder, others, rounds)
    ratio = big.median_ms / small.median_ms
    rows = [(f"{found.events:,} events", f"{found.median_ms:.2f}") for found in (small, big)]
    table = Table(
        f"Open a journal and read the {large.OWN_EVENTS:,} events of its open rollout, {rounds} times each in turns",
        ("", "median ms"),
        rows,
    )
    goal = Goal(
        f"opening with {others:,} events of other rollouts",
        f"<= {OPENS_WITHIN}x",
        f"{ratio:.2f}x",
        goal_result(ratio <= OPENS_WITHIN),
    )
    cells = {f"open {found.events}": {"median_ms": found.median_ms} for found in (small, big)}
    return Findings([table], [goal], {**cells, "open ratio": {"median": ratio}})


def _tamper_sqlite(folder: Path, seed: int, edits: int) -> Findings:
    path = folder / "journal.db"
    large.fill_journal(path, *EDITED)
    with closing(SqliteJournal(path)) as journal:
        pinned = walk_journal(lambda after: journal.rows(None, after)).head
    return _tampering_findings("SQLite", edit_sqlite(path), pinned, seed, edits)


def _tamper_postgresql(folder: Path, seed: int, edits: int) -> Findings:
    folder.mkdir()
    with ExitStack() as stack:
        try:
            from console.journal.postgres.url import Url
            from tests.bench.log.server import edit_postgres, fill_journal
            from tests.bench.postgres import NotInstalled, postgres
        except ImportError as error:
            return _skipped(one_line(error))
        try:
            server = stack.enter_context(postgres(folder))
        except NotInstalled as error:
            return _skipped(str(error))
        url = Url(server.database("edited"))
        pinned = fill_journal(url, large.events(*EDITED))
        return _tampering_findings("PostgreSQL", edit_postgres(url), pinned, seed, edits)


def _skipped(why: str) -> Findings:
    return Findings([], [Goal("detected edits, PostgreSQL", "all", why, GoalResult.UNMEASURED)])


def _tampering_findings(name: str, open_for_edit: OpenForEdit, pinned: str, seed: int, edits: int) -> Findings:
    drawn, found, alone = Counter[str](), Counter[str](), Counter[str]()
    for number in range(edits):
        with tamper(open_for_edit, random.Random(f"{seed} {number}")) as one:
            drawn[one.kind] += 1
            found[one.kind] += one.is_detected(pinned)
            alone[one.kind] += one.is_detected(None)
    kinds = [edit.__name__ for edit in EDITS]
    rows = [(kind.replace("_", " "), str(drawn[kind]), str(found[kind]), str(alone[kind])) for kind in kinds]
    table = Table(
        f"{name}: {edits:,} random edits with write access to the database, triggers off",
        ("edit", "made", "detected", "detected without a pinned head"),
        rows,
    )
    goal = Goal(f"detected edits, {name}", "all", f"{found.total()} of {drawn.total()}", goal_result(found == drawn))
    cells = {"edits": drawn.total(), "found": found.total(), "alone": alone.total()}
    return Findings([table], [goal], {f"tampering {name}": cells})


_TAMPERINGS: Mapping[str, Callable[[Path, int, int], Findings]] = {
    "sqlite": _tamper_sqlite,
    "postgresql": _tamper_postgresql,
}
