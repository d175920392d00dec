"""Protocols of a backend: what each kind must have, and what a backend may be able to do besides.

A backend implements them by having the methods; it inherits nothing. `adapters.conformance` checks it after `connect`.

    Kind.DEPLOY     WeightedBackend, or SteppedBackend where the targets own their steps
    Kind.FLAGS      FlagBackend
    Kind.METRICS    MetricsBackend

Optional: PausableBackend, PromotableBackend, OrderableBackend, WebhookBackend, MarkableBackend (what can be done with a
target) and CautiousBackend, RedactingBackend, ClockedBackend (what is known of the connection).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from adapters.contract.context import Permit
from adapters.contract.metrics import MetricQuery, MetricReply, Window
from adapters.contract.targets import Setting, TargetReading, TargetRef


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The verbs that a backend has for a target, declared before a key is offered."""

    advances: bool = False
    """Moves on by itself (a controller with its own steps): halt must pause it, never abort it."""
    can_pause: bool = False
    """Halt and resume reach it; the backend is a PausableBackend."""
    repeatable: bool = False
    """A second call for the same setting does no harm, even if the first arrives after it."""
    owns_steps: bool = False
    """The stages are the backend's: promote releases its step instead of setting a weight. It is a SteppedBackend."""
    meaning: Mapping[str, str] = field(default_factory=dict)
    """Verb -> what it means at this backend, one line, shown on the decision card."""
    orders: tuple[Order, ...] = ()
    """Its own verbs; an OrderableBackend carries them out. A reading's `cannot` names those it cannot take now."""


@dataclass(frozen=True, slots=True)
class Order:
    """One of a backend's own verbs, beyond going on and going back."""

    name: str
    """One word: "skip", "retry"."""
    meaning: str
    """Its effect at the backend, one line."""
    risky: bool = True
    """It takes on risk: refused while halted or after a rollback, and confirmed by typing its name."""


@runtime_checkable
class Backend(Protocol):
    """The part that every backend has."""

    @property
    def source(self) -> str:
        """The plan's name of this backend: `Context.source`."""

    async def aclose(self) -> None:
        """Close connections and end tasks. Never fails."""


@runtime_checkable
class TargetBackend(Backend, Protocol):
    """A backend whose targets have an exposure: the part that deploys and flags share."""

    def capabilities(self, target: TargetRef) -> Capabilities:
        """Say what can be done with the target. Opens nothing; called often."""

    async def read_target(self, target: TargetRef) -> TargetReading:
        """Read the target's present exposure. Raises BackendError."""


@runtime_checkable
class WeightedBackend(TargetBackend, Protocol):
    """A deploy backend that sets the canary's share of the traffic."""

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        """List what `set_weight` would send, in order, one line each, for the decision card. Sends nothing."""

    async def set_weight(self, target: TargetRef, percent: int, permit: Permit) -> None:
        """Make the canary's share `percent` (0..100). Returns when the backend accepted it; raises BackendError."""


@runtime_checkable
class SteppedBackend(TargetBackend, Protocol):
    """A deploy backend whose targets own their steps (`Capabilities.owns_steps`).

    `seen` is the `revision` of the reading on which the operator decided. It guards the call: a backend that has moved
    on since refuses with Moved.
    """

    async def withdraw(self, target: TargetRef, version: str | None, permit: Permit) -> None:
        """Give `version` all the traffic again: an abort, or the way back to it. Needs no guard: it never loses.

        Harmless when repeated. Raises BackendError; HalfDone when it takes several calls and one of them failed.
        """

    def step_calls(self, target: TargetRef, setting: Setting, seen: str | None) -> tuple[str, ...]:
        """List what `advance`, or with a version `withdraw`, would send to what was seen. Sends nothing."""


@runtime_checkable
class PromotableBackend(Protocol):
    """A SteppedBackend whose steps wait for a promote."""

    async def advance(self, target: TargetRef, setting: Setting, seen: str, permit: Permit) -> None:
        """Release the pause that `seen` shows, and nothing else. Raises BackendError; Moved where it is over."""


@runtime_checkable
class OrderableBackend(Protocol):
    """A backend with verbs of its own (`Capabilities.orders`). `seen` guards as for a SteppedBackend."""

    async def order(self, target: TargetRef, order: str, seen: str, permit: Permit) -> None:
        """Carry out one order; its subject follows after a blank where it has one ("undo 4"). Raises BackendError."""

    def order_calls(self, target: TargetRef, order: str, seen: str | None) -> tuple[str, ...]:
        """List what `order` would send to what was seen, one line each. Sends nothing."""


@runtime_checkable
class PausableBackend(Protocol):
    """A backend that advances by itself and can be paused (`Capabilities.can_pause`)."""

    async def pause(self, target: TargetRef, permit: Permit) -> None:
        """Stop it without undoing anything. Raises BackendError."""

    async def resume(self, target: TargetRef, permit: Permit) -> None:
        """Let a paused target go on. Raises BackendError."""


@runtime_checkable
class MarkableBackend(Protocol):
    """A backend that keeps marks at a target, for consoles of other journals: an annotation, a tag.

    A mark is one line of text that changes nothing else. `TargetReading.marks` shows those that are there.
    """

    async def mark(self, target: TargetRef, text: str, permit: Permit) -> None:
        """Add a mark beside those of others. Harmless when repeated. Raises BackendError."""

    async def unmark(self, target: TargetRef, text: str, permit: Permit) -> None:
        """Remove the mark with this very text, if it is there, and no other. Raises BackendError."""


@dataclass(frozen=True, slots=True)
class GateQuery:
    """One question of a backend that asks whether it may go on."""

    target: str
    """The plan's name of the target it is about."""
    gate: str
    """Which of its gates asks, in the backend's own word."""
    back: bool = False
    """True for a rollback gate."""
    token: str | None = field(default=None, repr=False)
    """The credential that it sends."""


@runtime_checkable
class WebhookBackend(Protocol):
    """A backend that asks at gates, over HTTP, instead of being called."""

    def parse_gate_query(self, target: TargetRef, gate: str, body: bytes) -> GateQuery | None:
        """Parse the question in `body` at `gate`; None where it is not about `target`. Raises BadReply."""


@runtime_checkable
class FlagBackend(TargetBackend, Protocol):
    """A backend that holds feature flags for one environment."""

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        """List what `set_flag` would send, in order, one line each, for the decision card. Sends nothing."""

    async def set_flag(self, target: TargetRef, setting: Setting, permit: Permit) -> None:
        """Make the flag read as `setting`.

        The percentage is set and read back before the flag is switched on; `off` is one call and leaves the
        percentage alone. Raises BackendError; HalfDone when an earlier call of several was accepted.
        """


@runtime_checkable
class MetricsBackend(Backend, Protocol):
    """A backend that is only read."""

    async def read_metrics(self, queries: Sequence[MetricQuery], window: Window) -> tuple[MetricReply, ...]:
        """Read one reply per query, in order. Raises BackendError when the source as a whole cannot be read."""


@runtime_checkable
class CautiousBackend(Protocol):
    """A backend with something to warn of, such as TLS that is not verified."""

    @property
    def cautions(self) -> tuple[str, ...]:
        """Warnings that stand on every decision card, one line each."""


@runtime_checkable
class RedactingBackend(Protocol):
    """A backend that holds secrets."""

    def hide(self, text: str) -> str:
        """Replace the backend's secrets in `text`, in every form in which a server may echo them."""


@runtime_checkable
class ClockedBackend(Protocol):
    """A backend whose answers carry the server's own time."""

    @property
    def skew_s(self) -> float | None:
        """Seconds by which the server's clock is ahead of ours; None while that is not known."""
