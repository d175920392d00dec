"""The base of everything that opens over the war room: live data behind it, and no key from before it could be read.

Over a slow line keys arrive in bunches. A key that was typed before this screen was painted was meant for another
screen, so it is dropped here. That is why confirming keys are handled as key events, which carry the moment they
arrived, and never as bindings: a binding also answers a key that was forwarded to the screen underneath.
"""

from __future__ import annotations

from typing import TypeVar

from textual.events import Key
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input

from console.state.values import State

Answer = TypeVar("Answer")


class Modal(ModalScreen[Answer]):
    """A screen over the war room. The application hands it every new State."""

    AUTO_FOCUS = ""

    DEFAULT_CSS = """
    Modal { align: center middle; background: $background 0%; }
    Modal > .frame { width: 100%; max-width: 112; height: auto; border: round $primary; padding: 0 1;
        background: $background; }
    """

    state: reactive[State | None] = reactive(None, repaint=False)
    """The newest State, as on the screen underneath."""

    def __init__(self, state: State | None) -> None:
        super().__init__()
        self.set_reactive(Modal.state, state)
        self.painted_at: float | None = None
        """When this screen was first painted, on the clock of events; None before that."""

    def on_mount(self) -> None:  # Textual calls every class's own on_mount: a subclass must not call this one
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self.painted_at = Message().time
        self.begin()

    def begin(self) -> None:
        """Called once, after the first paint: the moment to focus a field."""

    def early(self, event: Key) -> bool:
        """Whether a key was typed before this screen could be read."""
        return self.painted_at is None or event.time <= self.painted_at

    def on_key(self, event: Key) -> None:
        if self.early(event):
            event.prevent_default()
            event.stop()
        elif self.pressed(event.key):
            event.stop()

    def pressed(self, key: str) -> bool:
        """Act on a key that no field took; whether it was one of ours."""
        if key == "escape":
            self.dismiss(None)
        return key == "escape"

    @property
    def frame_width(self) -> int:
        """Cells inside the frame."""
        return max(min(self.app.size.width, 112) - 4, 1)


class Field(Input):
    """A line to type into, which ignores what was typed before its screen was painted."""

    DEFAULT_CSS = """
    Field { height: 1; border: none; padding: 0; width: 1fr; }
    Field:focus { border: none; }
    """

    def on_mount(self) -> None:
        self.cursor_blink = False  # each blink is bytes on a slow line

    def on_key(self, event: Key) -> None:
        if isinstance(self.screen, Modal) and self.screen.early(event):
            event.prevent_default()
            event.stop()
