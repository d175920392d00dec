"""A fake backend for the engine's tests, where the embedded world's own faults do not suffice.

Every backend connected for one state folder acts on one `World`, which the test holds: what targets read, what was
sent, and a hook before each read and write that may wait, raise or look.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from adapters.contract import (
    Capabilities,
    Context,
    Kind,
    MetricQuery,
    MetricReply,
    Permit,
    Phase,
    Reading,
    Setting,
    TargetReading,
    TargetRef,
    VersionsReading,
    Window,
)

KINDS = (Kind.DEPLOY, Kind.FLAGS, Kind.METRICS)

Hook = Callable[[str], Awaitable[None]]


class Options(BaseModel):
    """Options that cannot be used, and an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cannot: str = ""
    needs: str = ""
    """A variable of the environment without which it cannot be connected."""
    host: str = ""
    """Its address: targets at a host are "HOST/NAME" in the world; without one they have the plan's name."""


async def at_once(_target: str) -> None:
    """The hook that does nothing."""


class World:
    """What every scripted backend of one test reads and changes."""

    def __init__(self) -> None:
        self.percent: dict[str, float] = {}
        self.on: dict[str, bool] = {}
        self.phase: dict[str, Phase] = {}
        self.advances: set[str] = set()
        self.versions: dict[str, tuple[str, str]] = {}
        """Target -> (canary, baseline) for targets that name their versions."""
        self.writes: list[str] = []
        """What arrived, in order: "api 5 %", "flag off", "pause api"."""
        self.reads: list[str] = []
        self.before_read: Hook = at_once
        self.before_write: Hook = at_once
        """Called with the target before the permit is looked at."""
        self.after_write: Hook = at_once
        self.ticks: Callable[[MetricQuery, Window], tuple[Reading, ...]] = lambda _query, _window: ()
        """What a metric reads in a window."""
        self.spacing_s: float | None = None
        """The scrape interval that metrics have."""
        self.calls_fail = False
        self.looks_at_permit = True
        self.repeatable = True

    def move(self, target: str, percent: float) -> None:
        """Somebody else moves a target."""
        self.percent[target] = percent


worlds: dict[Path, World] = {}


def connect(options: Options, context: Context) -> ScriptedBackend:
    """One backend on the world of its state folder."""
    from adapters.registry import ConnectError

    if options.cannot:
        raise ConnectError(f"{context.source}: {options.cannot}")
    if options.needs and options.needs not in os.environ:
        raise ConnectError(f"{context.source}: {options.needs} is not set")
    return ScriptedBackend(context.source, worlds.setdefault(context.state_dir, World()), options.host)


class ScriptedBackend:
    """All methods of the three Protocols."""

    def __init__(self, source: str, world: World, host: str = "") -> None:
        self.source = source
        self.host = host
        self.world = world
        self.closed = False

    def capabilities(self, target: TargetRef) -> Capabilities:
        advances = target.target in self.world.advances
        return Capabilities(advances=advances, can_pause=advances, repeatable=self.world.repeatable)

    async def read_target(self, target: TargetRef) -> TargetReading:
        name = target.target
        percent, on, phase = self._standing(target)
        self.world.reads.append(self._key(target))
        await self.world.before_read(self._key(target))  # an answer that is slow tells what was, not what is
        canary, baseline = self.world.versions.get(name, (None, None))
        return TargetReading(
            name, datetime.now(UTC), percent, on=on, phase=phase, versions=VersionsReading(canary, baseline)
        )

    def _key(self, target: TargetRef) -> str:
        return f"{self.host}/{target.name}" if self.host else target.target

    def _standing(self, target: TargetRef) -> tuple[float, bool | None, Phase]:
        name = self._key(target)
        on = self.world.on.get(name, False) if target.kind is Kind.FLAGS else None
        return self.world.percent.get(name, 0.0), on, self.world.phase.get(name, Phase.UNKNOWN)

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        if self.world.calls_fail:
            raise RuntimeError("a bug in calls")
        return (f"set {target.name} to {setting}",)

    async def set_weight(self, target: TargetRef, percent: int, permit: Permit) -> None:
        await self.world.before_write(self._key(target))
        if self.world.looks_at_permit:
            permit.check(self.source, "set_weight")
        self.world.percent[self._key(target)] = percent
        self.world.writes.append(f"{self._key(target)} {percent} %")
        await self.world.after_write(self._key(target))

    async def set_flag(self, target: TargetRef, setting: Setting, permit: Permit) -> None:
        await self.world.before_write(self._key(target))
        permit.check(self.source, "set_flag")
        if setting.percent is not None:
            self.world.percent[self._key(target)] = setting.percent
        self.world.on[self._key(target)] = bool(setting.on)
        self.world.writes.append(f"{self._key(target)} {setting}")
        await self.world.after_write(self._key(target))

    async def pause(self, target: TargetRef, permit: Permit) -> None:
        await self._hold("pause", target, permit, Phase.PAUSED)

    async def resume(self, target: TargetRef, permit: Permit) -> None:
        await self._hold("resume", target, permit, Phase.PROGRESSING)

    async def _hold(self, verb: str, target: TargetRef, permit: Permit, phase: Phase) -> None:
        await self.world.before_write(self._key(target))
        permit.check(self.source, verb)
        self.world.phase[self._key(target)] = phase
        self.world.writes.append(f"{verb} {self._key(target)}")
        await self.world.after_write(self._key(target))

    async def read_metrics(self, queries: Sequence[MetricQuery], window: Window) -> tuple[MetricReply, ...]:
        await self.world.before_read("metrics")
        return tuple(self._reply(query.metric, self.world.ticks(query, window), window) for query in queries)

    def _reply(self, metric: str, ticks: tuple[Reading, ...], window: Window) -> MetricReply:
        """Each arm's newest sample came at the end of its last tick."""
        length = timedelta(seconds=window.tick_s)
        canary = max((tick.at + length for tick in ticks if tick.canary is not None), default=None)
        baseline = max((tick.at + length for tick in ticks if tick.baseline is not None), default=None)
        return MetricReply(metric, ticks, canary, baseline, spacing_s=self.world.spacing_s)

    async def aclose(self) -> None:
        self.closed = True
