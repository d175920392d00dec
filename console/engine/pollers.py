"""One task per source.

Read its targets and metrics, record what came, back off while it fails.

One console of a rollout polls. In the others the tasks stand by: they read nothing, except the targets that an action
of their own console concerns, and go on from the ledger where the other console stopped once it is their turn.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from adapters.contract import BackendError, Clock, MetricReply, ServerFailed, Shape, Throttled, Window
from console.engine.backend_set import BackendSet
from console.engine.clock import wait_or_wake
from console.engine.corrected_clock import TRUSTED_S
from console.engine.store import StateStore
from console.events.kinds import SourceFailed, SourceRead, SourceRecovered, TargetObserved
from console.journal.moment import now as moment
from console.logs.context import report_internal_error
from console.plan.nouns import Metric, Target
from console.state.values import State, TargetState
from console.state.versions import as_exposure, with_versions

_log = logging.getLogger("warroom.engine.pollers")

HISTORY_S = 3600.0
"""How far back the first read of a metric goes: how bursty its errors are is learned from the baseline's past."""
GAUGE_HISTORY_S = 7200.0
"""The same for a gauge, whose ticks are not independent."""
LONGEST_GAP_S = 3600.0
"""How far back a read goes after a pause."""
SLOWEST = 4
"""A failing source is asked at most this many times more rarely."""
LONGEST_RETRY_S = 60.0
"""What a backend may ask us to wait at most."""
METRICS_AT_ONCE = 8
"""Metrics that are recorded and judged without letting anything else run."""
STANDBY_S = 5.0
"""How often a task that stands by looks whether it is its turn, unless it is woken."""


class Pollers:
    """Read every source of the plan until cancelled.

    Whether this console polls is asked of the lease before each call and each record: it may end in between.
    """

    def __init__(self, store: StateStore, backends: BackendSet, clock: Clock) -> None:
        self._store = store
        self._lease = store.lease
        self._backends = backends
        self._clock = clock
        self._boot = moment().boot
        self._read_numbers = count()
        self._first: dict[str, asyncio.Event] = {}
        """Per source: set once it was polled."""
        self.forget()

    def forget(self) -> None:
        """Begin anew with the current backends, while `run` is not running."""
        plan = self._backends.current.plan
        for event in self._first.values():  # those who wait look again which sources there are
            event.set()
        self._wake = {name: asyncio.Event() for name in plan.backends}
        self._first = {name: asyncio.Event() for name in plan.backends}
        self._failures = dict.fromkeys(plan.backends, 0)
        self._newest: dict[str, int] = {}
        """Per target the number of the last begun read whose answer was recorded."""

    async def run(self) -> None:
        """Poll, one task per source, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self._backends.current.plan.backends:
                group.create_task(self._poll_source(source), name=f"poll {source}")

    def poll_soon(self, source: str | None = None) -> None:
        """Poll a source (or all) at once: something was just changed there."""
        for name, event in self._wake.items():
            if source in (None, name):
                event.set()

    async def wait_polled(self) -> None:
        """Return once every source has been polled, with or without success."""
        while waiting := [event for event in self._first.values() if not event.is_set()]:
            await asyncio.gather(*(event.wait() for event in waiting))

    async def _poll_source(self, source: str) -> None:
        woken = False
        while True:
            timing = self._backends.current.plan.timing
            try:
                if not self._lease.is_poller():
                    if woken or self._awaits_own_promote():
                        await self.read_targets(source)
                    within_s = timing.poll_s if self._awaits_own_promote() else STANDBY_S
                    woken = await wait_or_wake(self._wake[source], self._clock, within_s)
                    continue
                wait_s = await self._poll(source)
            except Exception as error:  # the last net: a source whose values break the judge must not stop the others
                await self._record_failure(source, report_internal_error(_log, error))
                wait_s = timing.poll_s * SLOWEST
            self._first[source].set()
            woken = await wait_or_wake(self._wake[source], self._clock, wait_s)

    def _awaits_own_promote(self) -> bool:
        """Whether a stage that this console promoted to is not read as set yet, so that it reads by itself."""
        state = self._store.state
        decision = next((entry for entry in reversed(state.decisions) if entry.id == state.promoting), None)
        mine, who = state.local.operator, decision.who if decision is not None else None
        return mine is not None and who is not None and (who.pid, who.host) == (mine.pid, mine.host)

    async def read_targets(self, source: str | None = None) -> None:
        """Read the targets of a source (or all) once; not its metrics."""
        plan = self._backends.current.plan
        targets = [target for target in plan.targets.values() if source in (None, target.backend)]
        await asyncio.gather(*(self.read_now(target, plan.timing.read_deadline_s) for target in targets))

    async def _poll(self, source: str) -> float:
        """One round; returns how long to wait before the next."""
        targets = self._backends.current.targets_of(source)
        faults: list[tuple[str, float]] = []
        read = await asyncio.gather(*(self._read_target(target, faults) for target in targets))
        replies = await self._read_metrics(source, faults) if self._lease.is_poller() else None
        poll_s = self._backends.current.plan.timing.poll_s
        if not self._lease.is_poller():
            return poll_s
        names = tuple(name for name in read if name is not None)
        if names or replies is not None:
            await self._record_round(source, names, replies or ())
        if faults:
            reason, retry_after_s = faults[0]
            await self._record_failure(source, reason)
            self._failures[source] += 1
            wait_s = poll_s * min(float(2 ** (self._failures[source] - 1)), SLOWEST)
            return max(wait_s * random.uniform(0.9, 1.1), retry_after_s)  # noqa: S311 - jitter, not a secret
        self._failures[source] = 0
        known = self._store.state.sources.get(source)
        if known is not None and known.failed_since is not None:
            await self._store.append_observation(SourceRecovered(at=self._clock.now(), source=source))
        return poll_s * random.uniform(0.95, 1.05)  # noqa: S311 - jitter, not a secret

    async def _record_round(self, source: str, names: tuple[str, ...], replies: tuple[MetricReply, ...]) -> None:
        """Record a round, some metrics at a time: judging hundreds of them at once would stop the loop."""
        for first in range(0, max(len(replies), 1), METRICS_AT_ONCE):
            some = tuple(map(self._without_known, replies[first : first + METRICS_AT_ONCE]))
            targets = names if first == 0 else ()
            self._store.record_sample(self._source_read(source, targets, some))
            await asyncio.sleep(0)

    async def _record_failure(self, source: str, reason: str) -> None:
        known = self._store.state.sources.get(source)
        if known is not None and (known.failed_since is None or known.reason != reason):
            await self._store.append_observation(SourceFailed(at=self._clock.now(), source=source, reason=reason))

    async def _read_target(self, target: Target, faults: list[tuple[str, float]]) -> str | None:
        try:
            await self._observe(target, polling=True)
        except (BackendError, TimeoutError) as error:  # a fault of this target: the others are still read
            faults.append(self._fault_of(error))
            return None
        return target.name

    async def read_now(self, target: Target, within_s: float) -> bool:
        """Read one target within `within_s`; whether that succeeded."""
        try:
            async with asyncio.timeout(within_s):
                await self._observe(target, polling=False)
        except (BackendError, TimeoutError):  # a rollback waits for no read
            return False
        self._store.record_sample(self._source_read(target.backend, (target.name,), ()))
        return True

    def _source_read(self, source: str, targets: tuple[str, ...], replies: tuple[MetricReply, ...]) -> SourceRead:
        """The sample of an answer; the time since the boot is that of the console that polls alone."""
        return SourceRead(
            at=self._clock.now(),
            source=source,
            targets=targets,
            replies=replies,
            skew_s=self._backends.current.skew_s(source),
            mono_s=self._clock.monotonic() if self._lease.is_poller() else None,
            boot=self._boot,
        )

    async def _observe(self, target: Target, *, polling: bool) -> None:
        number = next(self._read_numbers)
        reading = await self._backends.current.read_target(target)
        if number < self._newest.get(target.name, -1):
            return  # a slow answer, begun before one that is recorded
        if polling and not self._lease.is_poller():
            return
        self._newest[target.name] = number
        known = self._store.state.targets.get(target.name)
        reading = as_exposure(reading, known.opening if known is not None else None)
        if known is not None and (known.reading is None or not known.reading.same_as(reading)):
            record = self._store.append_observation if polling else self._store.append_soon
            await record(TargetObserved(at=self._clock.now(), reading=reading))

    async def _read_metrics(self, source: str, faults: list[tuple[str, float]]) -> tuple[MetricReply, ...] | None:
        metrics = self._backends.current.metrics_of(source)
        if not metrics:
            return None
        able, replies = with_arms(metrics, self._store.state.targets)
        try:
            for tick_s, group in self._by_tick(able).items():
                if not self._lease.is_poller():
                    return None
                replies += await self._read_in_time(source, group, tick_s)
        except (BackendError, TimeoutError) as error:
            faults.append(self._fault_of(error))
            return None
        return tuple(replies)

    def _by_tick(self, metrics: Sequence[Metric]) -> dict[float, list[Metric]]:
        """The metrics by the length of their ticks; a tick is not changed once it was judged by."""
        groups: dict[float, list[Metric]] = {}
        for metric in metrics:
            entry = self._store.state.metrics.get(metric.name)
            judged = entry is not None and entry.track is not None
            timing = self._backends.current.plan.timing
            tick_s = (
                entry.tick_s if entry is not None and judged else timing.tick_for(entry.spacing_s if entry else None)
            )
            groups.setdefault(tick_s, []).append(metric)
        return groups

    async def _read_in_time(self, source: str, metrics: Sequence[Metric], tick_s: float) -> list[MetricReply]:
        """The metrics up to now; once more where the answer showed that the clock was wrong when it was asked."""
        lead_s = self._lead_s()
        try:
            found = await self._read_ticks(source, metrics, tick_s)
        except (BackendError, TimeoutError):
            if abs(self._lead_s() - lead_s) <= TRUSTED_S:
                raise
            found = None
        if found is None or abs(self._lead_s() - lead_s) > TRUSTED_S:
            return await self._read_ticks(source, metrics, tick_s)
        return found

    def _lead_s(self) -> float:
        """How far the clock is ahead of the one that never jumps."""
        return self._clock.now().timestamp() - self._clock.monotonic()

    async def _read_ticks(self, source: str, metrics: Sequence[Metric], tick_s: float) -> list[MetricReply]:
        """The metrics in ticks of `tick_s`; those whose scrape interval turns out to be longer, in longer ones."""
        window = self._window([metric.name for metric in metrics], tick_s)
        replies = await self._backends.current.read_metrics(source, list(metrics), window)
        found = [replace(reply, tick_s=tick_s) for reply in replies]
        for place, (metric, reply) in enumerate(zip(metrics, found, strict=True)):
            entry = self._store.state.metrics.get(metric.name)
            longer_s = self._backends.current.plan.timing.tick_for(reply.spacing_s)
            if entry is not None and entry.read_at is None and reply.spacing_s is not None and longer_s > tick_s:
                again = await self._backends.current.read_metrics(
                    source, [metric], self._window([metric.name], longer_s)
                )
                found[place] = replace(again[0], tick_s=longer_s)
        return found

    def _fault_of(self, error: BackendError | TimeoutError) -> tuple[str, float]:
        """(one line, seconds the backend asks us to wait)."""
        if isinstance(error, BackendError):
            retry_after_s = error.retry_after_s if isinstance(error, Throttled | ServerFailed) else None
            return error.reason, min(retry_after_s or 0.0, LONGEST_RETRY_S)
        return f"no answer within {self._backends.current.plan.timing.read_deadline_s:g} s", 0.0

    def _window(self, metrics: list[str], tick_s: float) -> Window:
        """From the oldest tick that may still change up to now, on whole ticks."""
        now = self._clock.now()
        state = self._store.state
        start = min(self._first_tick(state, name, now, tick_s) for name in metrics)
        return Window(_floor(start, tick_s), _floor(now, tick_s) + timedelta(seconds=tick_s), tick_s)

    def _first_tick(self, state: State, name: str, now: datetime, tick_s: float) -> datetime:
        entry = state.metrics.get(name)
        if entry is None or entry.read_at is None or entry.tick_s != tick_s:
            gauge = entry is not None and entry.metric.query.shape is Shape.GAUGE
            return now - timedelta(seconds=GAUGE_HISTORY_S if gauge else HISTORY_S)
        settle_s = max(2 * tick_s, 3 * (entry.spacing_s or 0.0), 30.0)
        oldest = now - timedelta(seconds=LONGEST_GAP_S)
        if entry.read_at > now:  # by a console whose clock was ahead: when that was is not known
            return oldest
        return max(entry.read_at - timedelta(seconds=settle_s), oldest)

    def _without_known(self, reply: MetricReply) -> MetricReply:
        """A reply with only the ticks that the ledger does not hold yet."""
        entry = self._store.state.metrics.get(reply.metric)
        if entry is None or not reply.readings:
            return reply
        first = reply.readings[0].at
        known = set()
        for reading in reversed(entry.ledger):
            if reading.at < first:
                break
            known.add(reading)
        fresh = tuple(reading for reading in reply.readings if reading not in known)
        return replace(reply, readings=fresh)


def with_arms(metrics: Sequence[Metric], targets: Mapping[str, TargetState]) -> tuple[list[Metric], list[MetricReply]]:
    """Put versions into queries: (metrics whose arms are known, replies for the rest)."""
    able, replies = [], []
    for metric in metrics:
        query = with_versions(metric.query, targets)
        if query is not None:
            able.append(metric if query is metric.query else replace(metric, query=query))
        elif metric.query.arms is not None:
            replies.append(MetricReply(metric.name, problem=f"{metric.query.arms.of} names no versions"))
    return able, replies


def _floor(at: datetime, tick_s: float) -> datetime:
    seconds = at.timestamp()
    return datetime.fromtimestamp(seconds - seconds % tick_s, UTC)
