"""What the screen needs of the engine, and nothing more. The engine behind it runs in a thread of its own."""

from __future__ import annotations

from typing import Protocol

from console.state.intent import Intent
from console.state.values import State


class EnginePort(Protocol):
    """The engine as the application sees it. No method blocks."""

    def start(self) -> None:
        """Begin, in the engine's own thread; called once, after the first paint."""

    def latest(self) -> State | None:
        """The newest State; None until the rollout is opened."""

    def ask(self, intent: Intent) -> bool:
        """Hand a wish over. False: the inbox is full, and nothing was handed over."""

    def refusals(self) -> list[str]:
        """One-line answers to this console's wishes since the last call."""

    def losses(self) -> list[str]:
        """The same for wishes that lost a race: somebody else moved the rollout first."""

    def end_reason(self) -> str | None:
        """Why the engine cannot go on, one line; None while it does."""

    def busy(self) -> str | None:
        """What is in flight, one line, for the question before leaving; None when nothing is."""

    def stop(self, leave: bool) -> None:
        """End. `leave`: calls in flight are left with their outcome unknown, instead of being waited for."""
