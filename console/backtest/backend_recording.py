"""A recording read from the plan's metrics backends, for a span of the past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from adapters.contract import MetricReply, Shape
from adapters.sanitize import one_line
from console.backtest.moments import iso, utc
from console.backtest.replay import Span
from console.backtest.series import Tick
from console.engine.history import MetricHistory
from console.engine.pollers import GAUGE_HISTORY_S, HISTORY_S
from console.judge.policy import is_judgeable as fit
from console.plan.nouns import Metric, Plan

LONGEST_S = 31 * 86400.0
"""The longest span that is read, in seconds."""


class BackendRecording:
    """The backends' replies as one stage, the plan's first. Implements `Recording`."""

    def __init__(self, begin: float, end: float, replies: Mapping[str, MetricReply], notes: tuple[str, ...]) -> None:
        """`begin` and `end`: unix seconds. `replies`: metric -> its reply, which may reach back before `begin`."""
        self._begin = begin
        self._end = end
        self._replies = replies
        self.notes = notes

    def span(self, name: str) -> Span:
        """The span in a metric's own ticks: both ends moved to whole ticks."""
        tick_s = self._replies[name].tick_s
        began = -(-self._begin // tick_s) * tick_s
        return Span(began, max(began, -(-self._end // tick_s) * tick_s - tick_s), tick_s, {1: began})

    def metric(self, metric: Metric) -> Metric | None:
        """See `Recording`."""
        reply = self._replies.get(metric.name)
        return metric if reply is not None and reply.readings else None

    def ticks(self, name: str) -> Iterator[Tick]:
        """See `Recording`. A sample's time is not known better than the start of its tick."""
        began = self.span(name).began
        for reading in self._replies[name].readings:
            at = reading.at.timestamp()
            arms = [at if sample is not None and fit(sample) else None for sample in (reading.canary, reading.baseline)]
            yield Tick(at, int(at >= began), reading.canary, reading.baseline, arms[0], arms[1])

    def spacing_s(self, name: str) -> float | None:
        """See `Recording`."""
        return self._replies[name].spacing_s

    def dirty(self, name: str) -> int:
        """Samples that cannot be counted, of those in the replies; the notes name what the adapter dropped."""
        if name not in self._replies:
            return 0
        samples = [sample for reading in self._replies[name].readings for sample in (reading.canary, reading.baseline)]
        return sum(not fit(sample) for sample in samples)


async def record_from_backends(
    plan: Plan, begin: float, end: float | None, state_dir: Path
) -> tuple[BackendRecording, dict[str, str]]:
    """(recording from `begin` to `end`, faults: backend -> why it did not answer).

    Raises:
        ConnectError, UnknownAdapter: as `MetricHistory`.
        ValueError: `begin` is not before `end`, or the span is longer than LONGEST_S. One plain line.
    """
    replies: dict[str, MetricReply] = {}
    faults: dict[str, str] = {}
    async with MetricHistory(plan, state_dir) as metric_history:
        now = metric_history.end_of_hour().timestamp()
        end = now if end is None else min(end, now)
        if begin >= end:
            raise ValueError(f"--from {iso(begin)} is not before {'now' if end == now else f'--to {iso(end)}'}")
        if end - begin > LONGEST_S:
            raise ValueError(f"--from and --to are more than {LONGEST_S / 86400:g} days apart")
        for gauge in (False, True):
            metrics = [one for one in plan.metrics.values() if (one.query.shape is Shape.GAUGE) is gauge]
            history = timedelta(seconds=GAUGE_HISTORY_S if gauge else HISTORY_S)
            past = await metric_history.read(metrics, utc(begin) - history, utc(end))
            replies |= past.replies
            faults |= past.faults
    notes = []
    for name, reply in replies.items():
        if reply.problem is not None:
            notes.append(f"{name}: {one_line(reply.problem)}")
        elif not reply.readings:
            notes.append(f"{name}: no data in this time")
        elif reply.partial is not None:
            notes.append(f"{name}: partial answer: {one_line(reply.partial)}")
    return BackendRecording(begin, end, replies, tuple(notes)), faults
