"""The palette (ctrl+p): every key by name, with its help or why it is not possible now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.markup import escape

from widgets.keys import KEYS, ScreenKey


@runtime_checkable
class HasKeys(Protocol):
    """An application whose keys can be pressed by name."""

    def why_not_key(self, key: ScreenKey) -> str | None:
        """Why `key` is not possible now, or None."""

    def press(self, key: ScreenKey) -> None:
        """Carry out `key`."""


class KeyCommands(Provider):
    """The palette's entries; each carries out its key, which may answer why it is not possible."""

    async def discover(self) -> Hits:
        """Yield every key, for an empty search."""
        for _, text, detail, press in self._entries():
            yield DiscoveryHit(Content(text), press, text=text, help=detail)

    async def search(self, query: str) -> Hits:
        """Yield the keys that match `query`."""
        matcher = self.matcher(query)
        for key, text, detail, press in self._entries():
            if (score := matcher.match(f"{text} {key.help}")) > 0:
                yield Hit(score, Content(text), press, text=text, help=detail)

    def _entries(self) -> Iterator[tuple[ScreenKey, str, str, Callable[[], None]]]:
        """Every key that has an action, with its text, second line and callback."""
        app = self.app
        if not isinstance(app, HasKeys):
            return
        for key in KEYS:
            if key.action:
                why = app.why_not_key(key)
                # Textual's palette always reads the second line as markup.
                detail = escape(key.help if why is None else f"not now: {why}")
                yield key, f"{key.label} ({key.cap})", detail, partial(app.press, key)
