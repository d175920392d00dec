"""Run the parts of the fault benchmark in order; report tables with goals, or JSON."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from console.journal.location import FileLocation, JournalLocation, ServerLocation
from console.journal.postgres.url import Url
from tests.bench.faults import backend_faults, exits, findings, journal_faults, speed
from tests.bench.faults.adapter import register_adapter
from tests.bench.faults.children import call_in_child
from tests.bench.faults.crash_sweep import run_crash_sweep
from tests.bench.faults.engine_console import shorten_beats
from tests.bench.faults.fake_backend import FakeBackend, start_fake_backend
from tests.bench.faults.fake_prometheus import start_fake_prometheus
from tests.bench.faults.fixture import FaultResult, Fixture
from tests.bench.faults.pace import PACES, StallMeter, measure_stalls
from tests.bench.faults.race import run_race
from tests.bench.judge.tables import Findings, goals_table
from tests.bench.postgres import NotInstalled, Postgres, postgres
from tests.bench.report import BenchReport

PARTS = ("sweep", "race", "table", "exits", "speed")
JOURNALS = ("sqlite", "postgresql")

Progress = Callable[[str], None]
_JOURNAL_PATHS = re.compile(r"/\S*/journal\.db")
_PORTS = re.compile(r"127\.0\.0\.1:\d+")
"""Paths and ports differ from run to run without meaning."""


@dataclass(frozen=True, slots=True)
class FaultsSize:
    """Amount of work of a run."""

    kills: int | None
    """Kills per journal; None: one at every point."""
    rounds: int
    blocks: int
    presses: int


FULL = FaultsSize(kills=None, rounds=200, blocks=4, presses=15)
QUICK = FaultsSize(kills=60, rounds=20, blocks=1, presses=8)


@dataclass(frozen=True, slots=True)
class FaultsReport(BenchReport):
    """The results of one run, with its texts."""

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
) -> FaultsReport:
    """Run the parts in `only` on the named journals; report parts that cannot run here as skipped.

    Raises:
        Stuck: an undisturbed console did not finish.
    """
    size = QUICK if small else FULL
    found = Findings()
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
                sweeps.append(
                    run_crash_sweep(
                        fake,
                        locations.case("sqlite"),
                        "sqlite, slow",
                        kills=size.kills,
                        seed=seed,
                        slow_journal=True,
                        progress=progress,
                    )
                )
            found += findings.sweep_findings(sweeps)
        if "race" in only:
            races = [
                run_race(fake, locations.shared(name), name, rounds=size.rounds, progress=progress)
                for name in locations.names(journals)
            ]
            found += findings.race_findings(races)
        if "table" in only:
            found += findings.fault_findings(list(_run_faults(fake, folder, server, missing, progress)))
        if "exits" in only:
            found += findings.exit_findings(_run_exits(fake, exits.FEW if small else exits.CASES, progress))
        if "speed" in only:
            with start_fake_prometheus() as prometheus:
                measured = speed.measure(fake, prometheus, blocks=size.blocks, presses=size.presses, progress=progress)
            found += findings.speed_findings(measured)
    return FaultsReport(found)


def _run_exits(fake: FakeBackend, cases: Sequence[exits.ExitCase], progress: Progress) -> list[exits.ExitResult]:
    results = []
    for case in cases:
        progress(f"exit: {case}")
        results.append(exits.run_exit_case(fake, case))
    return results


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
        """The wanted journals that can be made here."""
        return [name for name in wanted if name == "sqlite" or self.server is not None]

    def shared(self, name: str) -> JournalLocation:
        """A new location for several consoles."""
        self.made += 1
        if name == "sqlite" or self.server is None:
            return FileLocation(self.folder / f"shared-{self.made}" / "journal.db")
        found = ServerLocation(Url(self.server.database(f"bench{self.made}")))
        found.make(None)
        return found

    def case(self, name: str) -> Callable[[Path], JournalLocation]:
        """Returns the location of a case, given its folder."""
        if name == "sqlite":
            return lambda folder: FileLocation(folder / "journal.db")
        shared = self.shared(name)
        return lambda _folder: shared


def _preload_modules(fake: FakeBackend, folder: Path) -> None:
    """Import every module of a working console now: a child may lack the rights to read them."""

    def work() -> list[str]:
        shorten_beats()
        asyncio.run(backend_faults.CASES["refuse"](Fixture(fake, folder)))
        return list(sys.modules)

    for name in call_in_child(work) or []:
        with suppress(ImportError):
            importlib.import_module(name)


def _run_faults(
    fake: FakeBackend, folder: Path, server: Postgres | None, missing: str, progress: Progress
) -> Iterator[FaultResult]:
    """Provoke every fault, each in its own process."""
    with measure_stalls() as stalls:
        yield from _fault_results(fake, folder, server, missing, progress, stalls)


def _fault_results(
    fake: FakeBackend, folder: Path, server: Postgres | None, missing: str, progress: Progress, stalls: StallMeter
) -> Iterator[FaultResult]:
    for name, case in {**backend_faults.CASES, "DNS": backend_faults.unresolvable_host, **journal_faults.CASES}.items():
        yield _provoke_in_child(name, partial(_provoke, case, fake, folder), progress, stalls)
    for number, (fault, on_server) in enumerate(journal_faults.SERVER_CASES.items()):
        if server is None:
            yield FaultResult(fault, "", (), skipped=missing)
            continue
        place = ServerLocation(Url(server.database(f"fault{number}")))
        place.make(None)
        yield _provoke_in_child(
            fault, partial(_provoke_on_server, on_server, fake, folder, place, server), progress, stalls
        )


def _provoke(
    case: backend_faults.Case, fake: FakeBackend, folder: Path, pace: float
) -> Coroutine[Any, Any, FaultResult]:
    return case(Fixture(fake, folder, pace=pace))


def _provoke_on_server(
    case: journal_faults.ServerCase,
    fake: FakeBackend,
    folder: Path,
    place: JournalLocation,
    server: Postgres,
    pace: float,
) -> Coroutine[Any, Any, FaultResult]:
    return case(Fixture(fake, folder, place, pace=pace), server)


def _provoke_in_child(
    name: str, work: Callable[[float], Coroutine[Any, Any, FaultResult]], progress: Progress, stalls: StallMeter
) -> FaultResult:
    """Provoke a fault; again, and slower, if something was lost while the machine stalled."""
    for pace in PACES:
        since = time.monotonic()
        found = _provoke_once(name, partial(work, pace), progress)
        if not found.lost or not stalls.stalled_since(since):
            break
    return found


def _provoke_once(name: str, work: Callable[[], Coroutine[Any, Any, FaultResult]], progress: Progress) -> FaultResult:
    def provoke() -> dict[str, object]:
        shorten_beats()
        return asdict(asyncio.run(work()))

    progress(f"fault: {name}")
    found = call_in_child(provoke)
    if found is None:
        return FaultResult(name, "", ("the case did not finish",))
    screen = _JOURNAL_PATHS.sub("journal.db", found["screen"])
    return FaultResult(found["fault"], _PORTS.sub("127.0.0.1:PORT", screen), tuple(found["lost"]), found["skipped"])
