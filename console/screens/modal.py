"""The base of every screen over the war room.

Live data stays behind it, and it takes no key that was typed before it was painted.

Over a slow line keys arrive in bunches. A key that was typed before this screen was painted was meant for another
screen, so it is dropped here. Confirming keys are therefore handled as key events, which carry their time of arrival,
and never as bindings: a binding also answers a key that was forwarded to the screen underneath.

A modal takes every key from the one queue of its screen, those for a field too. A key from a queue of its own, or from
a binding, would overtake or fall behind the letters typed around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from textual.binding import Binding
from textual.events import Event, Key, Paste
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input

from console.events.evidence import Verb
from console.state.values import State
from widgets.sheet import Sheet

Answer = TypeVar("Answer")

_SAFER = {"r": Verb.ROLLBACK, "h": Verb.HALT}
_EDITS = {
    key: binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding) and binding.action != "submit"
    for key in binding.key.split(",")
}
"""Actions of the keys of a text field, by name of the key."""


class Modal(ModalScreen[Answer]):
    """A screen over the war room. The application hands it every new State."""

    AUTO_FOCUS = ""

    DEFAULT_CSS = """
    Modal { align: center middle; background: $background 0%; }
    Modal > .frame { width: 100%; max-width: 112; height: auto; border: round $primary; padding: 0 1;
        background: $background; }
    """

    @dataclass
    class Safer(Message):
        """The operator wants a card of a verb that goes safer instead of this screen."""

        verb: Verb

    state: reactive[State | None] = reactive(None, repaint=False)
    """The newest State, as on the screen underneath."""

    def __init__(self, state: State | None) -> None:
        super().__init__()
        self.set_reactive(Modal.state, state)
        self.painted_at: float | None = None
        """When this screen was first painted, on the clock of events; None before that."""
        self._left = False
        """Whether another card replaces this screen; from then on its keys are dropped."""

    def on_mount(self) -> None:  # Textual calls every class's own on_mount: a subclass must not call this one
        """Note the time of the first paint once it is done."""
        self.call_after_refresh(self._on_painted)

    def _on_painted(self) -> None:
        self.painted_at = Message().time
        self.begin()

    def begin(self) -> None:
        """Focus a field, if the screen has one; called once, after the first paint.

        Always by `set_focus`, which takes effect at once; `focus` is queued, and letters would overtake it.
        """

    def has_parts(self, *parts: str) -> bool:
        """Whether all `parts` (selectors) exist: a State may arrive while this screen is mounted or removed."""
        return self.is_mounted and all(self.query(part) for part in parts)

    def redraw_sheet(self) -> None:
        """Draw the sheet again, if it exists."""
        if self.has_parts("#sheet"):
            self.query_one("#sheet", Sheet).redraw()

    def _is_deaf(self, event: Event) -> bool:
        is_early = self.painted_at is None or event.time <= self.painted_at
        return self._left or not self.is_current or is_early

    async def on_key(self, event: Key) -> None:
        """Hand a key to the focused field, else to this screen."""
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
        """Insert the first line of a pasted text into the focused field."""
        event.stop()
        if isinstance(self.focused, Field) and not self._is_deaf(event) and event.text:
            self.focused.insert_text_at_cursor(event.text.splitlines()[0])

    def focus_moved(self) -> None:
        """React to a move of the focus to another field, or to none."""

    def act_on_key(self, key: str) -> bool:
        """Act on a key that no field took; return whether this screen knows it."""
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
        """The number of cells inside the frame."""
        return max(min(self.app.size.width, 112) - 4, 1)


class Field(Input):
    """A text field of one line, whose screen hands it the keys, one after the other."""

    DEFAULT_CSS = """
    Field { height: 1; border: none; padding: 0; width: 1fr; }
    Field:focus { border: none; }
    """

    def on_mount(self) -> None:
        """Keep the field from blinking and from selecting its text."""
        self.cursor_blink = False  # each blink is bytes on a slow line
        # The focus event may come after letters that overtook it: it must not select them.
        self.select_on_focus = False

    def _forward_event(self, event: Event) -> None:
        # The application forwards each key to the focused widget: here it always goes by way of the screen.
        if isinstance(event, Key | Paste):
            self.screen._forward_event(event)
        else:
            super()._forward_event(event)

    async def take(self, event: Key) -> bool:
        """Carry out `event` as a key of a text field; return whether it is one."""
        if event.is_printable and event.character is not None:
            self.replace(event.character, *self.selection)
        elif event.key in _EDITS:
            await self.run_action(_EDITS[event.key])
        else:
            return False
        return True
