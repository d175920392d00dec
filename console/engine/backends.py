"""The plan's backends, connected: who is asked about which target and metric, and what a verb would send."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import cast

from adapters import registry
from adapters.contract import (
    Backend,
    Capabilities,
    Clock,
    Context,
    DeployBackend,
    FlagBackend,
    Kind,
    MetricReply,
    MetricsBackend,
    Permit,
    Rejected,
    Setting,
    SteppedBackend,
    TargetReading,
    Unreachable,
    WebhookBackend,
    Window,
)
from adapters.known_secrets import remember_hider
from adapters.sanitize import one_line
from console.engine.event_log import LoggedCall
from console.engine.redact import redact_reading, redact_replies, redacting
from console.plan.nouns import BackendSpec, Metric, Plan, Target

_TOLD = 10_000
"""Previews of calls that are kept."""


class Backends:
    """One connected backend per entry of the plan.

    Raises:
        ConnectError, UnknownAdapter (adapters.registry): an option or a secret cannot be used. One plain line.
    """

    def __init__(
        self, plan: Plan, clock: Clock, state_dir: Path, changed: Callable[[str], None] = lambda _source: None
    ) -> None:
        """`changed` is called with the source whose backend was told of a change."""
        self.plan = plan
        self._told: dict[tuple[str, Setting, str, str | None], tuple[str, ...]] = {}
        self._by_name: Mapping[str, Backend] = {
            name: _connect(spec, plan, clock, state_dir, changed) for name, spec in plan.backends.items()
        }

    def targets_of(self, source: str) -> list[Target]:
        return [target for target in self.plan.targets.values() if target.backend == source]

    def metrics_of(self, source: str) -> list[Metric]:
        return [metric for metric in self.plan.metrics.values() if metric.backend == source]

    async def read_target(self, target: Target) -> TargetReading:
        """One reading within the read deadline. Raises BackendError, TimeoutError."""
        backend = cast("DeployBackend | FlagBackend", self._of(target))
        with LoggedCall(target.backend, "read_target"), redacting(backend):
            async with asyncio.timeout(self.plan.timing.read_deadline_s):
                return redact_reading(backend, await backend.read_target(target.ref))

    @property
    def cautions(self) -> tuple[str, ...]:
        """What everybody who decides has to know about how we talk to backends (TLS that is not verified)."""
        said = ((name, getattr(backend, "cautions", ())) for name, backend in self._by_name.items())
        return tuple(f"{name}: {one_line(line)}" for name, lines in said for line in lines)

    def skew_s(self, source: str) -> float | None:
        """How far the clock of a source is ahead of ours, where its adapter can tell."""
        skew_s: float | None = getattr(self._by_name[source], "skew_s", None)
        return skew_s

    async def read_metrics(self, source: str, metrics: list[Metric], window: Window) -> tuple[MetricReply, ...]:
        """One reply per metric within the read deadline. Raises BackendError, TimeoutError."""
        backend = cast(MetricsBackend, self._by_name[source])
        with LoggedCall(source, "read_metrics"), redacting(backend):
            async with asyncio.timeout(self.plan.timing.read_deadline_s):
                return redact_replies(backend, await backend.read_metrics([metric.query for metric in metrics], window))

    async def set(self, target: Target, setting: Setting, seen: str | None, permit: Permit) -> None:
        """Make a target read as `setting`, within the write deadline. Raises BackendError, TimeoutError.

        `seen`: what a backend that owns its steps guards a forward move by.
        """
        backend = self._of(target)
        async with self._writing(backend, "set"):
            if target.kind is Kind.FLAGS:
                await cast(FlagBackend, backend).set_flag(target.ref, setting, permit)
            elif not self._owns_steps(target):
                await cast(DeployBackend, backend).set_weight(target.ref, setting.percent or 0, permit)
            elif setting.version is not None:
                await cast(SteppedBackend, backend).withdraw(target.ref, setting.version, permit)
            else:
                await cast(SteppedBackend, backend).advance(target.ref, setting, seen or "", permit)

    async def order(self, target: Target, order: str, seen: str | None, permit: Permit) -> None:
        """One of a backend's own verbs, within the write deadline. Raises BackendError, TimeoutError."""
        backend = self._of(target)
        if not self._owns_steps(target):
            raise Rejected(target.backend, order, f"not sent: {target.name} takes no orders")
        async with self._writing(backend, order):
            await cast(SteppedBackend, backend).order(target.ref, order, seen or "", permit)

    def asking(self, target: Target) -> WebhookBackend | None:
        """A target's backend, if it is one that asks; None for any other, and while it is not connected."""
        backend = self._by_name.get(target.backend)
        return backend if isinstance(backend, WebhookBackend) else None

    @contextlib.asynccontextmanager
    async def _writing(self, backend: Backend, verb: str) -> AsyncIterator[None]:
        """Within the write deadline, with nothing said that is the backend's secret."""
        with LoggedCall(backend.source, verb, logging.INFO), redacting(backend):
            async with asyncio.timeout(self.plan.timing.write_deadline_s):
                yield

    def _owns_steps(self, target: Target) -> bool:
        return self.capabilities(target).owns_steps

    async def pause(self, target: Target, permit: Permit) -> None:
        """Stop a backend that advances by itself. Raises BackendError, TimeoutError."""
        backend = self._of(target)
        async with self._writing(backend, "pause"):
            await cast(DeployBackend, backend).pause(target.ref, permit)

    async def resume(self, target: Target, permit: Permit) -> None:
        """Let a paused backend go on. Raises BackendError, TimeoutError."""
        backend = self._of(target)
        async with self._writing(backend, "resume"):
            await cast(DeployBackend, backend).resume(target.ref, permit)

    def capabilities(self, target: Target) -> Capabilities:
        """What can be done with a target; nothing but setting it where the adapter cannot tell."""
        try:
            return cast("DeployBackend | FlagBackend", self._of(target)).capabilities(target.ref)
        except Exception:  # an adapter's bug must not keep a halt, or the screen, from what the others can do
            return Capabilities()

    def calls(self, target: Target, setting: Setting, action: str = "set", seen: str | None = None) -> tuple[str, ...]:
        """What a request for a target would send, one line each. Sends nothing."""
        if action in ("pause", "resume"):
            return (f"{action} {target.name}",)
        try:
            if not self._owns_steps(target):
                return cast("DeployBackend | FlagBackend", self._of(target)).calls(target.ref, setting)
            return self._stepped_calls(target, setting, action, seen)
        except Exception as error:  # an adapter's bug must not keep a rollback from being sent
            return (f"{target.name} -> {setting} ({type(error).__name__}: {one_line(error)})",)

    def _stepped_calls(self, target: Target, setting: Setting, action: str, seen: str | None) -> tuple[str, ...]:
        """They follow from what was seen alone, and are asked for at every beat: made once, and kept."""
        key = (target.name, setting, action, seen)
        known = self._told.get(key)
        if known is None:
            if len(self._told) >= _TOLD:
                self._told.clear()
            stepped = cast(SteppedBackend, self._of(target))
            known = (
                stepped.step_calls(target.ref, setting, seen)
                if action == "set"
                else stepped.order_calls(target.ref, action, seen)
            )
            self._told[key] = known
        return known

    def _of(self, target: Target) -> Backend:
        backend = self._by_name.get(target.backend)
        if backend is None:  # the plan was accepted in another console, and this one could not follow
            raise Unreachable(target.backend, "connect", "not connected in this console")
        return backend

    async def aclose(self) -> None:
        await asyncio.gather(*(backend.aclose() for backend in self._by_name.values()), return_exceptions=True)


def _connect(spec: BackendSpec, plan: Plan, clock: Clock, state_dir: Path, changed: Callable[[str], None]) -> Backend:
    adapter = registry.load(spec.adapter)
    context = Context(
        source=spec.name,
        rollout=plan.rollout,
        clock=clock,
        read_deadline_s=plan.timing.read_deadline_s,
        write_deadline_s=plan.timing.write_deadline_s,
        state_dir=state_dir,
        changed=lambda: changed(spec.name),
    )
    backend = adapter.connect(adapter.options.model_validate(dict(spec.options)), context)
    remember_hider(getattr(backend, "hide", None))
    return backend
