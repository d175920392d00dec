"""The sources line: every backend that is polled, failed ones first, with their ages."""

from __future__ import annotations

from collections.abc import Sequence

from console.state.values import SourceState, State
from widgets import format
from widgets.glyphs import SOURCE_FAILED, SOURCE_NEVER, SOURCE_OK
from widgets.line import Line, Look, Piece, fit, length
from widgets.pane import Pane

_GAP = Piece("  ")
SKEW_S = 2.0
"""Difference between a source's clock and ours from which it is shown."""


def sources_lines(state: State | None, width: int, height: int) -> list[Line]:
    """Draw the sources over the lines there are; on one narrow line, working ones keep only their name."""
    if height <= 0:
        return []
    if state is None or not state.sources:
        return [(Piece("SOURCES", Look.TITLE), Piece("  none yet", Look.MUTED))]
    ordered = sorted(state.sources.values(), key=lambda source: source.failed_since is None)
    whole = [Piece("SOURCES", Look.TITLE), *(piece for source in ordered for piece in (_GAP, *_words(source, state)))]
    by = _polled_by(state)
    if by is not None and length((*whole, _GAP, by)) <= width:
        whole += [_GAP, by]
    if length(whole) <= width:
        return [tuple(whole)]
    if height == 1:
        return [_narrow(ordered, state, width)]
    lines: list[list[Piece]] = [[Piece("SOURCES", Look.TITLE)]]
    for index, source in enumerate(ordered):
        words = [Piece("  "), *_words(source, state)]
        after = len(ordered) - index - 1
        reserve = len(f"  +{after} more") if after else 0
        if length(lines[-1]) + length(words) + reserve > width and len(lines[-1]) > 1:
            if len(lines) == height:
                lines[-1].append(Piece(f"  +{after + 1} more", Look.MUTED))
                break
            lines.append([])
        lines[-1] += words
    return [tuple(line) for line in lines]


def _polled_by(state: State) -> Piece | None:
    """The other console that polls the sources; None if it is this one or not known."""
    if state.local.poller is None or state.local.poller.here:
        return None
    who = state.local.poller.who
    return Piece(f"polled by {who.name if who is not None else 'another console'}", Look.MUTED)


def _narrow(ordered: Sequence[SourceState], state: State, width: int) -> Line:
    """All on one line: names of working sources stay whole, reasons and clocks are cut for them."""
    well = [source for source in ordered if source.failed_since is None and source.ok_at is not None]
    loud = [piece for source in ordered if source not in well for piece in (_GAP, *_words(source, state))]
    short: list[Piece] = []
    for source in well:
        off = _skew(source)
        short += [_GAP, Piece(SOURCE_OK.glyph, SOURCE_OK.look), Piece(f" {source.name}", Look.MUTED)]
        short += [off] if off is not None else []
    title = Piece("SOURCES", Look.TITLE)
    return (*fit((title, *loud), min(width - length(short), length((title, *loud)))), *short)


def _skew(source: SourceState) -> Piece | None:
    if source.skew_s is None or abs(source.skew_s) <= SKEW_S:
        return None
    behind = "ahead" if source.skew_s > 0 else "behind"
    return Piece(f" clock {format.age(abs(source.skew_s))} {behind}", Look.WARN)


def _words(source: SourceState, state: State) -> list[Piece]:
    if source.failed_since is not None:
        span = format.duration(format.since(source.failed_since, state.as_of))
        return [
            Piece(f"{SOURCE_FAILED.glyph} {source.name} {SOURCE_FAILED.word} {span}", SOURCE_FAILED.look),
            Piece(f" {source.reason}", Look.STRONG),
        ]
    if source.ok_at is None:
        return [Piece(f"{SOURCE_NEVER.glyph} {source.name} {SOURCE_NEVER.word}", SOURCE_NEVER.look)]
    pieces = [
        Piece(SOURCE_OK.glyph, SOURCE_OK.look),
        Piece(f" {source.name} {format.age(format.since(source.ok_at, state.as_of))} ago", Look.MUTED),
    ]
    off = _skew(source)
    return pieces if off is None else [*pieces, off]


class SourcesLine(Pane):
    """The pane of the backends being polled."""

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        return sources_lines(self.state, width, height)
