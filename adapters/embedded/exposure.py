"""Every target's exposure over time, derived from the changes. Pure: no file and no clock.

The canary's share of the traffic is the largest weight of any deploy target. Flags beside a deploy split no traffic:
both arms run the code, the flag only decides what a request is shown. A world with flags alone is split by them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from adapters.embedded.changes import ChangeVerb, WorldChange

LADDER = (5, 10, 25, 50, 75, 100)
"""The weights a deploy that advances by itself climbs through, in percent."""
DWELL_S = 60.0
"""How long it stays on each of them."""


@dataclass(frozen=True, slots=True)
class ExposureSpan:
    """One target's exposure from `since` until its next span."""

    since: float
    """Seconds since the epoch; -inf for an opening, which holds for all the time before it too."""
    dated: float
    """The time of the change: as `since`, but finite for an opening. Scenarios count from here."""
    percent: float
    on: bool | None
    by: str
    revision: int
    was_exposed: bool = False
    """Whether any earlier span gave the canary something."""
    climbs: bool = False
    paused: bool = False
    requested: float | None = None
    """The percentage that was accepted last and not acted on; None unless the deploy is stuck."""

    @property
    def exposure(self) -> float:
        """The share that really gets the new version, 0..100. Nothing while a flag is off."""
        return 0.0 if self.on is False else self.percent


class ExposureHistory:
    """Every target's spans over time, and the resulting traffic split."""

    def __init__(self, changes: Iterable[WorldChange] = ()) -> None:
        self._tracks: dict[str, list[ExposureSpan]] = {}
        self._newest = -math.inf
        for change in changes:
            # The order of the file is what happened; a process whose clock is behind does not undo it.
            self._newest = max(self._newest, change.at)
            _extend(self._tracks.setdefault(change.target, []), replace(change, at=self._newest))
        self._tracks = {target: track for target, track in self._tracks.items() if track}
        tracks = self._splitting()
        self._since = sorted({-math.inf, *(span.since for track in tracks for span in track)})
        """When the traffic split changes, and beside it the canary's share from then on."""
        spans = ([span for track in tracks if (span := _span_at(track, moment)) is not None] for moment in self._since)
        self._percent = [max((span.exposure for span in each), default=0.0) for each in spans]

    def not_before_newest(self, at: float) -> float:
        """Return `at`, or the newest change's time if that is later."""
        return max(at, self._newest)

    def span_at(self, target: str, at: float) -> ExposureSpan | None:
        """The span of `target` at `at` (seconds since the epoch). None when nothing had been done to it."""
        return _span_at(self._tracks.get(target, []), at)

    def latest(self, target: str) -> ExposureSpan | None:
        """The newest span that a change made, whatever the time. None when the target was never touched."""
        track = self._tracks.get(target)
        return track[-1] if track else None

    def canary_percent(self, second: int) -> float:
        """The canary's share of the traffic in one second, 0..100."""
        return self._percent[bisect_right(self._since, second) - 1]

    def is_constant(self, seconds: range) -> bool:
        """Whether the canary's share is the same throughout `seconds`."""
        return bisect_right(self._since, seconds[0]) == bisect_right(self._since, seconds[-1])

    def first_reached(self, percent: float) -> float:
        """The time at which the canary first got `percent` of the traffic. Seconds since the epoch, inf for never."""
        dates = (span.dated for track in self._splitting() for span in track if span.exposure >= percent > 0)
        return min(dates, default=math.inf)

    def newest_second(self, canary: bool, before: int) -> int | None:
        """The last second before `before` in which an arm had traffic. None for never."""
        end = before
        for since, percent in zip(reversed(self._since), reversed(self._percent), strict=True):
            begin = -math.inf if math.isinf(since) else math.ceil(since)
            if end > begin and (percent > 0 if canary else percent < 100):
                return end - 1
            if math.isfinite(begin):
                end = min(end, int(begin))
        return None

    def _splitting(self) -> list[list[ExposureSpan]]:
        deploys = [track for track in self._tracks.values() if track[-1].on is None]
        return deploys or list(self._tracks.values())


def _span_at(track: list[ExposureSpan], at: float) -> ExposureSpan | None:
    index = bisect_right(track, at, key=lambda span: span.since)
    return track[index - 1] if index else None


def _extend(track: list[ExposureSpan], change: WorldChange) -> None:
    """Add the span of a change, and its climb, to a track."""
    while track and track[-1].since > change.at:  # rungs of a climb that this change cuts short
        track.pop()
    last = track[-1] if track else None
    if change.verb in (ChangeVerb.PAUSE, ChangeVerb.RESUME):
        if last is None:
            return
        paused = change.verb is ChangeVerb.PAUSE
        now = replace(
            last,
            since=change.at,
            dated=change.at,
            by=change.by,
            paused=paused,
            revision=last.revision + 1,
            requested=None,
        )
    else:
        now = _set(last, change)
    track.append(now)
    track.extend(_climb(now))


def _set(last: ExposureSpan | None, change: WorldChange) -> ExposureSpan:
    percent = change.percent or 0.0
    requested = None
    if change.held:
        percent, requested = (last.percent if last else 0.0), percent
    return ExposureSpan(
        since=-math.inf if change.verb is ChangeVerb.OPENING and last is None else change.at,
        dated=change.at,
        percent=percent,
        on=change.on,
        by=change.by,
        revision=last.revision + 1 if last else 1,
        was_exposed=last is not None and (last.was_exposed or last.exposure > 0),
        climbs=change.climbs and not change.held,
        paused=last is not None and last.paused and percent > 0,
        requested=requested,
    )


def _climb(start: ExposureSpan) -> Iterator[ExposureSpan]:
    if not start.climbs or start.paused or start.percent <= 0:
        return
    rung = start
    for percent in LADDER:
        if percent > rung.percent:
            at = rung.dated + DWELL_S
            rung = replace(
                rung, since=at, dated=at, percent=percent, by="controller", revision=rung.revision + 1, was_exposed=True
            )
            yield rung
