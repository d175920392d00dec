"""Run the parts of the fault benchmark in order; report tables with goals, or JSON."""

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
from tests.bench.faults import backend_faults, exits, journal_faults, speed
from tests.bench.faults.adapter import register_adapter
from tests.bench.faults.children import call_in_child
from tests.bench.faults.crash_sweep import CrashSweep, run_crash_sweep
from tests.bench.faults.engine_console import shorten_beats
from tests.bench.faults.fake_backend import FakeBackend, start_fake_backend
from tests.bench.faults.fake_prometheus import start_fake_prometheus
from tests.bench.faults.fixture import FaultResult, Fixture
from tests.bench.faults.race import RaceResult, run_race
from tests.bench.judge.tables import Cells, Findings, Goal, GoalResult, Number, Table, goal_result, goals_table
from tests.bench.postgres import NotInstalled, Postgres, postgres

SLOWER = 1.5
"""How many times as long a key may take while 200 metrics are polled."""
PARTS = ("sweep", "race", "table", "exits", "speed")
JOURNALS = ("sqlite", "postgresql")

Progress = Callable[[str], None]
_JOURNAL_PATHS = re.compile(r"/\S*/journal\.db")
_PORTS = re.compile(r"127\.0\.0\.1:\d+")
"""Paths and ports differ from run to run without meaning."""


@dataclass(frozen=True, slots=True)
class Size:
    """Amount of work of a run."""

    kills: int | None
    """Kills per journal; None: one at every point."""
    rounds: int
    blocks: int
    presses: int


FULL = Size(kills=None, rounds=200, blocks=4, presses=15)
QUICK = Size(kills=60, rounds=20, blocks=1, presses=8)


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one run."""

    findings: Findings

    @property
    def missed(self) -> list[Goal]:
        """Goals not reached."""
        return [goal for goal in self.findings.goals if goal.result is GoalResult.MISS]

    def text(self) -> str:
        """For a terminal: the tables, then the goals."""
        return "\n\n\n".join(table.text() for table in (*self.findings.tables, goals_table(self.findings.goals)))

    def markdown(self) -> str:
        """For a page: the tables, then the goals, in Markdown."""
        tables = (*self.findings.tables, goals_table(self.findings.goals))
        return "\n\n".join(table.markdown() for table in tables) + "\n"

    def json(self) -> str:
        """Every figure and text, as one JSON object."""
        goals = {goal.name: {"measured": goal.measured, "result": goal.result.value} for goal in self.findings.goals}
        return json.dumps({"cells": self.findings.cells, "goals": goals})


def run(
    seed: int, *, small: bool, only: Sequence[str] = PARTS, journals: Sequence[str] = JOURNALS, progress: Progress
) -> Report:
    """Run the parts in `only` on the named journals; report parts that cannot run here as skipped.

    Raises:
        Stuck: an undisturbed console did not finish.
    """
    size = QUICK if small else FULL
    findings = Findings()
    with ExitStack() as stack:
        fake = stack.enter_context(start_fake_backend())
        stack.enter_context(register_adapter())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warroom-faults-")))
        server, missing = _server(stack, folder, "postgresql" in journals)
        locations = _JournalFactory(folder, server)
        _preload_modules(fake, folder)
        if "sweep" in only:
            sweeps = [
                run_crash_sweep(fake, locations.case(name), name, kills=size.kills, seed=seed, progress=progress)
                for name in locations.names(journals)
            ]
            if "sqlite" in journals:
                name = "sqlite, slow"
                sweeps.append(
                    run_crash_sweep(
                        fake,
                        locations.case("sqlite"),
                        name,
                        kills=size.kills,
                        seed=seed,
                        slow_journal=True,
                        progress=progress,
                    )
                )
            findings += _sweep_findings(sweeps)
        if "race" in only:
            races = [
                run_race(fake, locations.shared(name), name, rounds=size.rounds, progress=progress)
                for name in locations.names(journals)
            ]
            findings += _race_findings(races)
        if "table" in only:
            findings += _fault_findings(list(_run_faults(fake, folder, server, missing, progress)))
        if "exits" in only:
            findings += _exit_findings(fake, exits.FEW if small else exits.CASES, progress)
        if "speed" in only:
            findings += _speed_findings(fake, size, progress)
    return Report(findings)


def _server(stack: ExitStack, folder: Path, wanted: bool) -> tuple[Postgres | None, str]:
    """A private PostgreSQL server, or the reason there is none."""
    if not wanted:
        return None, "not requested"
    try:
        return stack.enter_context(postgres(folder)), ""
    except NotInstalled as error:
        return None, str(error)


@dataclass
class _JournalFactory:
    """Locations for journals: one per case in SQLite, one shared by all cases in PostgreSQL."""

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


def _preload_modules(fake: FakeBackend, folder: Path) -> None:
    """Import here every module that a working console imports, also for a child without rights to read them."""

    def work() -> list[str]:
        shorten_beats()
        asyncio.run(backend_faults.CASES["refuse"](Fixture(fake, folder)))
        return list(sys.modules)

    for name in call_in_child(work) or []:
        with suppress(ImportError):
            importlib.import_module(name)


def _sweep_findings(found: Sequence[CrashSweep]) -> Findings:
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
            "faults": "; ".join(bad[:10]),
        }
    table = Table(
        "Kill with SIGKILL at every write and every call, then finished by the next console",
        ("journal", "kills in a promote", "in an 8-step rollback", "bad", "points"),
        rows,
        "bad: a lost acknowledged event, a decision or a call made twice, a call without a recorded decision and "
        "request, a broken chain, a console that cannot finish. slow: every append takes 60 ms.",
    )
    bad_ones = [fault for each in found for fault in each.faults]
    goal = Goal("crash sweep", "0 lost, 0 doubled", f"{len(bad_ones)} bad", goal_result(not bad_ones))
    return Findings([table], [goal], cells)


def _race_findings(found: Sequence[RaceResult]) -> Findings:
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
    goal = Goal("race", "exactly one call each round", "; ".join(wrong) or "one each", goal_result(not wrong))
    return Findings([table], [goal], cells)


def _run_faults(
    fake: FakeBackend, folder: Path, server: Postgres | None, missing: str, progress: Progress
) -> Iterator[FaultResult]:
    """Provoke every fault, each in its own process."""
    for name, case in {**backend_faults.CASES, "DNS": backend_faults.unresolvable_host, **journal_faults.CASES}.items():
        yield _provoke_in_child(name, partial(_provoke, case, fake, folder), progress)
    for number, (fault, on_server) in enumerate(journal_faults.SERVER_CASES.items()):
        if server is None:
            yield FaultResult(fault, "", (), skipped=missing)
            continue
        place = ServerLocation(Url(server.database(f"fault{number}")))
        place.make(None)
        yield _provoke_in_child(fault, partial(_provoke_on_server, on_server, fake, folder, place, server), progress)


def _provoke(case: backend_faults.Case, fake: FakeBackend, folder: Path) -> Coroutine[Any, Any, FaultResult]:
    return case(Fixture(fake, folder))


def _provoke_on_server(
    case: journal_faults.ServerCase, fake: FakeBackend, folder: Path, place: JournalLocation, server: Postgres
) -> Coroutine[Any, Any, FaultResult]:
    return case(Fixture(fake, folder, place), server)


def _provoke_in_child(
    name: str, work: Callable[[], Coroutine[Any, Any, FaultResult]], progress: Progress
) -> FaultResult:
    def provoke() -> dict[str, object]:
        shorten_beats()
        return asdict(asyncio.run(work()))

    progress(f"fault: {name}")
    found = call_in_child(provoke)
    if found is None:
        return FaultResult(name, "", ("the case did not finish",))
    screen = _JOURNAL_PATHS.sub("journal.db", found["screen"])
    return FaultResult(found["fault"], _PORTS.sub("127.0.0.1:PORT", screen), tuple(found["lost"]), found["skipped"])


def _fault_findings(found: Sequence[FaultResult]) -> Findings:
    rows = [(row.fault, row.skipped or row.screen.replace("|", "·"), "; ".join(row.lost) or "nothing") for row in found]
    cells: Cells = {
        f"fault {row.fault}": {"screen": row.screen, "lost": "; ".join(row.lost), "skipped": row.skipped}
        for row in found
    }
    table = Table("Faults", ("fault", "the operator sees", "lost"), rows)
    bad = [row.fault for row in found if row.lost]
    goal = Goal("faults", "nothing lost, doubled or forged", ", ".join(bad) or "nothing", goal_result(not bad))
    return Findings([table], [goal], cells)


def _exit_findings(fake: FakeBackend, cases: Sequence[exits.ExitCase], progress: Progress) -> Findings:
    rows: list[tuple[str, ...]] = []
    cells: dict[str, dict[str, Number]] = {}
    bad: list[str] = []
    slowest = 0.0
    for case in cases:
        progress(f"exit: {case}")
        found = exits.run_exit_case(fake, case)
        faults = "; ".join(found.faults)
        bad += [f"{case}: {faults}"] if faults else []
        slowest = slowest if case.rolling_back else max(slowest, found.took_s)
        work = f"{found.steps} of 3 steps done" if case.rolling_back else f"settled: {', '.join(found.calls)}"
        rows.append((str(case), f"{found.took_s:.1f} s", work, str(found.left)))
        cells[f"exit {case}"] = {"took_s": found.took_s, "code": found.code, "bad": faults}
    table = Table(
        "Ended by a signal or the loss of the terminal",
        ("case", "exit after", "work under way", "processes left"),
        rows,
    )
    goals = [
        Goal(
            "exits",
            "calls settled or in doubt, rollbacks finished, no process left",
            "; ".join(bad) or "all",
            goal_result(not bad),
        ),
        Goal(
            "slowest exit without a rollback",
            f"<= {exits.WITHIN_S:g} s",
            f"{slowest:.1f} s",
            goal_result(slowest <= exits.WITHIN_S),
        ),
    ]
    return Findings([table], goals, cells)


def _speed_findings(fake: FakeBackend, size: Size, progress: Progress) -> Findings:
    with start_fake_prometheus() as prometheus:
        found = speed.measure(fake, prometheus, blocks=size.blocks, presses=size.presses, progress=progress)
    rows = [
        (name, str(len(times)), *(f"{_quantile(times, part) * 1000:.0f} ms" for part in (0.5, 0.9)))
        for name, times in ((f"polling {speed.METRICS} metrics every 5 s", found.polling), ("not polling", found.idle))
    ]
    table = Table(
        "From the key that confirms a promote to its request at the backend",
        ("console", "presses", "median", "90th percentile"),
        rows,
        "A real `warroom run` in a pseudo-terminal; both consoles in turns in one run.",
    )
    goal = Goal(
        "key to request while polling",
        f"median <= {SLOWER:g}x",
        f"{found.ratio:.2f}x",
        goal_result(found.ratio <= SLOWER),
    )
    return Findings([table], [goal], {"speed": {"ratio": found.ratio, "presses": len(found.polling)}})


def _quantile(times: Sequence[float], part: float) -> float:
    return sorted(times)[min(int(len(times) * part), len(times) - 1)]
