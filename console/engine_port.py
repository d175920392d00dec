"""The engine, in its own thread, as the screen sees it."""

from __future__ import annotations

from typing import Protocol

from console.state.intent import Intent
from console.state.values import State


class EnginePort(Protocol):
    """The engine as the application sees it. No method blocks."""

    def start(self) -> None:
        """Start the engine in its own thread; called once, after the first paint."""

    def latest(self) -> State | None:
        """The newest State; None until the rollout is opened."""

    def ask(self, intent: Intent) -> bool:
        """Hand an intent over; False if the inbox is full."""

    def refusals(self) -> list[str]:
        """One-line refusals of this console's intents since the last call."""

    def losses(self) -> list[str]:
        """One line for each intent since the last call that another console's move overtook."""

    def end_reason(self) -> str | None:
        """Why the engine has ended, one line; None while it runs."""

    def in_flight(self) -> str | None:
        """The calls in flight in one line for the question before leaving."""

    def stop(self, leave: bool) -> None:
        """End the engine; `leave` makes calls in flight unknown."""
