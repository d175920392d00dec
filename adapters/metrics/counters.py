"""Count events per tick from raw samples, young series included. Pure.

PromQL's `increase()` and `rate()` extrapolate and miss the first value of a new series (prometheus/prometheus#3886), so
a canary's first error is invisible to them. Counted here from raw samples of window + lookback instead:

- A series counts the positive differences of consecutive samples. After a drop (the process restarted) it counts the
  new value. A difference belongs to the tick of its later sample, by that sample's own timestamp.
- A series whose first sample lies in the very first batch of samples of the whole metric (the backend itself knows
  nothing older) starts from that first value: when it was counted is unknown.
- Any other series is new and counts from 0: its first value happened since the scrape before. That holds for an error
  series born at 1 while its total had been there all along, which is why the first batch is that of all parts of the
  metric together.
- Unless that first value is more than `_JOIN_LIMIT` times the largest step any series of the total ever made: then it
  is an old process that was not scraped for longer than the lookback and came back. It starts from its first value,
  and the answer is marked partial. No burst of real errors is lost to this, as errors are bounded by the traffic.

No counting recovers the events of a process between its last scrape and its death, or sees a restart after which
a counter passed its old value before the next scrape. Scrape intervals beyond three minutes are longer than the
lookback's margin and are not supported.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from adapters.contract import Gauge, Window

LOOKBACK_S = 300.0
"""How far before the window the samples begin, to find each series' anchor."""
_JOIN_LIMIT = 20.0
"""A new series that begins with more than this many times the largest step was not scraped for a while."""
_STEADY = 0.9
"""A series with a value in this share of the ticks is an instance that was there throughout."""
_MOST_INSTANCES = 10
"""Most instances whose levels are kept: enough to see how far they differ, few enough to keep for days."""
_BATCH = 0.9
"""The first batch spans this much of a scrape interval: each target has its own moment in it, but what appears one
whole interval after its own target's first scrape is new."""


@dataclass(frozen=True, slots=True)
class RawSeries:
    """One raw series. Samples are (unix seconds, value), oldest first."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Origin:
    """The rule by which first values of a metric's series count from 0."""

    batch_end: float
    """Unix seconds; a series first seen up to here starts from its first value."""
    limit: float
    """A new series with a larger first value is an old process that came back."""

    def is_new(self, first_at: float) -> bool:
        """Whether a series first seen at `first_at` (unix seconds) counts from 0."""
        return first_at > self.batch_end

    @classmethod
    def of(cls, total: Iterable[RawSeries], parts: Iterable[RawSeries]) -> Origin:
        """Derive a metric's origin from all series of its parts, both arms."""
        watched = [series for series in total if series.samples]
        firsts = [series.samples[0][0] for series in (*watched, *parts) if series.samples]
        between_s = spacing_s(watched)
        if not firsts or between_s is None:
            return cls(math.inf, 0.0)
        steps = (later[1] - earlier[1] for series in watched for earlier, later in pairwise(series.samples))
        return cls(min(firsts) + _BATCH * between_s, _JOIN_LIMIT * max(1.0, max(steps, default=0.0)))


@dataclass(slots=True)
class TickEvents:
    """Events of some series together, per tick index."""

    by_tick: dict[int, float]
    came_back: int = 0
    """Series that appeared with more events than they can have had since the last scrape."""


def increases(samples: Sequence[tuple[float, float]], *, from_zero: bool) -> Iterator[tuple[float, float]]:
    """Yield (time, events since the sample before) of one clean counter series."""
    previous = 0.0 if from_zero else None
    for at, value in samples:
        if previous is not None:
            yield at, value - previous if value >= previous else value
        previous = value


def count(series: Iterable[RawSeries], origin: Origin, window: Window) -> TickEvents:
    """Count the events of `series` together in each tick of `window`. A tick without a sample is absent."""
    ticks = Ticks(window)
    counted = TickEvents({})
    for one in series:
        if not one.samples:
            continue
        first_at, first = one.samples[0]
        from_zero = origin.is_new(first_at)
        if from_zero and first > origin.limit:
            from_zero = False
            counted.came_back += ticks.index(first_at) is not None
        for at, events in increases(one.samples, from_zero=from_zero):
            index = ticks.index(at)
            if index is not None:
                counted.by_tick[index] = counted.by_tick.get(index, 0.0) + events
    return counted


def levels(series: Iterable[RawSeries], window: Window) -> dict[int, Gauge]:
    """Average, per tick of `window`, the last finite value of each series. A tick without one is absent.

    Where several series have a value in nearly every tick, the gauge also has their separate values, in the order of
    their labels, in the ticks in which all of them have one: so each place always stands for the same series.
    """
    lasts = [_lasts(one, window) for one in sorted(series, key=lambda one: sorted(one.labels.items()))]
    ticks = sorted({index for last in lasts for index in last})
    steady = [last for last in lasts if len(last) >= _STEADY * len(ticks)][:_MOST_INSTANCES]
    found: dict[int, Gauge] = {}
    for index in ticks:
        apart = tuple(last[index] for last in steady if index in last)
        whole = len(steady) >= 2 and len(apart) == len(steady)
        found[index] = Gauge(fmean(last[index] for last in lasts if index in last), apart if whole else ())
    return found


def _lasts(series: RawSeries, window: Window) -> dict[int, float]:
    """The last finite value of a series in each tick."""
    ticks = Ticks(window)
    last: dict[int, float] = {}
    for at, value in series.samples:
        index = ticks.index(at)
        if index is not None and math.isfinite(value):
            last[index] = value
    return last


def clean_series(series: Iterable[RawSeries], window: Window) -> tuple[list[RawSeries], int]:
    """Drop the samples that no counter has (NaN, infinite, negative). Also count those within the window."""
    ticks = Ticks(window)
    kept: list[RawSeries] = []
    dirty = 0
    for one in series:
        samples = [sample for sample in one.samples if 0.0 <= sample[1] < math.inf]
        if len(samples) < len(one.samples):
            bad = (at for at, value in one.samples if not 0.0 <= value < math.inf)
            dirty += sum(ticks.index(at) is not None for at in bad)
        kept.append(RawSeries(one.labels, samples))
    return kept, dirty


def spacing_s(series: Iterable[RawSeries]) -> float | None:
    """Median seconds between consecutive samples, or None where no series has two."""
    gaps = [later[0] - earlier[0] for one in series for earlier, later in pairwise(one.samples)]
    return median(gaps) if gaps else None


def newest_at(series: Iterable[RawSeries]) -> float | None:
    """Time of the newest sample of all, unix seconds."""
    return max((one.samples[-1][0] for one in series if one.samples), default=None)


class Ticks:
    """The ticks of a window, numbered from the epoch."""

    def __init__(self, window: Window) -> None:
        self.tick_s = window.tick_s
        self.first = math.ceil(window.start.timestamp() / window.tick_s)
        self.end = math.ceil(window.end.timestamp() / window.tick_s)
        """First index after the window."""

    def index(self, at: float) -> int | None:
        """The index of the tick that holds `at` (unix seconds). None outside the window."""
        index = math.floor(at / self.tick_s)
        return index if self.first <= index < self.end else None
