"""One metric's two arms over time, drawn in text on one shared axis. Pure: no widget, no color.

An axis that fits itself to each arm draws a tenfold regression and a flat line alike, so an `Axis` is always made from
both arms together, starts at zero, and is labelled. Time is cut into buckets aligned to the epoch, one a cell, so that
between two buckets only the last cell changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from adapters.contract import Counts, Gauge, Reading, Sample
from widgets.glyphs import GAP, HATCH

BLOCKS = "▁▂▃▄▅▆▇█"
Series = Sequence[float | None]
Arm = Literal["canary", "baseline"]
ARMS: Sequence[Arm] = ("canary", "baseline")

_LEAST_TICK_S = 0.001
_TICKS_A_CELL = (1, 2, 3, 6, 12, 30, 60, 120, 360, 720)


@dataclass(frozen=True, slots=True)
class Axis:
    """The values of the lowest and the highest block, the same for both arms of a metric."""

    floor: float
    top: float

    def block(self, value: float) -> str:
        """The block for a finite `value`; one outside the axis is drawn at its end."""
        part = (value - self.floor) / (self.top - self.floor)
        return BLOCKS[round(min(max(part, 0.0), 1.0) * (len(BLOCKS) - 1))]


@dataclass(frozen=True, slots=True)
class Grid:
    """Time cut into `cells` buckets of `bucket_s` seconds; `end` lies in the last one."""

    end: datetime
    bucket_s: float
    cells: int

    def column(self, at: datetime) -> int | None:
        """The cell of a moment; None outside the grid."""
        last = math.floor(self.end.timestamp() / self.bucket_s)
        column = self.cells - 1 - (last - math.floor(at.timestamp() / self.bucket_s))
        return column if 0 <= column < self.cells else None

    @property
    def start(self) -> datetime:
        """The beginning of the first cell, or a little before it."""
        try:
            return self.end - timedelta(seconds=self.span_s)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)

    @property
    def span_s(self) -> float:
        """Seconds from the beginning of the first cell to the end of the last."""
        return self.bucket_s * self.cells


def grid_for(end: datetime, tick_s: float, cells: int, wanted_s: float) -> Grid:
    """The finest grid of whole ticks that shows at least `wanted_s` seconds, or the coarsest there is."""
    tick = tick_s if math.isfinite(tick_s) and tick_s >= _LEAST_TICK_S else 1.0
    for ticks in _TICKS_A_CELL:
        if ticks * tick * cells >= wanted_s:
            break
    return Grid(end, ticks * tick, max(cells, 0))


def axis_for(arms: Iterable[Series], least: float = 0.0) -> Axis:
    """One axis for several arms, from zero (or below, for negative levels) to a round number: 1, 2 or 5 times 10^n.

    It reaches at least to `least`, so that negligible noise is not magnified.
    """
    known = [value for series in arms for value in series if value is not None and math.isfinite(value)]
    low, high = min(known, default=0.0), max([*known, least])
    return Axis(-_round_up(-low) if low < 0 else 0.0, _round_up(high) if high > 0 else 0.0 if low < 0 else 1.0)


def _round_up(value: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten at or above `value` (> 0), within a float's range."""
    value = min(max(value, 1e-300), 1e300)
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 5) if step * power >= value * (1 - 1e-9)), 10 * power)


def series(ledger: Sequence[Reading], arm: Arm, grid: Grid) -> tuple[float | None, ...]:
    """One value a cell, from `ledger`, oldest tick first: the share bad/total of counts, the last level of gauges."""
    total, bad = [0.0] * grid.cells, [0.0] * grid.cells
    values: list[float | None] = [None] * grid.cells
    start = grid.start
    for reading in reversed(ledger):
        if reading.at < start:
            break
        sample: Sample | None = reading.canary if arm == "canary" else reading.baseline
        column = grid.column(reading.at)
        if sample is None or column is None:
            continue
        if isinstance(sample, Gauge):
            if values[column] is None and math.isfinite(sample.value):
                values[column] = sample.value
        elif isinstance(sample, Counts) and _is_countable(sample):
            total[column] += sample.total
            bad[column] += sample.bad
            values[column] = bad[column] / total[column]
    return tuple(values)


def _is_countable(sample: Counts) -> bool:
    """Whether these counts give a share: a tick without requests is a gap, not a zero."""
    return math.isfinite(sample.total) and math.isfinite(sample.bad) and sample.total > 0 and sample.bad >= 0


@dataclass(frozen=True, slots=True)
class Chart:
    """Both arms of one metric on one grid and one axis."""

    arms: Mapping[Arm, Series]
    axis: Axis

    @classmethod
    def of(cls, ledger: Sequence[Reading], grid: Grid, least: float = 0.0) -> Chart:
        """The arms of `ledger` on an axis made from both; `least` as for `axis_for`."""
        arms: dict[Arm, Series] = {arm: series(ledger, arm, grid) for arm in ARMS}
        return cls(arms, axis_for(arms.values(), least))


def cells(values: Series, width: int, axis: Axis, overdue: bool = False) -> str:
    """The newest `width` values as one row of exactly `width` cells.

    Blank before the first value, `·` for a gap between values, and after the last value blank, or hatched when data
    is `overdue`.
    """
    if width <= 0:
        return ""
    shown = [value if value is not None and math.isfinite(value) else None for value in values[-width:]]
    known = [index for index, value in enumerate(shown) if value is not None]
    first, last = (known[0], known[-1]) if known else (len(shown), -1 if overdue else len(shown))
    row = []
    for index, value in enumerate(shown):
        if value is not None:
            row.append(axis.block(value))
        elif index > last:
            row.append(HATCH if overdue else " ")
        else:
            row.append(" " if index < first else GAP)
    return "".join(row).rjust(width)
