"""Read the past of a plan's metrics, for a check and a backtest."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.contract import BackendError, MetricReply, Window
from console.engine.backends import Backends
from console.engine.clock import SystemClock
from console.engine.pollers import with_arms
from console.plan.nouns import Metric, Plan
from console.state.values import TargetState

CHUNK_S = 900.0
"""Seconds that one request covers: little enough that an adapter has no reason to leave out older ticks."""


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """Replies and faults of the backends."""

    replies: Mapping[str, MetricReply]
    """By metric; without those of a backend that did not answer."""
    faults: Mapping[str, str]
    """Backend -> why it did not answer, one line."""


class MetricHistory(AbstractAsyncContextManager["MetricHistory"]):
    """The metrics backends of a plan, connected.

    Of the others only those whose targets' versions tell arms apart.

    Raises:
        ConnectError, UnknownAdapter (adapters.registry): an option or a secret cannot be used. One plain line.
    """

    def __init__(self, plan: Plan, state_dir: Path) -> None:
        of = {metric.query.arms.of for metric in plan.metrics.values() if metric.query.arms is not None}
        targets = {name: target for name, target in plan.targets.items() if name in of}
        used = {metric.backend for metric in plan.metrics.values()} | {target.backend for target in targets.values()}
        backends = {name: spec for name, spec in plan.backends.items() if name in used}
        self._plan = replace(plan, backends=backends, targets=targets)
        self._clock = SystemClock()
        self._backends = Backends(self._plan, self._clock, state_dir)
        self._targets: dict[str, TargetState] = {}

    async def __aexit__(self, *_error: object) -> None:
        await self._backends.aclose()

    def end_of_hour(self) -> datetime:
        """The end of "the last hour": now."""
        return self._clock.now()

    async def read(self, metrics: Sequence[Metric], start: datetime, end: datetime) -> HistoryResult:
        """Read the metrics in whole ticks from `start` to `end`."""
        faults: dict[str, str] = {}
        await self._read_targets(faults)
        able, unknown = with_arms(metrics, self._targets)
        replies = {reply.metric: reply for reply in unknown}

        async def ask(source: str) -> None:
            own = [metric for metric in able if metric.backend == source]
            with self._collecting_fault(source, faults):
                for reply in await self._read_source(source, own, start, end):
                    replies[reply.metric] = reply

        await asyncio.gather(*map(ask, dict.fromkeys(metric.backend for metric in able)))
        return HistoryResult(replies, faults)

    async def _read_targets(self, faults: dict[str, str]) -> None:
        """Read the targets whose versions tell arms apart, once."""
        for name, target in self._plan.targets.items():
            if name not in self._targets:
                with self._collecting_fault(target.backend, faults):
                    self._targets[name] = TargetState(target, reading=await self._backends.read_target(target))

    @contextmanager
    def _collecting_fault(self, source: str, faults: dict[str, str]) -> Iterator[None]:
        """Turn an error of a backend into its fault; the others are still read."""
        try:
            yield
        except BackendError as error:
            faults[source] = error.reason
        except TimeoutError:
            faults[source] = f"no answer within {self._plan.timing.read_deadline_s:g} s"

    async def _read_source(
        self, source: str, metrics: Sequence[Metric], start: datetime, end: datetime
    ) -> Sequence[MetricReply]:
        tick_s = self._plan.timing.tick_for(None)
        found = []
        for metric, reply in zip(metrics, await self._read_ticks(source, metrics, start, end, tick_s), strict=True):
            longer_s = self._plan.timing.tick_for(reply.spacing_s)
            if longer_s > tick_s:
                [reply] = await self._read_ticks(source, [metric], start, end, longer_s)
            found.append(reply)
        return found

    async def _read_ticks(
        self, source: str, metrics: Sequence[Metric], start: datetime, end: datetime, tick_s: float
    ) -> list[MetricReply]:
        whole = [MetricReply(metric.name, tick_s=tick_s) for metric in metrics]
        begin, chunk_s = _floor(start, tick_s), max(1, math.floor(CHUNK_S / tick_s)) * tick_s
        while begin < end:
            stop = min(begin + timedelta(seconds=chunk_s), _floor(end, tick_s, up=True))
            parts = await self._backends.read_metrics(source, list(metrics), Window(begin, stop, tick_s))
            whole = [_join(one, part) for one, part in zip(whole, parts, strict=True)]
            begin = stop
        return whole


def _join(one: MetricReply, more: MetricReply) -> MetricReply:
    return replace(
        one,
        readings=(*one.readings, *more.readings),
        canary_at=more.canary_at or one.canary_at,
        baseline_at=more.baseline_at or one.baseline_at,
        partial=one.partial or more.partial,
        problem=one.problem or more.problem,
        spacing_s=one.spacing_s or more.spacing_s,
    )


def _floor(at: datetime, tick_s: float, *, up: bool = False) -> datetime:
    ticks = at.timestamp() / tick_s
    return datetime.fromtimestamp((math.ceil(ticks) if up else math.floor(ticks)) * tick_s, UTC)
