"""The plan's backends, connected: who is asked about which target and metric, and what a verb would send."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

from adapters import registry
from adapters.contract import (
    Backend,
    BackendError,
    Capabilities,
    Clock,
    Context,
    DeployBackend,
    FlagBackend,
    GateQuery,
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
from adapters.sanitize import one_line
from console.engine.adapter_bugs import catching_bugs
from console.engine.redact import redact_reading, redact_replies, redacting
from console.plan.nouns import BackendSpec, Metric, Plan, Target

MAX_PREVIEWS = 10_000
"""Previews of calls that are cached."""


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
        self._previews: dict[tuple[str, Setting, str, str | None], tuple[str, ...]] = {}
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
        with _within_contract(backend, target.backend, "read"):
            async with asyncio.timeout(self.plan.timing.read_deadline_s):
                return redact_reading(backend, await backend.read_target(target.ref))

    @property
    def cautions(self) -> tuple[str, ...]:
        """What everybody who decides has to know about how we talk to backends (TLS that is not verified)."""
        said = ((name, getattr(backend, "cautions", ())) for name, backend in self._by_name.items())
        return tuple(f"{name}: {one_line(line)}" for name, lines in said for line in lines)

    def skew_s(self, source: str) -> float | None:
        """How far the clock of a source is ahead of ours, where its adapter can tell."""
        skew_s: float | None = getattr(self._by_name.get(source), "skew_s", None)
        return skew_s

    async def read_metrics(self, source: str, metrics: list[Metric], window: Window) -> tuple[MetricReply, ...]:
        """One reply per metric within the read deadline. Raises BackendError, TimeoutError."""
        backend = cast(MetricsBackend, self._by_name[source])
        with _within_contract(backend, source, "read"):
            async with asyncio.timeout(self.plan.timing.read_deadline_s):
                replies = await backend.read_metrics([metric.query for metric in metrics], window)
            if len(replies) != len(metrics):
                raise ValueError(f"{len(replies)} replies to {len(metrics)} queries")
            return redact_replies(backend, replies)

    async def set(self, target: Target, setting: Setting, seen: str | None, permit: Permit) -> None:
        """Make a target read as `setting`, within the write deadline. Raises BackendError, TimeoutError.

        `seen`: what a backend that owns its steps guards a forward move by.
        """
        backend = self._of(target)
        async with self._writing(backend, target, "set"):
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
        async with self._writing(backend, target, order):
            await cast(SteppedBackend, backend).order(target.ref, order, seen or "", permit)

    def parse_gate_query(self, target: Target, gate: str, body: bytes) -> GateQuery | None:
        """The query in `body`, sent to our `gate`, if it may concern a target; None also for a backend without queries.

        Raises BackendError where the backend cannot make sense of it.
        """
        backend: object = self._by_name.get(target.backend)
        if not isinstance(backend, WebhookBackend):
            return None
        with _within_contract(cast(Backend, backend), target.backend, "gate"):
            return backend.parse_gate_query(target.ref, gate, body)

    @contextlib.asynccontextmanager
    async def _writing(self, backend: Backend, target: Target, verb: str) -> AsyncIterator[None]:
        """Within the write deadline, and within the contract."""
        with _within_contract(backend, target.backend, verb):
            async with asyncio.timeout(self.plan.timing.write_deadline_s):
                yield

    def _owns_steps(self, target: Target) -> bool:
        return self.capabilities(target).owns_steps

    async def pause(self, target: Target, permit: Permit) -> None:
        """Stop a backend that advances by itself. Raises BackendError, TimeoutError."""
        backend = self._of(target)
        async with self._writing(backend, target, "pause"):
            await cast(DeployBackend, backend).pause(target.ref, permit)

    async def resume(self, target: Target, permit: Permit) -> None:
        """Let a paused backend go on. Raises BackendError, TimeoutError."""
        backend = self._of(target)
        async with self._writing(backend, target, "resume"):
            await cast(DeployBackend, backend).resume(target.ref, permit)

    def capabilities(self, target: Target) -> Capabilities:
        """What can be done with a target; nothing but setting it where the adapter cannot tell."""
        try:
            backend = cast("DeployBackend | FlagBackend", self._of(target))
            with _within_contract(backend, target.backend, "capabilities"):
                return backend.capabilities(target.ref)
        except (BackendError, TimeoutError):  # must not keep a halt, or the screen, from what the others can do
            return Capabilities()

    def calls(self, target: Target, setting: Setting, action: str = "set", seen: str | None = None) -> tuple[str, ...]:
        """What a request for a target would send, one line each. Sends nothing."""
        if action in ("pause", "resume"):
            return (f"{action} {target.name}",)
        try:
            backend = cast("DeployBackend | FlagBackend", self._of(target))
            with _within_contract(backend, target.backend, "calls"):
                if not self._owns_steps(target):
                    return backend.calls(target.ref, setting)
                return self._stepped_calls(target, setting, action, seen)
        except BackendError as error:  # must not keep a rollback from being sent
            return (f"{target.name} -> {setting} ({error.reason})",)
        except TimeoutError as error:
            return (f"{target.name} -> {setting} ({one_line(error)})",)

    def _stepped_calls(self, target: Target, setting: Setting, action: str, seen: str | None) -> tuple[str, ...]:
        """They follow from what was seen alone, and are asked for at every beat: made once, and kept."""
        key = (target.name, setting, action, seen)
        known = self._previews.get(key)
        if known is None:
            if len(self._previews) >= MAX_PREVIEWS:
                self._previews.clear()
            stepped = cast(SteppedBackend, self._of(target))
            known = (
                stepped.step_calls(target.ref, setting, seen)
                if action == "set"
                else stepped.order_calls(target.ref, action, seen)
            )
            self._previews[key] = known
        return known

    def _of(self, target: Target) -> Backend:
        backend = self._by_name.get(target.backend)
        if backend is None:  # the plan was accepted in another console, and this one could not follow
            raise Unreachable(target.backend, "connect", "not connected in this console")
        return backend

    async def aclose(self) -> None:
        await asyncio.gather(*(backend.aclose() for backend in self._by_name.values()), return_exceptions=True)


@contextlib.contextmanager
def _within_contract(backend: Backend, source: str, verb: str) -> Iterator[None]:
    """Raise a BackendError for whatever an adapter does wrong, without a secret; TimeoutError passes."""
    with catching_bugs(source, verb), redacting(backend), catching_bugs(source, verb):
        yield


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
    return adapter.connect(adapter.options.model_validate(dict(spec.options)), context)
