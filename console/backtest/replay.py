"""Judge one metric's recorded ticks as a live console would have.

Every change of state is reported. The track is fed exactly as `console.state.judging` feeds it, so both agree bit for
bit. The clock of a tick is its end. For speed, the state of each tick is computed without the texts; the full verdict,
which has the same state, is made by `rule.verdict` only where the state changes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adapters.contract import Reading
from console.backtest.moments import utc
from console.backtest.series import Tick
from console.judge.counts import CountsTrack
from console.judge.latency import LatencyTrack
from console.judge.policy import MetricPolicy
from console.judge.reason import dominant_model
from console.judge.rule import verdict
from console.judge.track import MetricWord, Track
from console.judge.verdict import Verdict, VerdictContext, VerdictState
from console.plan.exposures import StageExposure
from console.plan.nouns import LEAST_STALE_S, Metric, Role
from console.state.samples import LEDGER_TICKS

_SILENT_TICKS = 3
"""Missing ticks of an arm after which it is silent."""


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A change of a metric's state, or the state at the start of a stage."""

    at: float
    """Start of the tick, unix seconds."""
    metric: str
    stage: str | None
    """None: the canary is no longer exposed."""
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Span:
    """The span of a replay: starts of ticks, unix seconds."""

    began: float
    """The rollout's first tick, of any metric."""
    last: float
    """The newest tick, of any metric."""
    tick_s: float
    starts: dict[int, float]
    """Stage number -> its first tick."""


class Replay:
    """Judges one metric. Consume `changes` once; after it `first_fail_at`, `first_pass_at` and `ticks` are known."""

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
        self._last_state: tuple[int, VerdictState, str] | None = None

    @property
    def ticks(self) -> int:
        """Ticks that counted."""
        return self.track.total if self.track is not None else 0

    @property
    def stale_after_s(self) -> float:
        """Seconds without samples until an arm is silent: the plan's, or three samples or ticks."""
        if self.metric.stale_after_s is not None:
            return max(self.metric.stale_after_s, self._span.tick_s)
        return max(LEAST_STALE_S, _SILENT_TICKS * max(self._span.tick_s, self._spacing_s or 0.0))

    def changes(self, ticks: Iterable[Tick]) -> Iterator[VerdictChange]:
        """Judge `ticks`, oldest first, and yield every change of state."""
        span = self._span
        first = min(span.starts, key=span.starts.__getitem__)
        for tick in ticks:
            if tick.stage == 0 and not self._entered:
                self._note_newest(tick)
                self._history.append(_reading(tick))
                continue
            if not self._entered:
                self._enter(first, span.began)
            yield from self._silence_changes(tick.at)
            if tick.stage != self._stage:
                self._enter(tick.stage, tick.at)
            yield from self._judge(tick)
        if not self._entered:
            self._enter(first, span.began)
        yield from self._silence_changes(span.last + span.tick_s)

    def _enter(self, stage: int, at: float) -> None:
        """Begin a stage: the first time at the first sample of any metric, later at this metric's own."""
        self._since = at if stage in self._entered else self._span.starts.get(stage, at)
        self._stage = stage
        self._entered.add(stage)
        self._baked_s = 0.0

    def _note_newest(self, tick: Tick) -> None:
        if tick.canary_at is not None:
            self._newest["canary"] = tick.canary_at
        if tick.baseline_at is not None:
            self._newest["baseline"] = tick.baseline_at

    def _judge(self, tick: Tick) -> Iterator[VerdictChange]:
        self._note_newest(tick)
        if self._stage and tick.at - self._since >= self.metric.warmup_s:
            if self.track is None:
                self.track = Track.begin(self._terms, list(self._history), self._stage)
                self._history.clear()
            lonely = self.metric.without_baseline or (self._stages[self._stage - 1].common_share or 0.0) >= 100.0
            self.track = self.track.after(_reading(tick), self._stage, alone=lonely)
        gone_s = self._span.tick_s if self._at is None else tick.at - self._at
        self._baked_s += min(gone_s, self.stale_after_s)
        self._at = tick.at
        yield from self._changes_at(tick.at)

    def _silence_changes(self, until: float) -> Iterator[VerdictChange]:
        """Changes in the empty ticks before `until`: only an arm that falls silent changes the state there."""
        tick_s, stale_s = self._span.tick_s, self.stale_after_s
        after = self._at if self._at is not None else self._since - tick_s
        if until <= after + tick_s:
            return
        newest = [at for at in self._newest.values() if at is not None]
        turns = {tick_s * (math.floor((at + stale_s - tick_s) / tick_s) + 1) for at in (*newest, self._since - tick_s)}
        for at in sorted(turn for turn in turns if after < turn < until):
            yield from self._changes_at(at)

    def _changes_at(self, at: float) -> Iterator[VerdictChange]:
        state, detail = self.state(at)
        now = (self._stage, state, detail)
        if now == self._last_state:
            return
        self._last_state = now
        if state is VerdictState.FAIL and self.first_fail_at is None:
            self.first_fail_at = at
        if state is VerdictState.PASS and self.first_pass_at is None:
            self.first_pass_at = at
        stage = self._exposure.stage.name if self._exposure is not None else None
        yield VerdictChange(at, self.metric.name, stage, self.full_verdict(at))

    @property
    def _exposure(self) -> StageExposure | None:
        """That of the stage; None before the first and after the last one."""
        return self._stages[self._stage - 1] if self._stage else None

    @property
    def _current(self) -> Track | None:
        """The track if it is about this stage or has failed, as in `console.state.assessment`; else None."""
        track = self.track
        if track is None or track.stage == self._stage or track.latch.failed_at is not None:
            return track
        return None

    def state(self, at: float) -> tuple[VerdictState, str]:
        """(state, detail if unsure) at the end of the tick that began `at`, as `full_verdict` without its texts."""
        track = self._current
        word = track.word() if track is not None else MetricWord.WARMING_UP
        if word is MetricWord.FAIL:
            return VerdictState.FAIL, ""
        if not self._stage:
            return VerdictState.NO_DATA, ""
        silent, watched = self._silent_arms(at)
        if silent:
            if self._may_wait(at, silent):
                return VerdictState.UNSURE, MetricWord.WARMING_UP
            whole = len(silent) == watched and any(at is not None for at in self._newest.values())
            return (VerdictState.STALE if whole else VerdictState.NO_DATA), ""
        if track is not None and track.silence_reason(self._span.tick_s, self.stale_after_s) is not None:
            return VerdictState.NO_DATA, ""
        if word is MetricWord.PASS and track is not None:
            if _canary_events(track) >= self._min_requests:
                return VerdictState.PASS, ""
            word = MetricWord.WATCHING
        if word is MetricWord.WATCHING and self._left_s <= 0.0:
            return VerdictState.UNSURE, "INCONCLUSIVE"
        return VerdictState.UNSURE, word

    def full_verdict(self, at: float) -> Verdict:
        """The verdict with its texts at the end of the tick that began `at`."""
        name, track = self.metric.name, self._current
        failed = track is not None and track.word() is MetricWord.FAIL
        if not self._stage and not failed:
            return Verdict(name, VerdictState.NO_DATA, "nothing is exposed: not judged", idle=True)
        silent, _ = self._silent_arms(at)
        if silent and not failed and self._may_wait(at, silent):
            reason = f"waiting for the first samples of the {' and the '.join(silent)}"
            return Verdict(name, VerdictState.UNSURE, reason, detail=MetricWord.WARMING_UP)
        canary_at, baseline_at = self._newest["canary"], self._newest["baseline"]
        here = VerdictContext(
            now=utc(at + self._span.tick_s),
            exposed=self._stage > 0,
            alone=self._is_alone,
            canary_at=None if canary_at is None else utc(canary_at),
            baseline_at=None if baseline_at is None else utc(baseline_at),
            min_requests=self._min_requests,
            stale_after_s=self.stale_after_s,
            tick_s=self._span.tick_s,
            left_s=self._left_s,
        )
        return verdict(self.metric, track, here)

    def _silent_arms(self, at: float) -> tuple[list[str], int]:
        """(arms whose newest sample is older than `stale_after_s`, number of arms that are watched)."""
        watched = ("canary",) if self._is_alone else ("canary", "baseline")
        since = at + self._span.tick_s - self.stale_after_s
        return [arm for arm in watched if (newest := self._newest[arm]) is None or newest < since], len(watched)

    def _may_wait(self, at: float, silent: list[str]) -> bool:
        """True while the first samples of the silent arms in this stage may still come."""
        if at + 2.0 * self._span.tick_s - self._since > self.stale_after_s:
            return False
        return all((newest := self._newest[arm]) is None or newest < self._since for arm in silent)

    @property
    def _is_alone(self) -> bool:
        exposure = self._exposure
        return exposure is not None and (self.metric.without_baseline or exposure.largest >= 100.0)

    @property
    def _min_requests(self) -> int:
        exposure = self._exposure if self.metric.role is Role.CRITICAL else None
        return exposure.stage.min_requests if exposure is not None else 0

    @property
    def _left_s(self) -> float:
        """Seconds left of the stage's bake; it counts only time with samples."""
        bake_s = self._exposure.stage.bake_s if self._exposure is not None else 0.0
        return bake_s - self._baked_s if bake_s > 0.0 else math.inf


def _reading(tick: Tick) -> Reading:
    return Reading(utc(tick.at), tick.canary, tick.baseline)


def _canary_events(track: Track) -> float:
    """The canary's events of this stage, which `min_requests` counts."""
    model = dominant_model(track)
    if isinstance(model, LatencyTrack):  # its edges are not chosen yet
        return 0.0
    return model.n if isinstance(model, CountsTrack) else float(model.sums[0])
