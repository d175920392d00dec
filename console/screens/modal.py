"""The base of everything that opens over the war room: live data behind it, and no key from before it could be read.

Over a slow line keys arrive in bunches. A key that was typed before this screen was painted was meant for another
screen, so it is dropped here. That is why confirming keys are handled as key events, which carry the moment they
arrived, and never as bindings: a binding also answers a key that was forwarded to the screen underneath.

Every key of a modal is taken from the one queue of its screen, those for a field too: a key that went by a queue of
its own, or by a binding, would overtake or fall behind the letters it was typed between.
"""

from __future__ import annotations

from typing import TypeVar

from textual.binding import Binding
from textual.events import Event, Key, Paste
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input

from console.events.evidence import Verb
from console.state.values import State

Answer = TypeVar("Answer")

_SAFER = {"r": Verb.ROLLBACK, "h": Verb.HALT}
_EDITS = {
    key: binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding) and binding.action != "submit"
    for key in binding.key.split(",")
}
"""What the keys of a text field do, by name of the key."""


class Modal(ModalScreen[Answer]):
    """A screen over the war room. The application hands it every new State."""

    AUTO_FOCUS = ""

    DEFAULT_CSS = """
    Modal { align: center middle; background: $background 0%; }
    Modal > .frame { width: 100%; max-width: 112; height: auto; border: round $primary; padding: 0 1;
        background: $background; }
    """

    class Safer(Message):
        """The operator wants a card of a verb that goes safer instead of this screen."""

        def __init__(self, verb: Verb) -> None:
            super().__init__()
            self.verb = verb

    state: reactive[State | None] = reactive(None, repaint=False)
    """The newest State, as on the screen underneath."""

    def __init__(self, state: State | None) -> None:
        super().__init__()
        self.set_reactive(Modal.state, state)
        self.painted_at: float | None = None
        """When this screen was first painted, on the clock of events; None before that."""
        self._left = False
        """Given up for another card: no key counts here any more."""

    def on_mount(self) -> None:  # Textual calls every class's own on_mount: a subclass must not call this one
        self.call_after_refresh(self._on_painted)

    def _on_painted(self) -> None:
        self.painted_at = Message().time
        self.begin()

    def begin(self) -> None:
        """Called once, after the first paint: the moment to focus a field.

        Always by `set_focus`, which counts at once; `focus` waits for its turn, and letters would overtake it.
        """

    def has_parts(self, *parts: str) -> bool:
        """Whether all `parts` (selectors) are there: not while this screen is being put up or taken down.

        A State or a resize may arrive then too, and there is nothing to draw on.
        """
        return self.is_mounted and all(self.query(part) for part in parts)

    def is_early(self, event: Event) -> bool:
        """Whether a key was typed before this screen could be read."""
        return self.painted_at is None or event.time <= self.painted_at

    def _is_deaf(self, event: Event) -> bool:
        return self._left or not self.is_current or self.is_early(event)

    async def on_key(self, event: Key) -> None:
        field = self.focused
        if self._is_deaf(event):
            event.prevent_default()
            event.stop()
        elif isinstance(field, Field) and await field.take(event):
            event.stop()
        elif event.key in ("tab", "shift+tab"):
            (self.focus_next if event.key == "tab" else self.focus_previous)(Field)
            self.focus_moved()
            event.stop()
        elif self.act_on_key(event.key):
            event.stop()

    def on_paste(self, event: Paste) -> None:
        event.stop()
        if isinstance(self.focused, Field) and not self._is_deaf(event) and event.text:
            self.focused.insert_text_at_cursor(event.text.splitlines()[0])

    def focus_moved(self) -> None:
        """Called when another field, or none, has the focus."""

    def act_on_key(self, key: str) -> bool:
        """Act on a key that no field took; whether it was one of ours."""
        if key == "escape":
            self.dismiss(None)
        elif key in _SAFER and not isinstance(self.focused, Field):
            self._left = True
            self.app.post_message(self.Safer(_SAFER[key]))
        else:
            return False
        return True

    @property
    def frame_width(self) -> int:
        """Cells inside the frame."""
        return max(min(self.app.size.width, 112) - 4, 1)


class Field(Input):
    """A line to type into. It gets its keys from its screen, one after the other."""

    DEFAULT_CSS = """
    Field { height: 1; border: none; padding: 0; width: 1fr; }
    Field:focus { border: none; }
    """

    def on_mount(self) -> None:
        self.cursor_blink = False  # each blink is bytes on a slow line
        # The word that the field has the focus may come after letters that overtook it: it must not select them.
        self.select_on_focus = False

    def _forward_event(self, event: Event) -> None:
        # The application forwards each key to what has the focus at that moment: here always by way of the screen.
        if isinstance(event, Key | Paste):
            self.screen._forward_event(event)
        else:
            super()._forward_event(event)

    async def take(self, event: Key) -> bool:
        """Do at once what `event` means in a text field; whether it means anything here."""
        if event.is_printable and event.character is not None:
            self.replace(event.character, *self.selection)
        elif event.key in _EDITS:
            await self.run_action(_EDITS[event.key])
        else:
            return False
        return True
