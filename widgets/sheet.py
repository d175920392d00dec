"""A scrolled body of lines, as in every card and form. Its owner writes the lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len, set_cell_size

from widgets.line import Line, Look, Piece, wrap
from widgets.pane import Pane

Writer = Callable[[int, int], Sequence[Line]]
"""(width, height) -> lines; lines beyond `height` are scrolled, never dropped."""


def rows_of(text: str, width: int) -> list[str]:
    """`text` in as many rows of `width` cells as it takes, broken at spaces and inside longer words."""
    width = max(width, 2)
    words: list[str] = []
    for word in text.split():
        while cell_len(word) > width:
            size = len(set_cell_size(word, width).rstrip(" "))
            words.append(word[:size])
            word = word[size:]
        words.append(word)
    return wrap(" ".join(words), width, len(words))


def page(lines: Sequence[Line], height: int, top: int) -> list[Line]:
    """The rows of `lines` from `top` on; the first and the last row count the hidden ones."""
    if len(lines) <= height or height <= 0:
        return list(lines[: max(height, 0)])
    top = max(0, min(top, len(lines) - height))
    shown = list(lines[top : top + height])
    below = len(lines) - top - height
    if top:
        shown[0] = (Piece(f"▲ {top + 1} more above: page up", Look.WARN),)
    if below:
        shown[-1] = (Piece(f"▼ {below + 1} more below: page down", Look.WARN),)
    return shown


class Sheet(Pane):
    """A page of lines. The owner calls `redraw` when its lines have changed."""

    DEFAULT_CSS = """
    Sheet { height: 1fr; }
    """

    def __init__(self, write: Writer, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.write = write
        self.top = 0
        """First row shown."""

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        lines = self.write(width, height)
        self.top = max(0, min(self.top, len(lines) - height))
        return page(lines, height, self.top)

    def scroll_rows(self, rows: int) -> None:
        """Move by `rows`, down where positive."""
        self.top = max(0, self.top + rows)
        self.redraw()
