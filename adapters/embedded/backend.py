"""The adapter `embedded`: a simulated world with all three Protocols.

One object has every method, so a plan may name it once for everything or once per kind; backends of one rollout that
name the same `world` act on the same one, also from several processes. The plan decides whether a target is a flag;
where it does not, a target is a flag once a flag was set, or where `flags` lists it, or where "flag" is in one of its
names, or where it names no canary and baseline.

The verbs: promote sets a weight or a flag's percentage, halt pauses a deploy with `advances` and else calls nothing,
rollback sets the exposure of the opening snapshot. No permission is needed and nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from adapters.contract.backends import Capabilities
from adapters.contract.context import Context, Permit
from adapters.contract.errors import ConnectError, Rejected, ServerFailed, TimedOut, Unreachable
from adapters.contract.metrics import MetricQuery, MetricReply, Window
from adapters.contract.spec import AdapterSpec
from adapters.contract.targets import Kind, Phase, Setting, TargetReading, TargetRef, VersionsReading
from adapters.embedded.changes import ChangeVerb, WorldChange
from adapters.embedded.exposure import ExposureHistory, ExposureSpan
from adapters.embedded.options import Options as Options
from adapters.embedded.scenarios import Scenario
from adapters.embedded.world import ContradictionError, World, enter_world, leave_world
from adapters.sanitize import one_line

CANARY_VERSION = "v42"
BASELINE_VERSION = "v41"
WRITER = "warroom"
"""The author of this adapter's changes."""

_SKEW_S = 2.0
"""A clock that is off by less is taken as it is."""
_AT_ONCE = 60
"""Ticks of a metric that are drawn before other tasks may run."""

Decide = Callable[[float, ExposureSpan | None], WorldChange]
"""(moment of the write, the target's exposure) -> the change to write."""


def connect(options: Options, context: Context) -> EmbeddedBackend:
    """Make a backend on the world that `options` names.

    Raises:
        ConnectError: another backend of the plan contradicts it, or the world's log cannot be used.
    """
    try:
        world = enter_world(context.state_dir, context.rollout, options.world, options.settings())
    except ContradictionError as error:
        raise ConnectError(f"{context.source}: {error}") from error
    backend = EmbeddedBackend(options, context, world)
    try:
        backend.open()
    except OSError as error:
        leave_world(world)
        raise ConnectError(f"{context.source}: {_log_failed(error)}") from error
    return backend


class EmbeddedBackend:
    """All methods of the three Protocols, on one world."""

    def __init__(self, options: Options, context: Context, world: World) -> None:
        self.source = context.source
        self.world = world
        self._options = options
        self._clock = context.clock
        self._report_time = context.report_time
        self._outage_reads = 0
        self._closed = False

    def open(self) -> None:
        """Log the openings of the options, unless the world has moved. Raises OSError."""
        now = self._world_time()
        for target, standing in self._options.opening.items():
            is_flag = standing == "off" or target in self._options.flags or "flag" in target.lower()
            percent, on = (0, False) if standing == "off" else (standing, True if is_flag else None)
            self.world.open_at(target, percent, on, now, climbs=self._options.advances and not is_flag)

    @property
    def skew_s(self) -> float | None:
        """Seconds that the world's time is ahead of this console's, where that is more than two."""
        with contextlib.suppress(OSError):
            ahead_s = self._world_time() - self._clock.now().timestamp()
            return ahead_s if abs(ahead_s) > _SKEW_S else None
        return None

    def _world_time(self) -> float:
        """The world's time, in seconds since the epoch, as every answer of it carries. Raises OSError."""
        found = self.world.time(self._clock.now().timestamp(), self._clock.monotonic())
        moment = datetime.fromtimestamp(found, UTC)
        self._report_time(moment, moment)
        return found

    async def aclose(self) -> None:
        """Leave the world; its changes stay."""
        if not self._closed:
            self._closed = True
            leave_world(self.world)

    def capabilities(self, target: TargetRef) -> Capabilities:
        """The verbs of a target. Only a deploy of an advancing world moves by itself."""
        try:
            exposure = self.world.exposure()
        except OSError:  # this call has no error of its own; the next read reports it
            exposure = ExposureHistory()
        if self._is_flag(target, exposure):
            return Capabilities(repeatable=True, meaning={"promote": "sets the flag's percentage and switches it on"})
        advances = self._options.advances
        meaning = {
            "promote": "sets the canary's weight",
            "halt": "pauses the deploy where it stands" if advances else "calls nothing; the weight stays",
            "rollback": "sets the canary's weight back",
        }
        return Capabilities(advances=advances, can_pause=advances, repeatable=True, meaning=meaning)

    async def read_target(self, target: TargetRef) -> TargetReading:
        """Read the target. 0 % (and off, for a flag) before anything was done to it."""
        try:
            world_time = self._world_time()
            exposure, marks = self.world.exposure(), self.world.marks.of(_name_in_world(target))
        except OSError as error:
            raise ServerFailed(self.source, "read_target", _log_failed(error)) from error
        standing = exposure.span_at(_name_in_world(target), world_time - self._options.lag)
        is_flag = self._is_flag(target, exposure)
        canary, baseline = (None, None) if is_flag else (CANARY_VERSION, BASELINE_VERSION)
        if standing is None:
            standing = ExposureSpan(0.0, 0.0, 0.0, False if is_flag else None, "", 0)
        return TargetReading(
            target.target,
            self._clock.now(),
            standing.percent,
            on=standing.on,
            phase=_phase(standing),
            detail=_detail(standing),
            versions=VersionsReading(canary, baseline, revision=str(standing.revision)),
            changed_by=standing.by or None,
            marks=marks,
        )

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        """Describe the change that `set_weight` or `set_flag` would make, on one line."""
        on = f"on at {setting}" if setting.on and setting.percent is not None else "on" if setting.on else str(setting)
        return (f"embedded: {target.target} -> {on}",)

    async def set_weight(self, target: TargetRef, percent: int, permit: Permit) -> None:
        """Send `percent` of the traffic to the canary. Raises Withdrawn, Rejected, ServerFailed."""
        scenario = self.world.scenario
        climbs = self._options.advances and scenario is not Scenario.STUCK_DEPLOY

        def weight(at: float, last: ExposureSpan | None) -> WorldChange:
            held = scenario.holds_back(percent, last.percent if last else 0.0)
            return WorldChange(at, _name_in_world(target), percent, None, WRITER, climbs=climbs, held=held)

        await self._write("set_weight", target, permit, percent, weight)

    async def set_flag(self, target: TargetRef, setting: Setting, permit: Permit) -> None:
        """Make the flag read as `setting`, in one step. Raises Withdrawn, Rejected, ServerFailed."""

        def flag(at: float, last: ExposureSpan | None) -> WorldChange:
            percent = setting.percent if setting.percent is not None else last.percent if last else 0
            on = setting.on if setting.on is not None else bool(last and last.on)
            return WorldChange(at, _name_in_world(target), percent, on, WRITER)

        await self._write("set_flag", target, permit, setting.percent, flag)

    async def pause(self, target: TargetRef, permit: Permit) -> None:
        """Keep an advancing deploy where it stands. Raises Withdrawn, Rejected, ServerFailed."""
        await self._hold("pause", ChangeVerb.PAUSE, target, permit)

    async def resume(self, target: TargetRef, permit: Permit) -> None:
        """Let a paused deploy advance again. Raises Withdrawn, Rejected, ServerFailed."""
        await self._hold("resume", ChangeVerb.RESUME, target, permit)

    async def mark(self, target: TargetRef, text: str, permit: Permit) -> None:
        """Leave a mark at the target. Raises Withdrawn, ServerFailed."""
        self._write_mark("mark", target, text, permit)

    async def unmark(self, target: TargetRef, text: str, permit: Permit) -> None:
        """Remove a mark of the target. Raises Withdrawn, ServerFailed."""
        self._write_mark("unmark", target, text, permit)

    def _write_mark(self, verb: str, target: TargetRef, text: str, permit: Permit) -> None:
        permit.check(self.source, verb)
        try:
            self.world.marks.write(_name_in_world(target), text, is_set=verb == "mark")
        except OSError as error:
            raise ServerFailed(self.source, verb, _log_failed(error)) from error

    async def read_metrics(self, queries: Sequence[MetricQuery], window: Window) -> tuple[MetricReply, ...]:
        """Read one reply per query, in order; any metric is known. Raises Unreachable, TimedOut, ServerFailed."""
        replies: list[MetricReply] = []
        try:
            now = self._world_time()
            ahead_s = round(self.skew_s or 0.0)
            if self.world.is_dark(now):
                self._outage_reads += 1
                if self._outage_reads % 2:
                    raise Unreachable(self.source, "read_metrics", "connection refused (simulated outage)")
                raise TimedOut(self.source, "read_metrics", "no answer within the deadline (simulated outage)")
            for query in queries:
                parts = []
                for part in _parts(window):
                    parts.append(self.world.metric(query, part, datetime.fromtimestamp(now, UTC), ahead_s))
                    await asyncio.sleep(0)  # hours that are drawn for the first time take a while: let other tasks run
                replies.append(replace(parts[-1], readings=tuple(chain(*(part.readings for part in parts)))))
        except OSError as error:
            raise ServerFailed(self.source, "read_metrics", _log_failed(error)) from error
        return tuple(replies)

    def _is_flag(self, target: TargetRef, exposure: ExposureHistory) -> bool:
        if target.kind is not None:
            return target.kind is Kind.FLAGS
        standing = exposure.latest(_name_in_world(target))
        if standing is not None:
            return standing.on is not None
        if _name_in_world(target) in self._options.flags or "flag" in f"{target.target} {target.name}".lower():
            return True
        return target.canary is None and target.baseline is None

    async def _hold(self, verb: str, what: ChangeVerb, target: TargetRef, permit: Permit) -> None:
        if not self._options.advances:
            raise Rejected(self.source, verb, f"{target.target} does not advance by itself")

        def hold(at: float, last: ExposureSpan | None) -> WorldChange:
            return WorldChange(at, _name_in_world(target), None, None, WRITER, what)

        await self._write(verb, target, permit, None, hold)

    async def _write(self, verb: str, target: TargetRef, permit: Permit, percent: int | None, decide: Decide) -> None:
        permit.check(self.source, verb)
        if _name_in_world(target) in self._options.hang:
            await asyncio.Event().wait()
        await self._clock.sleep(self._options.latency)
        if _name_in_world(target) in self._options.refuse:
            raise Rejected(self.source, verb, f"{target.target} may not be changed (simulated refusal)")
        if percent is not None and not 0 <= percent <= 100:
            raise Rejected(self.source, verb, f"{target.target} takes 0 to 100 %, not {percent}")

        def change(exposure: ExposureHistory) -> WorldChange:
            at = exposure.not_before_newest(self._world_time())
            return decide(at, exposure.span_at(_name_in_world(target), at))

        try:
            self.world.change(change)
        except OSError as error:
            raise ServerFailed(self.source, verb, _log_failed(error)) from error


def _name_in_world(target: TargetRef) -> str:
    """The name of a target in its world.

    It is the plan's name, also for a target that an accepted plan left behind ("api@plan-1").
    """
    return target.target.partition("@")[0]


def _parts(window: Window) -> list[Window]:
    """Cut the window into parts of at most `_AT_ONCE` whole ticks."""
    step = timedelta(seconds=_AT_ONCE * window.tick_s)
    aligned = window.start - timedelta(seconds=window.start.timestamp() % window.tick_s)
    starts = [window.start]
    while (aligned := aligned + step) < window.end:
        starts.append(aligned)
    return [Window(start, end, window.tick_s) for start, end in zip(starts, [*starts[1:], window.end], strict=True)]


def _phase(standing: ExposureSpan) -> Phase:
    if standing.requested is not None:
        return Phase.DEGRADED
    if standing.paused:
        return Phase.PAUSED
    if standing.exposure > 0:
        return Phase.HEALTHY if standing.percent == 100 else Phase.PROGRESSING
    return Phase.ROLLED_BACK if standing.was_exposed else Phase.HEALTHY


def _detail(standing: ExposureSpan) -> str:
    if standing.on is not None:
        return ""
    weights = f"weights {standing.percent:g}/{100 - standing.percent:g}"
    if standing.requested is not None:
        return f"{weights}; {standing.requested:g} % was requested, 0 of 3 new instances became ready"
    return weights


def _log_failed(error: OSError) -> str:
    return f"the world's log cannot be used: {one_line(error.strerror or type(error).__name__)}"


ADAPTER = AdapterSpec(kinds=(Kind.DEPLOY, Kind.FLAGS, Kind.METRICS), options=Options, connect=connect)
