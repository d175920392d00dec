"""The report of a soak: what the process used, how fast it grew, and what a day and a week of that would be."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.judge.tables import Findings, Goal, Table, goal_result
from tests.bench.load.soak import SoakResult, SoakSample, soak

MOST_MIB_A_DAY = 50.0
"""By how much the memory may grow in a day of the rollout's time."""
_WARM = 0.3
"""The first part of a run is left out: caches fill, and the first ledgers."""


def run(minutes: float, speed: float, *, progress: Callable[[str], None]) -> Findings:
    """Run a soak in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="warroom-bench-") as folder:
        return _findings(soak(Path(folder), minutes, speed, progress=progress), speed)


def _findings(found: SoakResult, speed: float) -> Findings:
    warm = found.samples[round(_WARM * len(found.samples)) :]
    rows = []
    for name, unit, of in (
        ("memory", "MiB", lambda sample: sample.rss_mib),
        ("descriptors", "", lambda sample: float(sample.descriptors)),
        ("threads", "", lambda sample: float(sample.threads)),
        ("tasks", "", lambda sample: float(sample.tasks)),
        ("journal", "MiB", lambda sample: sample.journal_mib),
    ):
        rows.append(_row(name, unit, [of(sample) for sample in found.samples], slope_a_hour(warm, of, speed)))
    sizes = [
        (name, str(max(sample.sizes[name] for sample in found.samples)), str(warm[-1].sizes[name]))
        for name in warm[-1].sizes
    ]
    hours = found.samples[-1].at_s * speed / 3600.0
    done = ", ".join(f"{count} {what}" for what, count in sorted(found.done.items()))
    tables = [
        Table(
            f"A console with a screen for {hours:.1f} hours of its world's time",
            ("", "first", "least", "most", "last", "an hour", "a day", "a week"),
            rows,
            f"An hour, a day, a week: the slope after the first {_WARM:.0%}, of the world's time. Done: {done}.",
        ),
        Table("Entries that one rollout's state holds", ("", "most", "last"), sizes, "A new rollout begins with none."),
    ]
    a_day = 24.0 * slope_a_hour(warm, lambda sample: sample.rss_mib, speed)
    steady = max(sample.descriptors for sample in warm) - min(sample.descriptors for sample in warm)
    goals = [
        Goal("memory", f"<= {MOST_MIB_A_DAY:g} MiB a day", f"{a_day:.1f} MiB", goal_result(a_day <= MOST_MIB_A_DAY)),
        Goal("descriptors", "none left over", f"{steady} apart", goal_result(steady <= 12)),
        Goal("rounds", "at least one", str(found.done.get("rounds", 0)), goal_result("rounds" in found.done)),
    ]
    return Findings(tables, goals, {"done": dict(found.done)})


def slope_a_hour(samples: Sequence[SoakSample], of: Callable[[SoakSample], float], speed: float) -> float:
    """Growth in an hour of the world's time, by least squares."""
    if len(samples) < 3:
        return 0.0
    hours = [sample.at_s * speed / 3600.0 for sample in samples]
    return statistics.linear_regression(hours, [of(sample) for sample in samples]).slope


def _row(name: str, unit: str, values: Sequence[float], an_hour: float) -> tuple[str, ...]:
    def text(value: float) -> str:
        return f"{value:,.1f} {unit}".rstrip() if unit else f"{value:,.1f}"

    first, last = values[0], values[-1]
    return (name, *map(text, (first, min(values), max(values), last, an_hour, 24 * an_hour, 168 * an_hour)))
