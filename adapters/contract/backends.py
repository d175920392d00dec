"""What a backend is: the three Protocols, what some have besides, and what each can do with a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from adapters.contract.context import Permit
from adapters.contract.metrics import MetricQuery, MetricReply, Window
from adapters.contract.targets import Setting, TargetReading, TargetRef


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do with a target, declared before a key is offered."""

    advances: bool = False
    """Moves on by itself (a controller with its own steps): halt must pause it, never abort it."""
    can_pause: bool = False
    repeatable: bool = False
    """A second call for the same setting does no harm, even if the first arrives after it."""
    owns_steps: bool = False
    """The stages are the backend's: promote releases its step instead of setting a weight."""
    meaning: Mapping[str, str] = field(default_factory=dict)
    """Verb -> what it means at this backend, one line, shown on the decision card."""
    orders: tuple[Order, ...] = ()
    """What else it can be told. Which of them it can be told now, a reading's `cannot` says."""


@dataclass(frozen=True, slots=True)
class Order:
    """One of a backend's own verbs, beyond going on and going back."""

    name: str
    """One word: "skip", "retry"."""
    meaning: str
    """What it does there, one line."""
    risky: bool = True
    """It takes on risk: refused while halted or after a rollback, and confirmed by typing its name."""


@runtime_checkable
class Backend(Protocol):
    """What every backend has.

    One that does not verify whom it talks to has `cautions: tuple[str, ...]` besides: a line in every decision.
    """

    source: str

    async def aclose(self) -> None: ...


class DeployBackend(Backend, Protocol):
    """A backend that sends a share of the traffic to the canary."""

    def capabilities(self, target: TargetRef) -> Capabilities: ...

    async def read_target(self, target: TargetRef) -> TargetReading:
        """What the target reads now. Raises BackendError."""

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        """What `set_weight` would send, in order, one line each, for the decision card. Sends nothing."""

    async def set_weight(self, target: TargetRef, percent: int, permit: Permit) -> None:
        """Make the canary's share `percent` (0..100). Returns when the backend accepted it; raises BackendError."""

    async def pause(self, target: TargetRef, permit: Permit) -> None:
        """Stop a backend that advances by itself, without undoing anything. Raises BackendError."""

    async def resume(self, target: TargetRef, permit: Permit) -> None:
        """Let a paused backend go on. Raises BackendError."""


@runtime_checkable
class SteppedBackend(Protocol):
    """What a deploy backend has besides that owns its steps (`Capabilities.owns_steps`).

    `seen` is the `revision` of the reading that somebody looked at when they decided: it is the guard of the call, and
    a backend that is not there any more refuses with Moved.
    """

    async def advance(self, target: TargetRef, setting: Setting, seen: str, permit: Permit) -> None:
        """Release the pause that `seen` shows, and nothing else. Raises BackendError; Moved where it is over."""

    async def withdraw(self, target: TargetRef, version: str | None, permit: Permit) -> None:
        """Give `version` all the traffic again: an abort, or the way back to it. Needs no guard: it never loses.

        Harmless when repeated. Raises BackendError; HalfDone when it takes several calls and one of them failed.
        """

    async def order(self, target: TargetRef, order: str, seen: str, permit: Permit) -> None:
        """One of `Capabilities.orders`, with its subject after a blank where it has one ("undo 4")."""

    def step_calls(self, target: TargetRef, setting: Setting, seen: str | None) -> tuple[str, ...]:
        """What `advance`, or with a version `withdraw`, would send to what was seen, one line each. Sends nothing."""

    def order_calls(self, target: TargetRef, order: str, seen: str | None) -> tuple[str, ...]:
        """What `order` would send to what was seen, one line each. Sends nothing."""


@dataclass(frozen=True, slots=True)
class GateQuery:
    """One question of a backend that asks whether it may go on."""

    target: str
    """The plan's name of the target it is about."""
    gate: str
    """Which of its gates asks, in the backend's own word."""
    back: bool = False
    """It asks whether to go back, not on."""
    token: str | None = field(default=None, repr=False)
    """What it shows to be who it is."""


@runtime_checkable
class WebhookBackend(Protocol):
    """What a backend has besides that asks at gates instead of being called."""

    def parse_gate_query(self, target: TargetRef, gate: str, body: bytes) -> GateQuery | None:
        """What it asks in `body` at `gate`; None where it is not about `target`. Raises BadReply."""


class FlagBackend(Backend, Protocol):
    """A backend that holds feature flags for one environment."""

    def capabilities(self, target: TargetRef) -> Capabilities: ...

    async def read_target(self, target: TargetRef) -> TargetReading:
        """What the flag reads now. Raises BackendError."""

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        """What `set_flag` would send, in order, one line each, for the decision card. Sends nothing."""

    async def set_flag(self, target: TargetRef, setting: Setting, permit: Permit) -> None:
        """Make the flag read as `setting`.

        The percentage is set and read back before the flag is switched on; `off` is one call and leaves the
        percentage alone. Raises BackendError; HalfDone when an earlier call of several was accepted.
        """


class MetricsBackend(Backend, Protocol):
    """A backend that is only read."""

    async def read_metrics(self, queries: Sequence[MetricQuery], window: Window) -> tuple[MetricReply, ...]:
        """One reply per query, in order. Raises BackendError when the source as a whole cannot be read."""
