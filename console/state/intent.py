"""An operator's request: a plain value that the screen or a headless verb hands to the engine."""

from __future__ import annotations

from dataclasses import dataclass

from console.events.evidence import Card, Verb


@dataclass(frozen=True, slots=True)
class Intent:
    """A wish, with what its author saw. The engine checks every gate again before it acts."""

    verb: Verb | None
    """None: a note, which is in `text`."""
    card: Card | None = None
    """The card as it stood when the key was pressed; a headless verb makes it from a fresh state."""
    stage: int | None = None
    """Stages reached as seen; the engine refuses a forward move if it is another by now."""
    move: int | None = None
    """Forward moves as seen: the guard of compare-and-act."""
    seen: int | None = None
    """Seq of the last event its author had seen: an author who loses a race is shown what came after it."""
    bound: str | None = None
    """APPROVE: the digest (`approvals.approval_digest`) of what its author saw."""
    reason: str = ""
    override: bool = False
    """Go forward although gates that can be overridden are closed; needs a reason."""
    subject: str | None = None
    """PLACE: the stage number. ACCEPT: a target or "plan". CONFIRM, SKIP: the step id. OFFER: a user."""
    before: tuple[str, ...] = ()
    """PLACE: what targets were before, each "TARGET=N", "TARGET=on" or "TARGET=off"."""
    typed: str = ""
    """The word that `gates.typed_word` asks for, as typed."""
    automatic: bool = False
    """Made by the plan's `on_fail`, without a key press."""
    text: str = ""
