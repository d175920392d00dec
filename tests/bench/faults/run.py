"""All parts, in order: what is killed, raced, broken and timed, as tables with goals, or JSON."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from console.journal.location import FileLocation, JournalLocation, ServerLocation
from console.journal.postgres.url import Url
from tests.bench.faults import backend, ends, record, speed
from tests.bench.faults.adapter import registered
from tests.bench.faults.children import call
from tests.bench.faults.fake import Fake, fake
from tests.bench.faults.ground import Ground, Row
from tests.bench.faults.prometheus import fake_prometheus
from tests.bench.faults.race import RaceResult, race
from tests.bench.faults.room import quick
from tests.bench.faults.sweep import Swept, sweep
from tests.bench.judge.tables import Cells, Findings, Goal, Held, Number, Table, goals_table, held
from tests.bench.postgres import NotInstalled, Postgres, postgres

SLOWER = 1.5
"""How much longer a key may take while 200 metrics are polled."""
PARTS = ("sweep", "race", "table", "ends", "speed")
JOURNALS = ("sqlite", "postgresql")

Progress = Callable[[str], None]
_PLACES = re.compile(r"/\S*/journal\.db")
_PORTS = re.compile(r"127\.0\.0\.1:\d+")
"""What differs from run to run and tells nobody anything."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    kills: int | None
    """Per journal; None: at every point."""
    rounds: int
    blocks: int
    presses: int


FULL = Size(kills=None, rounds=200, blocks=4, presses=15)
QUICK = Size(kills=60, rounds=20, blocks=1, presses=8)


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

    def markdown(self) -> str:
        """The same for a page."""
        tables = (*self.findings.tables, goals_table(self.findings.goals))
        return "\n\n".join(table.markdown() for table in tables) + "\n"

    def json(self) -> str:
        """Every number and every word, one JSON object."""
        goals = {goal.name: {"measured": goal.measured, "held": goal.held.value} for goal in self.findings.goals}
        return json.dumps({"cells": self.findings.cells, "goals": goals})


def run(
    seed: int, *, small: bool, only: Sequence[str] = PARTS, journals: Sequence[str] = JOURNALS, progress: Progress
) -> Report:
    """Do the parts named in `only` on the journals named; what cannot be had here is said to be skipped.

    Raises:
        Stuck: a console that nothing was done to did not come to its end.
    """
    size = QUICK if small else FULL
    findings = Findings()
    with ExitStack() as stack:
        there = stack.enter_context(fake())
        stack.enter_context(registered())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warroom-faults-")))
        server, missing = _server(stack, folder, "postgresql" in journals)
        places = _Places(folder, server)
        _warm(there, folder)
        if "sweep" in only:
            swept = [
                sweep(there, places.case(name), name, kills=size.kills, seed=seed, progress=progress)
                for name in places.names(journals)
            ]
            if "sqlite" in journals:
                name = "sqlite, late"
                swept.append(
                    sweep(there, places.case("sqlite"), name, kills=size.kills, seed=seed, late=True, progress=progress)
                )
            findings += _swept(swept)
        if "race" in only:
            raced = [
                race(there, places.shared(name), name, rounds=size.rounds, progress=progress)
                for name in places.names(journals)
            ]
            findings += _raced(raced)
        if "table" in only:
            findings += _faults(list(_table(there, folder, server, missing, progress)))
        if "ends" in only:
            findings += _ends(there, ends.FEW if small else ends.CASES, progress)
        if "speed" in only:
            findings += _speed(there, size, progress)
    return Report(findings)


def _server(stack: ExitStack, folder: Path, wanted: bool) -> tuple[Postgres | None, str]:
    """A PostgreSQL of our own, or why there is none."""
    if not wanted:
        return None, "not asked for"
    try:
        return stack.enter_context(postgres(folder)), ""
    except NotInstalled as error:
        return None, str(error)


@dataclass
class _Places:
    """Journals to be: a fresh one per case in SQLite, one that all cases share in PostgreSQL."""

    folder: Path
    server: Postgres | None
    made: int = 0

    def names(self, wanted: Sequence[str]) -> list[str]:
        return [name for name in wanted if name == "sqlite" or self.server is not None]

    def shared(self, name: str) -> JournalLocation:
        self.made += 1
        if name == "sqlite" or self.server is None:
            return FileLocation(self.folder / f"shared-{self.made}" / "journal.db")
        found = ServerLocation(Url(self.server.database(f"bench{self.made}")))
        found.make(None)
        return found

    def case(self, name: str) -> Callable[[Path], JournalLocation]:
        if name == "sqlite":
            return lambda folder: FileLocation(folder / "journal.db")
        shared = self.shared(name)
        return lambda _folder: shared


def _warm(there: Fake, folder: Path) -> None:
    """Import what a console imports while it works, so that a child finds it all, whoever it runs as."""

    def work() -> list[str]:
        quick()
        asyncio.run(backend.CASES["refuse"](Ground(there, folder)))
        return list(sys.modules)

    for name in call(work) or []:
        with suppress(ImportError):
            importlib.import_module(name)


def _swept(found: Sequence[Swept]) -> Findings:
    rows: list[tuple[str, ...]] = []
    cells: dict[str, dict[str, Number]] = {}
    for each in found:
        tasks = Counter(kill.task for kill in each.kills)
        bad = each.faults
        points = ", ".join(f"{count} {point}" for point, count in sorted(each.points().items()))
        rows.append((each.journal, str(tasks["promote"]), str(tasks["rollback"]), str(len(bad)), points))
        cells[f"sweep {each.journal}"] = {
            "kills": len(each.kills),
            "promote": tasks["promote"],
            "rollback": tasks["rollback"],
            "bad": len(bad),
            "words": "; ".join(bad[:10]),
        }
    table = Table(
        "Killed with SIGKILL at every write and every call, then finished by the next console",
        ("journal", "kills in a promote", "in an 8-step rollback", "bad", "where"),
        rows,
        "bad: an acknowledged event that is gone, a decision or a call twice, a call without a decision and a request "
        "before it, a broken chain, a console that cannot finish.",
    )
    bad_ones = [fault for each in found for fault in each.faults]
    goal = Goal("crash sweep", "0 lost, 0 doubled", f"{len(bad_ones)} bad", held(not bad_ones))
    return Findings([table], [goal], cells)


def _raced(found: Sequence[RaceResult]) -> Findings:
    rows: list[tuple[str, ...]] = []
    cells: dict[str, dict[str, Number]] = {}
    for each in found:
        answers = ", ".join(f"{count} {answer}" for answer, count in sorted(each.answers.items()))
        one = each.calls.get(1, 0)
        rows.append((each.journal, str(each.consoles), str(each.rounds), str(one), answers))
        cells[f"race {each.journal}"] = {"consoles": each.consoles, "rounds": each.rounds, "one call": one}
    table = Table(
        "Consoles that meet at a barrier and press promote at once",
        ("journal", "consoles", "rounds", "rounds with exactly one call", "answers"),
        rows,
        "Calls are counted by the backend, a fake over loopback HTTP.",
    )
    wrong = [fault for each in found for fault in each.faults]
    goal = Goal("race", "exactly one call each round", "; ".join(wrong) or "one each", held(not wrong))
    return Findings([table], [goal], cells)


def _table(there: Fake, folder: Path, server: Postgres | None, missing: str, progress: Progress) -> Iterator[Row]:
    """Every fault, each in a process of its own."""
    for name, case in {**backend.CASES, "DNS": backend.nowhere, **record.CASES}.items():
        yield _one(name, partial(_provoked, case, there, folder), progress)
    for number, (fault, on_server) in enumerate(record.SERVER_CASES.items()):
        if server is None:
            yield Row(fault, "", (), skipped=missing)
            continue
        place = ServerLocation(Url(server.database(f"fault{number}")))
        place.make(None)
        yield _one(fault, partial(_provoked_there, on_server, there, folder, place, server), progress)


def _provoked(case: backend.Case, there: Fake, folder: Path) -> Coroutine[Any, Any, Row]:
    return case(Ground(there, folder))


def _provoked_there(
    case: record.ServerCase, there: Fake, folder: Path, place: JournalLocation, server: Postgres
) -> Coroutine[Any, Any, Row]:
    return case(Ground(there, folder, place), server)


def _one(name: str, work: Callable[[], Coroutine[Any, Any, Row]], progress: Progress) -> Row:
    def provoke() -> dict[str, object]:
        quick()
        return asdict(asyncio.run(work()))

    progress(f"fault: {name}")
    found = call(provoke)
    if found is None:
        return Row(name, "", ("it could not be gone through",))
    sees = _PLACES.sub("journal.db", found["sees"])
    return Row(found["fault"], _PORTS.sub("127.0.0.1:PORT", sees), tuple(found["lost"]), found["skipped"])


def _faults(found: Sequence[Row]) -> Findings:
    rows = [(row.fault, row.skipped or row.sees.replace("|", "·"), "; ".join(row.lost) or "nothing") for row in found]
    cells: Cells = {
        f"fault {row.fault}": {"sees": row.sees, "lost": "; ".join(row.lost), "skipped": row.skipped} for row in found
    }
    table = Table("Faults", ("fault", "what the operator sees", "what is lost"), rows)
    bad = [row.fault for row in found if row.lost]
    goal = Goal("faults", "nothing lost, doubled or forged", ", ".join(bad) or "nothing", held(not bad))
    return Findings([table], [goal], cells)


def _ends(there: Fake, cases: Sequence[ends.Case], progress: Progress) -> Findings:
    rows: list[tuple[str, ...]] = []
    cells: dict[str, dict[str, Number]] = {}
    bad: list[str] = []
    slowest = 0.0
    for case in cases:
        progress(f"end: {case}")
        found = ends.end(there, case)
        faults = "; ".join(found.faults)
        bad += [f"{case}: {faults}"] if faults else []
        slowest = slowest if case.rolling_back else max(slowest, found.took_s)
        stands = f"{found.steps} of 3 steps done" if case.rolling_back else f"settled: {', '.join(found.calls)}"
        rows.append((str(case), f"{found.took_s:.1f} s", stands, str(found.left)))
        cells[f"end {case}"] = {"took_s": found.took_s, "code": found.code, "bad": faults}
    table = Table(
        "Told to end, or without a terminal", ("how", "ended after", "what was under way", "processes left"), rows
    )
    goals = [
        Goal(
            "ends", "all settled or in doubt, rollbacks through, no process left", "; ".join(bad) or "so", held(not bad)
        ),
        Goal("ends soon, a rollback aside", f"{ends.WITHIN_S:g} s", f"{slowest:.1f} s", held(slowest <= ends.WITHIN_S)),
    ]
    return Findings([table], goals, cells)


def _speed(there: Fake, size: Size, progress: Progress) -> Findings:
    with fake_prometheus() as prometheus:
        found = speed.measure(there, prometheus, blocks=size.blocks, presses=size.presses, progress=progress)
    rows = [
        (name, str(len(times)), *(f"{_quantile(times, part) * 1000:.0f} ms" for part in (0.5, 0.9)))
        for name, times in ((f"polling {speed.METRICS} metrics every 5 s", found.polling), ("not polling", found.still))
    ]
    table = Table(
        "From the key that confirms a promote to its request at the backend",
        ("console", "presses", "median", "90th percentile"),
        rows,
        "A real `warroom run` in a pseudo-terminal; both kinds in turns in one run.",
    )
    goal = Goal(
        "key to request while polling",
        f"median at most {SLOWER:g}x",
        f"{found.ratio:.2f}x",
        held(found.ratio <= SLOWER),
    )
    return Findings([table], [goal], {"speed": {"ratio": found.ratio, "presses": len(found.polling)}})


def _quantile(times: Sequence[float], part: float) -> float:
    return sorted(times)[min(int(len(times) * part), len(times) - 1)]
