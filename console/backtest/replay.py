"""One metric's ticks judged in order, as a console that was there would have judged them: every change of state.

The track is fed exactly as `console.state.judging` feeds it, so both agree bit for bit. The clock of a tick is its end.
The state is worked out per tick without its words (`rule.verdict` gives the same one with them); the words are made
only where it changes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adapters.contract import Reading
from console.backtest.moments import utc
from console.backtest.series import Tick
from console.judge.context import VerdictContext
from console.judge.counts import CountsTrack
from console.judge.latency import LatencyTrack
from console.judge.policy import MetricPolicy
from console.judge.rule import verdict
from console.judge.track import MetricWord, Track
from console.judge.verdict import Verdict, VerdictState
from console.plan.exposures import StageExposure
from console.plan.nouns import LEAST_STALE_S, Metric, Role
from console.state.samples import LEDGER_TICKS

_SILENT_TICKS = 3
"""Missing ticks of an arm after which it is silent."""


@dataclass(frozen=True, slots=True)
class Change:
    """A metric's state has changed, or a stage has begun with it."""

    at: float
    """Start of the tick, unix seconds."""
    metric: str
    stage: str | None
    """None: the canary is not exposed any more."""
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Span:
    """What of time a replay is about. Starts of ticks, unix seconds."""

    began: float
    """The rollout's first tick, whatever metric it is of."""
    last: float
    """The newest tick, whatever metric it is of."""
    tick_s: float
    starts: dict[int, float]
    """Stage number -> its first tick."""


class Replay:
    """One metric's judgement. `changes` is run once; then the rest can be read."""

    def __init__(self, metric: Metric, stages: tuple[StageExposure, ...], span: Span, spacing_s: float | None) -> None:
        self.metric = metric
        self.track: Track | None = None
        self.first_fail_at: float | None = None
        self.first_pass_at: float | None = None
        self._stages = stages
        self._span = span
        self._spacing_s = spacing_s
        self._terms = MetricPolicy.of(metric)
        self._history: deque[Reading] = deque(maxlen=LEDGER_TICKS)
        self._stage = 0
        self._entered: set[int] = set()
        self._since = span.began
        self._at: float | None = None
        self._baked_s = 0.0
        self._newest: dict[str, float | None] = {"canary": None, "baseline": None}
        self._said: tuple[int, VerdictState, str] | None = None

    @property
    def ticks(self) -> int:
        """Ticks that counted."""
        return self.track.total if self.track is not None else 0

    @property
    def stale_after_s(self) -> float:
        """Age from which an arm is silent: the plan's word, or three samples, or three ticks."""
        if self.metric.stale_after_s is not None:
            return max(self.metric.stale_after_s, self._span.tick_s)
        return max(LEAST_STALE_S, _SILENT_TICKS * max(self._span.tick_s, self._spacing_s or 0.0))

    def changes(self, ticks: Iterable[Tick]) -> Iterator[Change]:
        """Judge `ticks`, which are in order, and tell every change of state."""
        span = self._span
        first = min(span.starts, key=span.starts.__getitem__)
        for tick in ticks:
            if tick.stage == 0 and not self._entered:
                self._hear(tick)
                self._history.append(_reading(tick))
                continue
            if not self._entered:
                self._enter(first, span.began)
            yield from self._quiet(tick.at)
            if tick.stage != self._stage:
                self._enter(tick.stage, tick.at)
            yield from self._judge(tick)
        if not self._entered:
            self._enter(first, span.began)
        yield from self._quiet(span.last + span.tick_s)

    def _enter(self, stage: int, at: float) -> None:
        """A stage begins: at its first time with the first sample of any metric, later with this metric's."""
        self._since = at if stage in self._entered else self._span.starts.get(stage, at)
        self._stage = stage
        self._entered.add(stage)
        self._baked_s = 0.0

    def _hear(self, tick: Tick) -> None:
        if tick.canary_at is not None:
            self._newest["canary"] = tick.canary_at
        if tick.baseline_at is not None:
            self._newest["baseline"] = tick.baseline_at

    def _judge(self, tick: Tick) -> Iterator[Change]:
        self._hear(tick)
        if self._stage and tick.at - self._since >= self.metric.warmup_s:
            if self.track is None:
                self.track = Track.begin(self._terms, list(self._history), self._stage)
                self._history.clear()
            given = self._stages[self._stage - 1].common_share
            lonely = self.metric.without_baseline or (given is not None and given >= 100.0)
            self.track = self.track.after(_reading(tick), self._stage, alone=lonely)
        gone_s = self._span.tick_s if self._at is None else tick.at - self._at
        self._baked_s += min(gone_s, self.stale_after_s)
        self._at = tick.at
        yield from self._changes_at(tick.at)

    def _quiet(self, until: float) -> Iterator[Change]:
        """The ticks without any sample before `until`: only an arm's falling silent can change something there."""
        tick_s, stale_s = self._span.tick_s, self.stale_after_s
        after = self._at if self._at is not None else self._since - tick_s
        if until <= after + tick_s:
            return
        heard = [at for at in self._newest.values() if at is not None]
        turns = {tick_s * (math.floor((at + stale_s - tick_s) / tick_s) + 1) for at in (*heard, self._since - tick_s)}
        for at in sorted(turn for turn in turns if after < turn < until):
            yield from self._changes_at(at)

    # -- the state -----------------------------------------------------------------------------------------------------

    def _changes_at(self, at: float) -> Iterator[Change]:
        state, detail = self.state(at)
        now = (self._stage, state, detail)
        if now == self._said:
            return
        self._said = now
        if state is VerdictState.FAIL and self.first_fail_at is None:
            self.first_fail_at = at
        if state is VerdictState.PASS and self.first_pass_at is None:
            self.first_pass_at = at
        stage = self._stages[self._stage - 1].stage.name if self._stage else None
        yield Change(at, self.metric.name, stage, self.words(at))

    @property
    def _current(self) -> Track | None:
        """The track, as far as it speaks of this stage: as `console.state.assessment` has it."""
        track = self.track
        if track is None or track.stage == self._stage or track.latch.failed_at is not None:
            return track
        return None

    def state(self, at: float) -> tuple[VerdictState, str]:
        """State, and detail if unsure, at the end of the tick that began `at`: as `rule.verdict`, without the words."""
        track = self._current
        word = track.word() if track is not None else MetricWord.WARMING_UP
        if word is MetricWord.FAIL:
            return VerdictState.FAIL, ""
        if not self._stage:
            return VerdictState.NO_DATA, ""
        silent, watched = self._silent(at)
        if silent:
            if self._waits(at, silent):
                return VerdictState.UNSURE, MetricWord.WARMING_UP
            whole = len(silent) == watched and any(at is not None for at in self._newest.values())
            return (VerdictState.STALE if whole else VerdictState.NO_DATA), ""
        if track is not None and track.silence_reason(self._span.tick_s, self.stale_after_s) is not None:
            return VerdictState.NO_DATA, ""
        if word is MetricWord.PASS and track is not None:
            if _events(track) >= self._min_requests:
                return VerdictState.PASS, ""
            word = MetricWord.WATCHING
        if word is MetricWord.WATCHING and self._left_s <= 0.0:
            return VerdictState.UNSURE, "INCONCLUSIVE"
        return VerdictState.UNSURE, word

    def words(self, at: float) -> Verdict:
        """The whole verdict at the end of the tick that began `at`."""
        name, track = self.metric.name, self._current
        failed = track is not None and track.word() is MetricWord.FAIL
        if not self._stage and not failed:
            return Verdict(name, VerdictState.NO_DATA, "nothing is exposed: not judged", idle=True)
        silent, _ = self._silent(at)
        if silent and not failed and self._waits(at, silent):
            told = f"waiting for the first samples of the {' and the '.join(silent)}"
            return Verdict(name, VerdictState.UNSURE, told, detail=MetricWord.WARMING_UP)
        canary_at, baseline_at = self._newest["canary"], self._newest["baseline"]
        here = VerdictContext(
            now=utc(at + self._span.tick_s),
            exposed=self._stage > 0,
            alone=self._alone,
            canary_at=None if canary_at is None else utc(canary_at),
            baseline_at=None if baseline_at is None else utc(baseline_at),
            min_requests=self._min_requests,
            stale_after_s=self.stale_after_s,
            tick_s=self._span.tick_s,
            left_s=self._left_s,
        )
        return verdict(self.metric, track, here)

    def _silent(self, at: float) -> tuple[list[str], int]:
        """The arms of which nothing was heard for too long, and how many are watched."""
        watched = ("canary",) if self._alone else ("canary", "baseline")
        since = at + self._span.tick_s - self.stale_after_s
        return [arm for arm in watched if (heard := self._newest[arm]) is None or heard < since], len(watched)

    def _waits(self, at: float, silent: list[str]) -> bool:
        """Whether the stage is so young that the first samples of the silent arms are not missing yet."""
        if at + 2.0 * self._span.tick_s - self._since > self.stale_after_s:
            return False
        return all((heard := self._newest[arm]) is None or heard < self._since for arm in silent)

    @property
    def _alone(self) -> bool:
        return self._stage > 0 and (self.metric.without_baseline or self._stages[self._stage - 1].largest >= 100.0)

    @property
    def _min_requests(self) -> int:
        critical = self.metric.role is Role.CRITICAL
        return self._stages[self._stage - 1].stage.min_requests if critical and self._stage else 0

    @property
    def _left_s(self) -> float:
        """What is left of the stage's bake, which counts the time in which this metric flowed."""
        bake_s = self._stages[self._stage - 1].stage.bake_s if self._stage else 0.0
        return bake_s - self._baked_s if bake_s > 0.0 else math.inf


def _reading(tick: Tick) -> Reading:
    return Reading(utc(tick.at), tick.canary, tick.baseline)


def _events(track: Track) -> float:
    """What `min_requests` counts: the canary's events of this stage."""
    shaped = track.model
    if isinstance(shaped, LatencyTrack):
        telling = shaped.dominant_model
        return telling[1].n if telling is not None else 0.0
    return shaped.n if isinstance(shaped, CountsTrack) else float(shaped.sums[0])
