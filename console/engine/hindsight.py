"""The past of a plan's metrics, asked of their backends once: for a check and for a backtest. Records nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from adapters.contract import BackendError, Kind, MetricReply, Reading, Window
from adapters.foreign import clean
from console.engine.backends import Backends
from console.engine.clock import SystemClock
from console.plan.nouns import Metric, Plan

AT_ONCE_S = 900.0
"""What one request asks for: little enough that an adapter has no reason to leave out what is older."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the backends said."""

    replies: Mapping[str, MetricReply]
    """By metric; without those of a backend that did not answer."""
    faults: Mapping[str, str]
    """Backend -> why it did not answer, one line."""


class Hindsight:
    """The metrics backends of a plan, connected; none of the others is touched.

    Raises:
        ConnectError, UnknownAdapter (adapters.registry): an option or a secret cannot be used. One plain line.
    """

    def __init__(self, plan: Plan, state_dir: Path) -> None:
        used = {metric.backend for metric in plan.metrics.values()}
        self._plan = replace(
            plan,
            backends={n: spec for n, spec in plan.backends.items() if n in used and Kind.METRICS in spec.kinds},
            targets={},
        )
        self._clock = SystemClock()
        self._backends = Backends(self._plan, self._clock, state_dir)

    async def __aenter__(self) -> Hindsight:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._backends.aclose()

    def now(self) -> datetime:
        """The time by which "the last hour" is meant."""
        return self._clock.now()

    async def read(self, metrics: Sequence[Metric], start: datetime, end: datetime) -> Past:
        """The metrics in whole ticks from `start` to `end`; ticks as long as the plan or the scrape interval wants."""
        replies: dict[str, MetricReply] = {}
        faults: dict[str, str] = {}

        async def ask(source: str) -> None:
            own = [metric for metric in metrics if metric.backend == source]
            try:
                for reply in await self._all(source, own, start, end):
                    replies[reply.metric] = reply
            except BackendError as error:
                faults[source] = error.reason
            except TimeoutError:
                faults[source] = f"no answer within {self._plan.timing.read_deadline_s:g} s"
            except Exception as error:  # an adapter's bug is that backend's fault, and the others are still told
                faults[source] = f"internal error: {type(error).__name__}: {clean(error)}"

        await asyncio.gather(*map(ask, dict.fromkeys(metric.backend for metric in metrics)))
        return Past(replies, faults)

    async def _all(
        self, source: str, metrics: Sequence[Metric], start: datetime, end: datetime
    ) -> Sequence[MetricReply]:
        tick_s = self._plan.timing.tick_for(None)
        found = []
        for metric, reply in zip(metrics, await self._ticks(source, metrics, start, end, tick_s), strict=True):
            longer_s = self._plan.timing.tick_for(reply.spacing_s)
            if longer_s > tick_s:
                [reply] = await self._ticks(source, [metric], start, end, longer_s)
            found.append(reply)
        return found

    async def _ticks(
        self, source: str, metrics: Sequence[Metric], start: datetime, end: datetime, tick_s: float
    ) -> list[MetricReply]:
        whole = [MetricReply(metric.name, tick_s=tick_s) for metric in metrics]
        begin = _floor(start, tick_s)
        while begin < end:
            stop = min(begin + timedelta(seconds=_whole(AT_ONCE_S, tick_s)), _floor(end, tick_s, up=True))
            parts = await self._backends.read_metrics(source, list(metrics), Window(begin, stop, tick_s))
            whole = [_joined(one, part) for one, part in zip(whole, parts, strict=True)]
            begin = stop
        return whole


def _joined(one: MetricReply, more: MetricReply) -> MetricReply:
    return replace(
        one,
        readings=(*one.readings, *more.readings),
        canary_at=more.canary_at or one.canary_at,
        baseline_at=more.baseline_at or one.baseline_at,
        partial=one.partial or more.partial,
        problem=one.problem or more.problem,
        spacing_s=one.spacing_s or more.spacing_s,
    )


def arm(readings: Sequence[Reading], name: str) -> list[object]:
    """The samples of one arm, oldest first, gaps left out."""
    return [sample for reading in readings if (sample := getattr(reading, name)) is not None]


def _whole(seconds: float, tick_s: float) -> float:
    return max(1, math.floor(seconds / tick_s)) * tick_s


def _floor(at: datetime, tick_s: float, *, up: bool = False) -> datetime:
    ticks = at.timestamp() / tick_s
    return datetime.fromtimestamp((math.ceil(ticks) if up else math.floor(ticks)) * tick_s, UTC)
