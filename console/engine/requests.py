"""Send one request, journal it and its end, reconcile it by reading."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from adapters.contract import BackendError, Clock, Outcome, Permit, Phase, Setting, TargetReading, Wait
from adapters.failpoints import failpoint
from console.engine.backends import Backends
from console.engine.expiry import RequestExpiry
from console.engine.store import StateStore
from console.events.evidence import Actor
from console.events.kinds import RequestMade, RequestReconciled, RequestSettled
from console.journal.contract import JournalUnavailable
from console.logs.context import bind_request
from console.plan.nouns import Target
from console.state.requests import RequestState


class CallResult(NamedTuple):
    """How a call ended here; the first recorded settlement stands."""

    outcome: Outcome
    reason: str


class Requests:
    """Send, settle and reconcile requests. Nothing here retries."""

    def __init__(self, store: StateStore, clock: Clock, actor: Actor) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor
        self._own_calls: set[str] = set()
        """Ids of the requests this process is waiting for now."""
        self._expiry = RequestExpiry(clock)

    @property
    def in_flight(self) -> tuple[RequestState, ...]:
        """Requests of this console whose call has not ended."""
        return tuple(request for request in self._store.state.in_flight if request.id in self._own_calls)

    def last_unexpired(self, target: str) -> RequestState | None:
        """The last request for a target whose bytes may still arrive."""
        for request in reversed(tuple(self._store.state.requests.values())):
            if request.target == target and (request.in_flight or request.in_doubt):
                self._expiry.observe(request, self._store.state)
                return None if self._expiry.has_expired(request) else request
        return None

    async def send(
        self,
        backends: Backends,
        target: Target,
        setting: Setting,
        *,
        decision: str,
        trace: str,
        step: str | None = None,
        action: str = "set",
        seen: str | None = None,
        strict: bool = False,
        lapsed: Callable[[], str | None] = lambda: None,
        within_s: float | None = None,
        alone: bool = False,
    ) -> CallResult:
        """Make one request and wait for its end.

        Args:
            action: set, pause, resume, or one of the backend's own orders.
            seen: version token of the reading it was decided on, for a backend that owns its steps.
            strict: do not send a request that cannot be journalled first.
            lapsed: returns why the bytes may not leave now, or None.
            within_s: a deadline for the call that is shorter than the plan's.
            alone: do not send while an earlier request for the same target may still arrive; of two consoles the
                journal lets one through.

        Raises:
            JournalUnavailable: strict, and the journal cannot be written; nothing was sent.
        """
        made = self._request_made(backends, target, setting, decision, action, step, seen, within_s)
        self._own_calls.add(made.id)
        bind_request(made.id, trace)
        permit = Permit(trace=trace, lapsed=self._permit_check(made, lapsed, alone=alone))
        outcome, reason = Outcome.REFUSED, "not sent: internal error"
        try:
            await (self._store.append(made) if strict else self._store.append_soon(made))
            outcome, reason = Outcome.UNKNOWN, "internal error before an answer came"
            outcome, reason = await self._call(backends, target, made, permit)
        except JournalUnavailable:
            self._own_calls.discard(made.id)
            raise
        except asyncio.CancelledError:
            reason = lapsed() or "cut off by the end of the console"
            # Cancelled while it was being journalled: nothing had been sent, whether or not the request was written.
            reason = reason if outcome is Outcome.UNKNOWN else f"not sent: {reason}"
            raise
        finally:
            if made.id in self._own_calls:
                await self._settle(made.id, outcome, reason)
        return CallResult(outcome, reason)

    def _request_made(
        self,
        backends: Backends,
        target: Target,
        setting: Setting,
        decision: str,
        action: str,
        step: str | None,
        seen: str | None,
        within_s: float | None,
    ) -> RequestMade:
        timing, now = self._store.state.plan.timing, self._clock.now()
        return RequestMade(
            v=1 if action in ("set", "pause", "resume") else 2,
            at=now,
            who=self._actor,
            decision=decision,
            backend=target.backend,
            target=target.name,
            setting=setting,
            action=action,
            step=step,
            send_by=now + timedelta(seconds=timing.send_within_s),
            deadline_s=min(timing.write_deadline_s, within_s or math.inf),
            calls=backends.calls(target, setting, action, seen),
            seen=seen,
        )

    def _permit_check(
        self, made: RequestMade, lapsed: Callable[[], str | None], *, alone: bool
    ) -> Callable[[], str | None]:
        """Make the check of a permit: why the bytes of a request may not leave now, or None."""
        within_s = self._store.state.plan.timing.send_within_s
        latest = self._clock.monotonic() + within_s

        def reason() -> str | None:
            if self._clock.monotonic() > latest:
                return f"more than {within_s:g} s had passed since it was decided"
            return (self._blocking_request(made) if alone else None) or lapsed()

        return reason

    def _blocking_request(self, made: RequestMade) -> str | None:
        """Why a request that must be alone may not leave: an earlier one for its target may still arrive. Or None."""
        for request in tuple(self._store.state.requests.values()):
            if request.id == made.id:
                break
            if request.target == made.target and (request.in_flight or request.in_doubt):
                self._expiry.observe(request, self._store.state)
                if not self._expiry.has_expired(request):
                    return f"{request.asks} of {request.at:%H:%M:%S}Z may still arrive, and is not repeatable"
        return None

    async def _call(self, backends: Backends, target: Target, made: RequestMade, permit: Permit) -> CallResult:
        try:
            permit.check(target.backend, made.action)  # journalling may have taken long, or a halt may have come
            failpoint("call begins")
            async with asyncio.timeout(made.deadline_s):
                match made.action:
                    case "pause" | "resume":
                        await backends.pause_or_resume(target, made.action, permit)
                    case "set":
                        await backends.set(target, made.setting, made.seen, permit)
                    case order:
                        await backends.order(target, order, made.seen, permit)
            failpoint("call ended")
        except BackendError as error:
            return CallResult(error.outcome, error.reason)
        except TimeoutError:
            return CallResult(Outcome.UNKNOWN, f"no answer within {made.deadline_s:g} s")
        return CallResult(Outcome.ACCEPTED, "")

    async def _settle(self, request: str, outcome: Outcome, reason: str) -> None:
        settled = RequestSettled(at=self._clock.now(), who=self._actor, request=request, outcome=outcome, reason=reason)
        try:
            await asyncio.shield(asyncio.ensure_future(self._store.append_soon(settled)))
        finally:
            self._own_calls.discard(request)
            bind_request(None, None)

    @property
    def has_open(self) -> bool:
        """Whether the end of a request is not known yet."""
        return any(request.in_flight or request.in_doubt for request in self._store.state.requests.values())

    async def reconcile(self) -> None:
        """Settle requests of gone consoles, and unknown ones by later reads."""
        for request in tuple(self._store.state.requests.values()):
            if not (request.in_flight or request.in_doubt):
                self._expiry.forget(request.id)
                continue
            self._expiry.observe(request, self._store.state)
            if request.in_flight and request.id not in self._own_calls and self._expiry.has_expired(request):
                await self._settle(request.id, Outcome.UNKNOWN, "console gone before an answer came")
            elif request.in_doubt:
                await self._reconcile_by_reading(request)

    async def _reconcile_by_reading(self, request: RequestState) -> None:
        state = self._store.state
        entry = state.targets.get(request.target)
        if entry is None or entry.reading is None:
            return
        took_effect = _has_effect(entry.reading, request)
        known = took_effect and self._expiry.read_since_seen(request, state) and self._is_latest(request)
        if known or self._expiry.read_since_expiry(request, state):
            await self._store.append_soon(
                RequestReconciled(
                    at=self._clock.now(),
                    request=request.id,
                    took_effect=took_effect,
                    reads=f"{request.target} reads {entry.reading}, {entry.reading.phase}",
                )
            )

    def _is_latest(self, request: RequestState) -> bool:
        """Whether a request is its target's latest: a later one may have replaced an earlier one's effect."""
        same = [other for other in self._store.state.requests.values() if other.target == request.target]
        return same[-1].id == request.id


def _has_effect(reading: TargetReading, request: RequestState) -> bool:
    """Whether a reading is what a request asked for."""
    if request.action in ("pause", "resume"):
        paused = reading.steps.waits is Wait.MANUAL if reading.steps is not None else reading.phase is Phase.PAUSED
        return paused is (request.action == "pause")
    if request.seen is not None and reading.steps is not None and request.setting.version is None:
        return reading.versions.revision != request.seen  # it stands elsewhere than where it was to be moved from
    return reading.satisfies(request.setting)
