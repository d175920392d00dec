"""Tables, goals and JSON figures of the fault benchmark, one function per part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.bench.faults import exits, speed
from tests.bench.faults.crash_sweep import CrashSweep
from tests.bench.faults.fixture import FaultResult
from tests.bench.faults.race import RaceResult
from tests.bench.judge.tables import Cells, Findings, Goal, Number, Table, goal_result

SLOWER = 1.5
"""How many times as long a key may take while 200 metrics are polled."""


def sweep_findings(found: Sequence[CrashSweep]) -> Findings:
    """Kills and their faults, per journal."""
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
    bad_ones = [fault for each in found for fault in each.faults]
    table = Table(
        "Kill with SIGKILL at every write and every call, then finished by the next console",
        ("journal", "kills in a promote", "in an 8-step rollback", "bad", "points"),
        rows,
        "bad: a lost acknowledged event, a decision or a call made twice, a call without a recorded decision and "
        "request, a broken chain, a console that cannot finish. slow: every append takes 60 ms."
        + "".join(f"\n- {fault}" for fault in bad_ones),
    )
    goal = Goal("crash sweep", "0 lost, 0 doubled", f"{len(bad_ones)} bad", goal_result(not bad_ones))
    return Findings([table], [goal], cells)


def race_findings(found: Sequence[RaceResult]) -> Findings:
    """Rounds with exactly one call, per journal."""
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


def fault_findings(found: Sequence[FaultResult]) -> Findings:
    """Screen and losses, per fault."""
    rows = [(row.fault, row.skipped or row.screen.replace("|", "·"), "; ".join(row.lost) or "nothing") for row in found]
    cells: Cells = {
        f"fault {row.fault}": {"screen": row.screen, "lost": "; ".join(row.lost), "skipped": row.skipped}
        for row in found
    }
    table = Table("Faults", ("fault", "the operator sees", "lost"), rows)
    bad = [row.fault for row in found if row.lost]
    goal = Goal("faults", "nothing lost, doubled or forged", ", ".join(bad) or "nothing", goal_result(not bad))
    return Findings([table], [goal], cells)


def exit_findings(found: Sequence[exits.ExitResult]) -> Findings:
    """Exit time, calls and processes left, per case."""
    rows: list[tuple[str, ...]] = []
    cells: dict[str, dict[str, Number]] = {}
    bad: list[str] = []
    slowest = 0.0
    for each in found:
        case, faults = each.case, "; ".join(each.faults)
        bad += [f"{case}: {faults}"] if faults else []
        slowest = slowest if case.rolling_back else max(slowest, each.took_s)
        work = f"{each.steps} of 3 steps done" if case.rolling_back else f"settled: {', '.join(each.calls)}"
        rows.append((str(case), f"{each.took_s:.1f} s", work, str(each.left)))
        cells[f"exit {case}"] = {"took_s": each.took_s, "code": each.code, "bad": faults}
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


def speed_findings(found: speed.Latencies) -> Findings:
    """Time from key to request of polling and idle consoles, and their ratio."""
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
