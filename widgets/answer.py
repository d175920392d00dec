"""The advice line, which gives way to an answer to the operator's own key until the next key."""

from __future__ import annotations

from textual.reactive import reactive

from widgets.advice import AdviceLine
from widgets.line import Line, Look, Piece, fit


class AnswerLine(AdviceLine):
    """Advice, or what was just answered."""

    said: reactive[str | None] = reactive(None, repaint=False)
    """An answer that stands before the advice; None for the advice."""

    def watch_said(self) -> None:
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        if self.said is None:
            return super().draw(width, height)
        return [fit([Piece(f"▲ {self.said}", Look.WARN)], width)]
