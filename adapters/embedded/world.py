"""One embedded world: its log, its exposure and its metrics.

Everything is a function of (settings, log, time). Every backend of one process that names the same world of the same
rollout gets the same object. Waiting, faults and the contract's verbs live in `backend`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from urllib.parse import quote

from adapters.contract import MetricQuery, MetricReply, Reading, Shape, Window
from adapters.embedded.changes import ChangeLog, ChangeVerb, WorldChange
from adapters.embedded.exposure import ExposureHistory
from adapters.embedded.marks import WorldMarks
from adapters.embedded.scenarios import Scenario
from adapters.embedded.series import SecondSeries
from adapters.embedded.traffic import Family, TrafficModel
from adapters.embedded.world_time import WorldTime


class ContradictionError(Exception):
    """Two backends give different settings for the world they share. One plain line."""


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """The settings of a world; None: not given."""

    scenario: Scenario | None = None
    seed: int | None = None
    rps: float | None = None
    error_rate: float | None = None
    onset_s: float | None = None

    def merge(self, other: WorldSettings) -> WorldSettings:
        """Merge both; raises ContradictionError where they differ."""
        given = {one.name: value for one in fields(other) if (value := getattr(other, one.name)) is not None}
        for name, value in given.items():
            ours = getattr(self, name)
            if ours is not None and ours != value:
                raise ContradictionError(f"{name} is {ours} for one backend of this world and {value} for another")
        return replace(self, **given)

    def traffic(self) -> TrafficModel:
        """The traffic of a world with these settings."""
        return TrafficModel(
            seed=1 if self.seed is None else self.seed,
            rps=400.0 if self.rps is None else self.rps,
            error_rate=0.004 if self.error_rate is None else self.error_rate,
        )


class World:
    """One world. The caller always passes the time; moments are seconds since the epoch unless typed datetime."""

    def __init__(self, log: Path, settings: WorldSettings) -> None:
        self.log = log
        self.users = 0
        """Number of open backends of this process that hold it."""
        self._log = ChangeLog(log)
        self._time = WorldTime(log.with_suffix(".time"))
        self.marks = WorldMarks(log.with_suffix(".marks"))
        self._lock = RLock()  # two engines of one process may share this world from two threads
        self._exposure = ExposureHistory()
        self._apply(settings)

    def join(self, settings: WorldSettings) -> None:
        """Merge in the settings of another backend; raises ContradictionError."""
        with self._lock:
            merged = self._settings.merge(settings)
            if merged != self._settings:
                self._apply(merged)

    @property
    def scenario(self) -> Scenario:
        """The scenario of this world."""
        return self._settings.scenario or Scenario.HEALTHY

    def exposure(self) -> ExposureHistory:
        """Return every target's exposure over time, up to the newest change. Raises OSError."""
        with self._lock:
            redraw_from = self._log.refresh()
            if redraw_from is not None:
                self._exposure = ExposureHistory(self._log.changes)
                self._seconds.redraw(self._exposure, self._began(), redraw_from)
            return self._exposure

    def change(self, decide: Callable[[ExposureHistory], WorldChange | None]) -> None:
        """Append the change that `decide` makes of the current exposure. None comes between. Raises OSError.

        A drill or a test also calls it, to play the colleague who moves a target outside the console.
        """
        with self._lock:
            self._log.append(lambda: decide(self.exposure()))

    def time(self, now: float, steady_s: float) -> float:
        """The world's own time, the same for all processes of this boot, whatever their wall clocks show.

        It is never before the newest change, so that no change lies in anyone's future.

        Args:
            now: the caller's wall clock, which the first process of a boot sets the world's time by.
            steady_s: the caller's clock that never jumps.

        Raises:
            OSError: the log cannot be read.
        """
        with self._lock:
            return self._time.at(now, steady_s, self.exposure().not_before_newest(-math.inf))

    def open_at(self, target: str, percent: float, on: bool | None, at: float, climbs: bool = False) -> None:
        """Set the exposure that `target` had from the start, unless changed already.

        Scenarios and climbs count from `at`. Raises OSError.
        """

        def opening_change(exposure: ExposureHistory) -> WorldChange | None:
            if exposure.latest(target) is not None:
                return None
            return WorldChange(at, target, percent, on, "opening", ChangeVerb.OPENING, climbs=climbs)

        self.change(opening_change)

    def is_dark(self, at: float) -> bool:
        """Whether the metrics source does not answer at `at`. Raises OSError."""
        self.exposure()
        return self.scenario.silences_metrics(at - self._began())

    def metric(self, query: MetricQuery, window: Window, now: datetime, ahead_s: int = 0) -> MetricReply:
        """Read every tick of `window` of which a second is over. It may be still growing. Raises OSError.

        A second counts once it is over; its sample carries the moment it ended.

        Args:
            query: the metric.
            window: by the caller's clock, as is the reply.
            now: the world's time.
            ahead_s: how far the world's time is ahead of the caller's clock.
        """
        with self._lock:
            exposure = self.exposure()
            over = math.floor(now.timestamp())
            family = Family.of(query.metric, query.shape)
            tick = {Shape.GAUGE: self._seconds.gauge, Shape.HISTOGRAM: self._seconds.histogram}.get(
                query.shape, self._seconds.counts
            )
            readings: list[Reading] = []
            index, end = math.floor(window.start.timestamp() / window.tick_s), window.end.timestamp()
            while (begin := index * window.tick_s) < end and begin + ahead_s < over:
                first, last = math.ceil(begin) + ahead_s, math.ceil(begin + window.tick_s) + ahead_s
                seconds = range(first, min(last, over))
                if seconds:
                    readings.append(tick(query.metric, family, datetime.fromtimestamp(begin, UTC), seconds))
                index += 1
        canary, baseline = exposure.newest_second(True, over), exposure.newest_second(False, over)
        return MetricReply(
            query.metric, tuple(readings), _end_of(canary, ahead_s), _end_of(baseline, ahead_s), spacing_s=1.0
        )

    def _began(self) -> float:
        beginning = self.scenario.beginning
        onset_s = beginning.onset_s if self._settings.onset_s is None else self._settings.onset_s
        return self._exposure.first_reached(beginning.threshold) + onset_s

    def _apply(self, settings: WorldSettings) -> None:
        self._settings = settings
        self._seconds = SecondSeries(settings.traffic(), self.scenario)
        self._seconds.redraw(self._exposure, self._began(), -math.inf)


_WORLDS: dict[Path, World] = {}
_WORLDS_LOCK = RLock()


def enter_world(state_dir: Path, rollout: str, name: str, settings: WorldSettings) -> World:
    """Enter the world `name` of a rollout. One object for every backend of this process, until the last one leaves.

    Its log is `world-<rollout>-<name>.jsonl` in `state_dir`. Raises ContradictionError.
    """
    log = state_dir.resolve() / f"world-{quote(rollout, safe='')}-{quote(name, safe='')}.jsonl"
    with _WORLDS_LOCK:
        world = _WORLDS.get(log)
        if world is None:
            world = _WORLDS[log] = World(log, settings)
        else:
            world.join(settings)
        world.users += 1
        return world


def leave_world(world: World) -> None:
    """Leave a world; its log stays for the next backend that enters."""
    with _WORLDS_LOCK:
        world.users -= 1
        if world.users <= 0 and _WORLDS.get(world.log) is world:
            del _WORLDS[world.log]


def _end_of(second: int | None, ahead_s: int) -> datetime | None:
    return None if second is None else datetime.fromtimestamp(second + 1 - ahead_s, UTC)
