"""The journal's figures: appends, opening, edits found; as tables with goals, or JSON."""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from adapters.sanitize import one_line
from console.journal import reading
from console.journal.sqlite import SqliteJournal
from tests.bench.judge.tables import Findings, Goal, Held, Table, goals_table, held
from tests.bench.log import appends, large
from tests.bench.log.ledgers import Begin, in_file
from tests.bench.log.tampering import EDITS, tampered

JOURNALS = ("sqlite", "postgresql")
EDITED = (60, 20, 15)
"""Of the journal that is edited: events of other rollouts, of the open one, of each other one."""
OPENS_WITHIN = 1.2
"""How much longer a journal of a million events may take to open than one of a thousand."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    appends: int
    others: int
    """Events of other rollouts in the large journal."""
    openings: int
    edits: int


FULL = Size(appends=3000, others=999_000, openings=60, edits=1000)
QUICK = Size(appends=300, others=99_000, openings=20, edits=200)


@dataclass(frozen=True, slots=True)
class Report:
    """What one run found."""

    findings: Findings

    @property
    def missed(self) -> list[Goal]:
        """Goals that were not reached."""
        return [goal for goal in self.findings.goals if goal.held is Held.MISS]

    def text(self) -> str:
        """For a terminal: the tables, then the goals."""
        return "\n\n\n".join(table.text() for table in (*self.findings.tables, goals_table(self.findings.goals)))

    def json(self) -> str:
        """Every number, one JSON object."""
        return json.dumps(self.findings.cells)


def run(
    folder: Path | None,
    seed: int,
    *,
    quick: bool,
    journals: Sequence[str] = JOURNALS,
    progress: Callable[[str], None],
) -> Report:
    """Measure in a directory of its own under `folder` (default: the system's temporary one), removed at the end."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="warroom-bench-", dir=folder) as made:
        place = Path(made)
        progress("appends")
        findings = _appends(place / "appends", size.appends)
        progress("opening")
        findings += _opening(place / "opening", size.others, size.openings)
        for name in journals:
            progress(f"tampering: {name}")
            findings += _TAMPERINGS[name](place / name, seed, size.edits)
    return Report(findings)


def _appends(folder: Path, rounds: int) -> Findings:
    folder.mkdir()
    bare, ours = appends.measured(folder, rounds)
    ratio = ours.median_us / bare.median_us
    rows = [
        (cost.name, f"{cost.median_us:.0f}", f"{cost.p99_us:.0f}", f"{cost.cpu_median_us:.0f}") for cost in (bare, ours)
    ]
    table = Table(
        f"Appends, {rounds} each in turns, WAL, synchronous FULL",
        ("", "median us", "p99 us", "CPU us"),
        rows,
        "An append looks for its id, the race, the chain's two ends, hashes, encodes and inserts under the write lock.",
    )
    cells = {cost.name: {"median_us": cost.median_us, "p99_us": cost.p99_us} for cost in (bare, ours)}
    goal = Goal("append against a bare INSERT, median", "told", f"{ratio:.2f}x", Held.OK)
    return Findings([table], [goal], {**cells, "append ratio": {"median": ratio}})


def _opening(folder: Path, others: int, rounds: int) -> Findings:
    small, big = large.measured(folder, others, rounds)
    ratio = big.median_ms / small.median_ms
    rows = [(f"{found.events:,} events", f"{found.median_ms:.2f}") for found in (small, big)]
    table = Table(
        f"Opening a journal and reading the {large.OURS:,} events of its open rollout, {rounds} times each in turns",
        ("", "median ms"),
        rows,
    )
    goal = Goal(
        f"opening with {others:,} events of other rollouts",
        f"<= {OPENS_WITHIN}x",
        f"{ratio:.2f}x",
        held(ratio <= OPENS_WITHIN),
    )
    cells = {f"open {found.events}": {"median_ms": found.median_ms} for found in (small, big)}
    return Findings([table], [goal], {**cells, "open ratio": {"median": ratio}})


def _in_sqlite(folder: Path, seed: int, edits: int) -> Findings:
    path = folder / "journal.db"
    large.filled(path, *EDITED)
    journal = SqliteJournal(path)
    _, pinned = reading.head(journal._db.conn)
    journal.close()
    return _edited("SQLite", in_file(path), pinned or "", seed, edits)


def _in_postgresql(folder: Path, seed: int, edits: int) -> Findings:
    folder.mkdir()
    with ExitStack() as stack:
        try:
            from console.journal.postgres.url import Url
            from tests.bench.log.server import filled, on_server
            from tests.bench.postgres import NotInstalled, postgres
        except ImportError as error:
            return _left_out(one_line(error))
        try:
            server = stack.enter_context(postgres(folder))
        except NotInstalled as error:
            return _left_out(str(error))
        url = Url(server.database("edited"))
        pinned = filled(url, large.events(*EDITED))
        return _edited("PostgreSQL", on_server(url), pinned, seed, edits)


def _left_out(why: str) -> Findings:
    return Findings([], [Goal("edits found, PostgreSQL", "all", why, Held.UNMEASURED)])


def _edited(name: str, begin: Begin, pinned: str, seed: int, edits: int) -> Findings:
    drawn, found, alone = Counter[str](), Counter[str](), Counter[str]()
    for number in range(edits):
        with tampered(begin, random.Random(f"{seed} {number}")) as one:
            drawn[one.kind] += 1
            found[one.kind] += one.found(pinned)
            alone[one.kind] += one.found(None)
    kinds = [edit.__name__ for edit in EDITS]
    rows = [(kind.replace("_", " "), str(drawn[kind]), str(found[kind]), str(alone[kind])) for kind in kinds]
    table = Table(
        f"{name}: {edits:,} random edits by whoever can write the database, triggers off",
        ("edit", "made", "found", "found without a pinned head"),
        rows,
    )
    goal = Goal(f"edits found, {name}", "all", f"{found.total()} of {drawn.total()}", held(found == drawn))
    cells = {"edits": drawn.total(), "found": found.total(), "alone": alone.total()}
    return Findings([table], [goal], {f"tampering {name}": cells})


_TAMPERINGS: Mapping[str, Callable[[Path, int, int], Findings]] = {
    "sqlite": _in_sqlite,
    "postgresql": _in_postgresql,
}
