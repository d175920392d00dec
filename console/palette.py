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

    def why_not_key(self, key: ScreenKey) -> str | None: ...

    def press(self, key: ScreenKey) -> None: ...


class KeyCommands(Provider):
    """Every entry does what its key does, also when it can only say why not."""

    async def discover(self) -> Hits:
        for key in KEYS:
            entry = self._entry(key)
            if entry is not None:
                text, told, press = entry
                yield DiscoveryHit(Content(text), press, text=text, help=told)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key in KEYS:
            entry = self._entry(key)
            if entry is not None:
                text, told, press = entry
                score = matcher.match(f"{text} {key.help}")
                if score > 0:
                    yield Hit(score, Content(text), press, text=text, help=told)

    def _entry(self, key: ScreenKey) -> tuple[str, str, Callable[[], None]] | None:
        """What is shown for `key`, its second line, and what choosing it does."""
        app = self.app
        if not key.action or not isinstance(app, HasKeys):
            return None
        why = app.why_not_key(key)
        text = f"{key.label} ({key.cap})"
        # The palette reads its second line as markup and offers no other way.
        told = escape(key.help if why is None else f"not now: {why}")
        return text, told, lambda: app.press(key)
