"""The palette (ctrl+p): every key by name, with its help or why it is not possible now."""

from __future__ import annotations

from collections.abc import Callable
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
        for key in KEYS:
            entry = self._entry(key)
            if entry is not None:
                text, detail, press = entry
                yield DiscoveryHit(Content(text), press, text=text, help=detail)

    async def search(self, query: str) -> Hits:
        """Yield the keys that match `query`."""
        matcher = self.matcher(query)
        for key in KEYS:
            entry = self._entry(key)
            if entry is not None:
                text, detail, press = entry
                score = matcher.match(f"{text} {key.help}")
                if score > 0:
                    yield Hit(score, Content(text), press, text=text, help=detail)

    def _entry(self, key: ScreenKey) -> tuple[str, str, Callable[[], None]] | None:
        """Text, second line and callback of `key`; None if the palette has no entry for it."""
        app = self.app
        if not key.action or not isinstance(app, HasKeys):
            return None
        why = app.why_not_key(key)
        text = f"{key.label} ({key.cap})"
        # Textual's palette always reads the second line as markup.
        detail = escape(key.help if why is None else f"not now: {why}")
        return text, detail, lambda: app.press(key)
