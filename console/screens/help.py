"""Every key and every mark on one page, made from the same tables as the screen itself."""

from __future__ import annotations

from collections.abc import Iterable

from console.judge.latch import FAIL_AT
from console.state.unbelieved import row_text
from console.state.values import State
from widgets import glyphs
from widgets.evidence import NO_SIGN
from widgets.glyphs import Glyph
from widgets.keys import KEYS, why_impossible
from widgets.line import Line, Look, Piece, align_left, length
from widgets.sheet import rows_of

_CAP = 7
_LABEL = 10
_KIND = 11
_NUMBER = 19
_TIMES = (
    *(Glyph(letter, verb.value, Look.STRONG) for verb, letter in glyphs.MOMENTS.items()),
    Glyph("n", "note", Look.STRONG),
    Glyph("1", "stage 1 was reached", Look.STRONG),
    Glyph("!", "drift", Look.STRONG),
    Glyph(glyphs.ONSET, "likely start of a regression", Look.STRONG),
    Glyph(glyphs.GAP, "no sample", Look.MUTED),
    Glyph(glyphs.HATCH, "samples are overdue", Look.MUTED),
)
_NUMBERS = {
    "1.1x (0.50-2.2)": "canary / baseline over this stage, with the 95 % interval",
    "340:1": f"the odds: beside a pass, that it holds; else, that the canary is worse; {FAIL_AT:g}:1 is a FAIL",
    NO_SIGN: "the odds that the canary is worse are below 1:1",
    "6.1x since 01:18Z": "the ratio since the most likely start of a regression",
    "n 10.3k": "the canary's number of events in this stage",
    "0-5 %": "the values of the lowest and the highest block of both traces",
}
"""Numbers in a metric's rows, in the order of reading."""


def help_lines(state: State | None, width: int, observe: bool = False) -> list[Line]:
    """Draw the help page: keys with their effects and why one is not possible now; then marks and numbers."""
    room = max(width - _CAP - _LABEL, 10)
    lines = [] if state is None else _unbelieved_rows(state, width)
    lines.append((Piece("KEYS", Look.TITLE),))
    for key in KEYS:
        rows = rows_of(key.help, room)
        why = why_impossible(state, key.verb, observe) if key.verb is not None else None
        head = (Piece(align_left(key.cap, _CAP), Look.TITLE), Piece(align_left(key.label, _LABEL), Look.STRONG))
        lines += [(*(head if n == 0 else (Piece(" " * (_CAP + _LABEL)),)), Piece(row)) for n, row in enumerate(rows)]
        if why is not None:
            reasons = rows_of(f"not now: {why}", room)
            lines += [(Piece(" " * (_CAP + _LABEL)), Piece(row, Look.WARN)) for row in reasons]
    lines.append((Piece("MARKS", Look.TITLE),))
    lines += _marks("verdicts", (*glyphs.VERDICTS.values(), *glyphs.DETAILS.values()), width)
    lines += _marks("of a stage", glyphs.STAGE_WORDS.values(), width)
    lines += _marks("stages", (*glyphs.STAGES.values(), glyphs.UNDONE, glyphs.ONE_WAY, glyphs.DRIFTED), width)
    lines += _marks("steps", glyphs.STEPS.values(), width)
    lines += _marks("time axis", _TIMES, width)
    lines.append((Piece("NUMBERS", Look.TITLE),))
    for name, what in _NUMBERS.items():
        rows = rows_of(what, max(width - _NUMBER, 10))
        lines += [
            (Piece(align_left(name if n == 0 else "", _NUMBER), Look.STRONG), Piece(row)) for n, row in enumerate(rows)
        ]
    dot = "p·promote: a dot instead of the space marks a key that is not possible now; press it to see why."
    return [*lines, *[(Piece(row),) for row in rows_of(dot, width)]]


def _unbelieved_rows(state: State, width: int) -> list[Line]:
    """Draw every kept row of the journal that is not believed, with its reason."""
    if not state.unbelieved_count:
        return []
    shown = [row_text(row) for row in state.unbelieved]
    more = state.unbelieved_count - len(shown)
    texts = [*shown, *([f"and {more:,} more: `warroom log verify` names them all"] if more else [])]
    lines: list[Line] = [(Piece("ROWS OF THE JOURNAL THAT ARE NOT BELIEVED", Look.TITLE),)]
    return lines + [(Piece(row, Look.WARN),) for text in texts for row in rows_of(text, width)]


def _marks(name: str, marks: Iterable[Glyph], width: int) -> list[Line]:
    """Draw `marks` in as many rows as they need; glyph and word stay together."""
    rows: list[Line] = []
    row: Line = (Piece(align_left(name, _KIND), Look.MUTED),)
    for mark in marks:
        if len(row) > 1 and length(row) + length((mark.piece,)) + 2 > width:
            rows.append(row)
            row = (Piece(" " * _KIND),)
        row = (*row, mark.piece, Piece("  "))
    return [*rows, row]
