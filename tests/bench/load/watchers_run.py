"""The report of the watchers' benchmark: one group beside a single watcher, per journal."""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench.judge.tables import Cells, Findings, Goal, Table, goal_result
from tests.bench.load.watchers import WatchersResult, WatchersSize, measure

MOST_CPU = 0.005
"""Share of a core that a watcher which does not poll may use while idle."""
MOST_PSS_MIB = 50.0
MOST_WAIT_S = 0.2
"""Seconds that an append may wait for others."""


def run(count: int, idle_s: float, *, journals: Sequence[str], progress: Callable[[str], None]) -> Findings:
    """Measure one watcher and `count` watchers on each kind of journal."""
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="warroom-bench-") as made, ExitStack() as servers:
        for name in journals:
            found = []
            for each in (1, count):
                folder = Path(made) / name / str(each)
                location = _new_server_journal(servers, folder) if name == "postgresql" else None
                found.append(measure(folder, location, WatchersSize(each, idle_s, 60), progress=progress))
            findings += _findings(name, found)
    return findings


def _new_server_journal(servers: ExitStack, folder: Path) -> str:
    from console.journal.postgres.journal import make_journal
    from console.journal.postgres.url import Url
    from tests.bench.postgres import postgres

    folder.parent.mkdir(parents=True, exist_ok=True)
    url = servers.enter_context(postgres(folder.parent)).database("watched")
    make_journal(Url(url), None)
    return url


def _findings(name: str, results: Sequence[WatchersResult]) -> Findings:
    rows: list[tuple[str, ...]] = []
    cells: dict[str, dict[str, float]] = {}
    for each in results:
        waits_ms = sorted(1000.0 * wait for wait in each.appends_s)
        rows.append(
            (
                str(each.count),
                f"{100 * statistics.fmean(each.cpu):.2f} % / {100 * max(each.cpu):.2f} %",
                f"{100 * each.poller_cpu:.2f} %",
                f"{statistics.fmean(each.pss_mib):.1f} / {max(each.pss_mib):.1f} MiB",
                f"{statistics.median(waits_ms):.1f} / {waits_ms[-1]:.1f} ms",
                f"{each.arrived_s:.0f} s",
            )
        )
        cells[f"{name} {each.count}"] = {
            "cpu mean": statistics.fmean(each.cpu),
            "cpu max": max(each.cpu),
            "cpu poller": each.poller_cpu,
            "pss mean MiB": statistics.fmean(each.pss_mib),
            "pss max MiB": max(each.pss_mib),
            "append median s": waits_ms[len(waits_ms) // 2] / 1000.0,
            "append max s": waits_ms[-1] / 1000.0,
        }
    numpy = "with" if importlib.util.find_spec("numpy") is not None else "without"
    table = Table(
        f"`warroom watch` on one journal in {name}, poll 5 s, four metrics",
        ("watchers", "CPU of each, mean / most", "of the poller", "memory, mean / most", "an append", "all present"),
        rows,
        f"CPU: share of a core while idle. Memory: Pss, {numpy} numpy. An append: median / longest of "
        f"{len(results[-1].appends_s)}, by another process. All present: from the first start.",
    )
    return Findings([table], _goals(name, results[-1]), _as_cells(cells))


def _as_cells(cells: dict[str, dict[str, float]]) -> Cells:
    return {name: dict(values) for name, values in cells.items()}


def _goals(name: str, found: WatchersResult) -> list[Goal]:
    cpu, pss, wait_s = statistics.fmean(found.cpu), max(found.pss_mib), max(found.appends_s)
    about = f"{found.count} watchers, {name}"
    return [
        Goal(f"{about}: CPU", f"<= {MOST_CPU:.1%} each", f"{cpu:.2%}", goal_result(cpu <= MOST_CPU)),
        Goal(f"{about}: memory", f"<= {MOST_PSS_MIB:g} MiB each", f"{pss:.1f} MiB", goal_result(pss <= MOST_PSS_MIB)),
        Goal(f"{about}: an append", f"<= {MOST_WAIT_S:g} s", f"{wait_s:.3f} s", goal_result(wait_s <= MOST_WAIT_S)),
    ]
