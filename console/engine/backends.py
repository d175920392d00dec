"""The plan's connected backends: which one to call for a target, a metric and a verb, and what a verb would send."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from adapters import registry
from adapters.contract import (
    Backend,
    BackendError,
    Capabilities,
    CautiousBackend,
    Clock,
    ClockedBackend,
    Context,
    FlagBackend,
    GateQuery,
    Kind,
    MarkableBackend,
    MetricReply,
    MetricsBackend,
    OrderableBackend,
    PausableBackend,
    Permit,
    PromotableBackend,
    RedactingBackend,
    Rejected,
    Setting,
    SteppedBackend,
    TargetBackend,
    TargetReading,
    Unreachable,
    WebhookBackend,
    WeightedBackend,
    Window,
)
from adapters.known_secrets import remember_redactor
from adapters.sanitize import one_line
from console.engine.adapter_bugs import AdapterBugNet
from console.engine.corrected_clock import CorrectedClock
from console.engine.event_log import LoggedCall
from console.engine.mark_owner import MarkOwner
from console.engine.redact import redact_reading, redact_replies, redacting
from console.plan.nouns import BackendSpec, Metric, Plan, Target

_MOST_CALLS = 10_000
"""Previews of calls that are kept."""


class Backends:
    """One connected backend per entry of the plan.

    Raises:
        ConnectError, UnknownAdapter (adapters.registry): an option or a secret cannot be used. One plain line.
    """

    def __init__(
        self,
        plan: Plan,
        clock: Clock,
        state_dir: Path,
        changed: Callable[[str], None] = lambda _source: None,
        owner: MarkOwner | None = None,
    ) -> None:
        """`changed` is called with the source of a change notification. `owner`: None: readings show no marks."""
        self.plan = plan
        self._owner = owner or MarkOwner()
        self._bug_net = AdapterBugNet()
        self._known_calls: dict[tuple[str, Setting, str, str | None], tuple[str, ...]] = {}
        self._by_name: dict[str, Backend] = {}
        self._unconnected: dict[str, str] = {}
        """Backends of an earlier plan that cannot be connected here, and why."""
        for name, spec in plan.backends.items():
            try:
                self._by_name[name] = connect_backend(spec, plan, clock, state_dir, changed)
            except (registry.ConnectError, registry.UnknownAdapter) as error:
                if not spec.kept:
                    raise
                self._unconnected[name] = str(error)
        # `isinstance` of a Protocol takes 20 us, and these two are called for every target at every beat.
        self._with_targets = {name: one for name, one in self._by_name.items() if isinstance(one, TargetBackend)}
        self._with_calls = {
            name: one for name, one in self._by_name.items() if isinstance(one, WeightedBackend | FlagBackend)
        }

    def targets_of(self, source: str) -> list[Target]:
        """The targets of the plan at one backend."""
        return [target for target in self.plan.targets.values() if target.backend == source]

    def metrics_of(self, source: str) -> list[Metric]:
        """The metrics of the plan from one backend."""
        return [metric for metric in self.plan.metrics.values() if metric.backend == source]

    async def read_target(self, target: Target) -> TargetReading:
        """One reading within the read deadline, without our own marks. Raises BackendError, TimeoutError."""
        reading = await self._read(target)
        return replace(reading, marks=self._owner.foreign(reading.marks)) if reading.marks else reading

    async def own_marks(self, target: Target) -> tuple[str, ...]:
        """Read the marks of this journal at a target. Raises BackendError, TimeoutError."""
        return self._owner.own((await self._read(target)).marks)

    async def _read(self, target: Target) -> TargetReading:
        backend = self._of(target)
        if not isinstance(backend, TargetBackend):
            raise Rejected(target.backend, "read", f"it cannot read {target.name}: it has no targets")
        with LoggedCall(target.backend, "read_target"), self._within_contract(backend, "read"):
            async with asyncio.timeout(self.plan.timing.read_deadline_s):
                return redact_reading(backend, await backend.read_target(target.ref))

    def serves(self, plan: Plan) -> bool:
        """Whether these are the backends and targets of `plan`."""
        mine = (self.plan.digest, list(self.plan.backends), list(self.plan.targets))
        return mine == (plan.digest, list(plan.backends), list(plan.targets))

    @property
    def cautions(self) -> tuple[str, ...]:
        """The backends' warnings for every decision, such as TLS that is not verified."""
        cautious = ((name, one) for name, one in self._by_name.items() if isinstance(one, CautiousBackend))
        return tuple(f"{name}: {one_line(line)}" for name, backend in cautious for line in backend.cautions)

    def skew_s(self, source: str) -> float | None:
        """Seconds by which the clock of a source is ahead of ours; None where its adapter does not know."""
        backend = self._by_name.get(source)
        return backend.skew_s if isinstance(backend, ClockedBackend) else None

    async def read_metrics(self, source: str, metrics: list[Metric], window: Window) -> tuple[MetricReply, ...]:
        """One reply per metric within the read deadline. Raises BackendError, TimeoutError."""
        backend = self._by_name[source]
        if not isinstance(backend, MetricsBackend):
            raise Rejected(source, "read", "it measures nothing")
        with LoggedCall(source, "read_metrics"), self._within_contract(backend, "read"):
            async with asyncio.timeout(self.plan.timing.read_deadline_s):
                replies = await backend.read_metrics([metric.query for metric in metrics], window)
            if len(replies) != len(metrics):
                raise ValueError(f"{len(replies)} replies to {len(metrics)} queries")
            return redact_replies(backend, replies)

    async def set(self, target: Target, setting: Setting, seen: str | None, permit: Permit) -> None:
        """Make a target read as `setting`, within the write deadline. Raises BackendError, TimeoutError.

        `seen`: the revision by which a backend that owns its steps guards a forward move.
        """
        backend = self._of(target)
        owns_steps = self.capabilities(target).owns_steps
        async with self._writing(backend, "set"):
            match backend:
                case FlagBackend() if target.kind is Kind.FLAGS:
                    await backend.set_flag(target.ref, setting, permit)
                case WeightedBackend() if target.kind is not Kind.FLAGS and not owns_steps:
                    await backend.set_weight(target.ref, setting.percent or 0, permit)
                case SteppedBackend() if owns_steps and setting.version is not None:
                    await backend.withdraw(target.ref, setting.version, permit)
                case PromotableBackend() if owns_steps and setting.version is None:
                    await backend.advance(target.ref, setting, seen or "", permit)
                case _:
                    verb = "promote" if setting.version is None else "rollback"
                    raise Rejected(target.backend, verb, f"not sent: {target.name} has no {verb} at its backend")

    async def order(self, target: Target, order: str, seen: str | None, permit: Permit) -> None:
        """Carry out one of a backend's own verbs within the write deadline. Raises BackendError, TimeoutError."""
        backend = self._of(target)
        if not isinstance(backend, OrderableBackend):
            raise Rejected(target.backend, order, f"not sent: {target.name} takes no orders")
        async with self._writing(backend, order):
            await backend.order(target.ref, order, seen or "", permit)

    def has_marks(self, target: Target) -> bool:
        """Whether the backend of a target keeps marks."""
        return isinstance(self._by_name.get(target.backend), MarkableBackend)

    async def mark(self, target: Target, text: str, permit: Permit) -> None:
        """Leave a mark at a target within the write deadline. Raises BackendError, TimeoutError."""
        backend = self._markable(target)
        async with self._writing(self._of(target), "mark"):
            await backend.mark(target.ref, text, permit)

    async def unmark(self, target: Target, text: str, permit: Permit) -> None:
        """Remove a mark of a target within the write deadline. Raises BackendError, TimeoutError."""
        backend = self._markable(target)
        async with self._writing(self._of(target), "unmark"):
            await backend.unmark(target.ref, text, permit)

    def _markable(self, target: Target) -> MarkableBackend:
        backend: object = self._of(target)
        if not isinstance(backend, MarkableBackend):
            raise Rejected(target.backend, "mark", f"not sent: {target.name} takes no marks")
        return backend

    def parse_gate_query(self, target: Target, gate: str, body: bytes) -> GateQuery | None:
        """The query in `body`, sent to our `gate`, if it may concern a target; None also for a backend without queries.

        Raises BackendError where the backend cannot make sense of it.
        """
        backend: object = self._by_name.get(target.backend)
        if not isinstance(backend, WebhookBackend):
            return None
        with self._within_contract(self._of(target), "gate"):
            return backend.parse_gate_query(target.ref, gate, body)

    @contextlib.contextmanager
    def _within_contract(self, backend: Backend, verb: str) -> Iterator[None]:
        """Raise a BackendError without secrets for every failure of an adapter; TimeoutError passes."""
        net, source = self._bug_net, backend.source
        with net.catching(source, verb), redacting(backend), net.catching(source, verb):
            yield

    @contextlib.asynccontextmanager
    async def _writing(self, backend: Backend, verb: str) -> AsyncIterator[None]:
        """Stay within the write deadline and the contract."""
        with LoggedCall(backend.source, verb, logging.INFO), self._within_contract(backend, verb):
            async with asyncio.timeout(self.plan.timing.write_deadline_s):
                yield

    async def pause_or_resume(self, target: Target, action: str, permit: Permit) -> None:
        """Stop a backend that advances by itself, or let it go on. Raises BackendError, TimeoutError."""
        backend = self._of(target)
        if not isinstance(backend, PausableBackend):
            raise Rejected(target.backend, action, f"not sent: {target.name} cannot be paused")
        async with self._writing(backend, action):
            await (backend.pause if action == "pause" else backend.resume)(target.ref, permit)

    def capabilities(self, target: Target) -> Capabilities:
        """The verbs that a target knows; nothing but setting it where its adapter fails to say."""
        try:
            backend = self._of(target)
            with self._within_contract(backend, "capabilities"):
                able = self._with_targets.get(target.backend)
                return able.capabilities(target.ref) if able is not None else Capabilities()
        except (BackendError, TimeoutError):  # must not keep a halt, or the screen, from what the others can do
            return Capabilities()

    def calls(self, target: Target, setting: Setting, action: str = "set", seen: str | None = None) -> tuple[str, ...]:
        """List what a request for a target would send, one line each. Sends nothing."""
        if action in ("pause", "resume"):
            return (f"{action} {target.name}",)
        try:
            backend = self._of(target)
            with self._within_contract(backend, "calls"):
                if action != "set" or self.capabilities(target).owns_steps:
                    return self._stepped_calls(target, setting, action, seen)
                able = self._with_calls.get(target.backend)
                return able.calls(target.ref, setting) if able is not None else ()
        except (BackendError, TimeoutError) as error:  # must not keep a rollback from being sent
            reason = error.reason if isinstance(error, BackendError) else one_line(error)
            return (f"{target.name} -> {setting} ({reason})",)

    def _stepped_calls(self, target: Target, setting: Setting, action: str, seen: str | None) -> tuple[str, ...]:
        """The calls of a backend that owns its steps or takes orders; kept, because they follow from `seen` alone."""
        key = (target.name, setting, action, seen)
        known = self._known_calls.get(key)
        if known is None:
            if len(self._known_calls) >= _MOST_CALLS:
                self._known_calls.clear()
            backend = self._of(target)
            if action == "set" and isinstance(backend, SteppedBackend):
                known = backend.step_calls(target.ref, setting, seen)
            elif action != "set" and isinstance(backend, OrderableBackend):
                known = backend.order_calls(target.ref, action, seen)
            else:
                known = ()
            self._known_calls[key] = known
        return known

    def _of(self, target: Target) -> Backend:
        backend = self._by_name.get(target.backend)
        if backend is None:  # the plan was accepted in another console, and this one could not follow
            why = self._unconnected.get(target.backend, "not connected in this console")
            raise Unreachable(target.backend, "connect", why)
        return backend

    async def aclose(self) -> None:
        """Close every backend, whatever one of them raises."""
        await asyncio.gather(*(backend.aclose() for backend in self._by_name.values()), return_exceptions=True)


def connect_backend(
    spec: BackendSpec, plan: Plan, clock: Clock, state_dir: Path, changed: Callable[[str], None] = lambda _source: None
) -> Backend:
    """Connect one backend of a plan and check it. Raises ConnectError, UnknownAdapter (adapters.registry)."""
    context = Context(
        source=spec.name,
        rollout=plan.rollout,
        clock=clock,
        read_deadline_s=plan.timing.read_deadline_s,
        write_deadline_s=plan.timing.write_deadline_s,
        state_dir=state_dir,
        changed=lambda: changed(spec.name),
    )
    if isinstance(clock, CorrectedClock):
        context = replace(context, report_time=partial(clock.learn_backend, spec.name))
    targets = [target.ref for target in plan.targets.values() if target.backend == spec.name]
    backend = registry.connect(spec.adapter, spec.options, context, targets)
    if isinstance(backend, RedactingBackend):
        remember_redactor(backend.hide)
    return backend
