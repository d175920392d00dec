"""Lines of a pane as plain values: pieces of text with a look, measured in cells. No widget, no color."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from rich.cells import cell_len, set_cell_size

T = TypeVar("T")


class Look(StrEnum):
    """A piece's look, never the only bearer of meaning; a pane's component classes give it a color."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    TITLE = "title"
    GOOD = "good"
    WARN = "warn"
    ALARM = "alarm"
    STALE = "stale"
    CANARY = "canary"
    BASELINE = "baseline"


class Piece(NamedTuple):
    """Text in one look."""

    text: str
    look: Look = Look.PLAIN


Line = tuple[Piece, ...]


def truncate(text: str, width: int) -> str:
    """`text` in at most `width` cells, with an ellipsis where it is cut."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def align_left(text: str, width: int) -> str:
    """`text` cut and filled to exactly `width` cells, flush left."""
    fitting = truncate(text, width)
    return fitting + " " * (width - cell_len(fitting))


def align_right(text: str, width: int) -> str:
    """`text` cut and filled to exactly `width` cells, flush right."""
    fitting = truncate(text, width)
    return " " * (width - cell_len(fitting)) + fitting


def length(line: Iterable[Piece]) -> int:
    """The number of cells that `line` takes."""
    return sum(cell_len(piece.text) for piece in line)


def text_of(line: Iterable[Piece]) -> str:
    """The text of `line`, without looks."""
    return "".join(piece.text for piece in line)


def fit(line: Iterable[Piece], width: int) -> Line:
    """`line` cut and filled to exactly `width` cells; empty pieces are dropped."""
    pieces: list[Piece] = []
    room = max(width, 0)
    for piece in line:
        text = truncate(piece.text, room)
        room -= cell_len(text)
        if text:
            pieces.append(Piece(text, piece.look))
        if text != piece.text:
            break
    if room:
        pieces.append(Piece(" " * room))
    return tuple(pieces)


def spread(start: Sequence[Piece], end: Sequence[Piece], width: int) -> Line:
    """`start` flush left and `end` flush right in `width` cells; `start` gives way."""
    room = width - length(end)
    return (*fit(start, room), *end) if room > 0 else fit(end, width)


def wrap(text: str, width: int, rows: int) -> list[str]:
    """`text` broken at spaces into at most `rows` rows of `width` cells; the last one ends in an ellipsis if cut."""
    if width <= 0 or rows <= 0:
        return []
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < rows:
        row = words.pop(0)
        while words and cell_len(row) + 1 + cell_len(words[0]) <= width:
            row = f"{row} {words.pop(0)}"
        lines.append(row)
    if words:
        lines[-1] = " ".join((lines[-1], *words))
    return [truncate(row, width) for row in lines]


def window(rows: Sequence[T], first: int, room: int) -> Sequence[T]:
    """The `rows` that `room` holds, from `first` on, or from earlier where the last ones leave room."""
    first = max(min(first, len(rows) - room), 0)
    return rows[first : first + max(room, 0)]


def changed_cells(old: Line, new: Line) -> int:
    """Number of cells from the left edge that cover every difference of two lines of one width; 0 if none."""
    before, after = list(old), list(new)
    while before and after and before[-1] == after[-1]:
        before.pop()
        after.pop()
    if not before and not after:
        return 0
    return max(length(before), length(after))
