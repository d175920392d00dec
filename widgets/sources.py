"""The sources line: every backend that is polled, failed ones first, with their ages."""

from __future__ import annotations

from console.state.values import SourceState, State
from widgets import amounts
from widgets.line import Line, Look, Piece, length
from widgets.marks import SOURCE_FAILED, SOURCE_NEVER, SOURCE_OK
from widgets.pane import Pane

SKEW_S = 2.0
"""A source whose clock differs from ours by more than this is shown with the difference."""


def sources_lines(state: State | None, width: int, height: int) -> list[Line]:
    """Sources flowing over as many lines as there are; what does not fit is counted."""
    if height <= 0:
        return []
    if state is None or not state.sources:
        return [(Piece("SOURCES", Look.TITLE), Piece("  none yet", Look.MUTED))]
    ordered = sorted(state.sources.values(), key=lambda source: source.failed_since is None)
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


def _words(source: SourceState, state: State) -> list[Piece]:
    if source.failed_since is not None:
        span = amounts.duration(amounts.since(source.failed_since, state.as_of))
        return [
            Piece(f"{SOURCE_FAILED.glyph} {source.name} {SOURCE_FAILED.word} {span}", SOURCE_FAILED.look),
            Piece(f" {source.reason}", Look.STRONG),
        ]
    if source.ok_at is None:
        return [Piece(f"{SOURCE_NEVER.glyph} {source.name} {SOURCE_NEVER.word}", SOURCE_NEVER.look)]
    said = [
        Piece(SOURCE_OK.glyph, SOURCE_OK.look),
        Piece(f" {source.name} {amounts.age(amounts.since(source.ok_at, state.as_of))} ago", Look.MUTED),
    ]
    if source.skew_s is not None and abs(source.skew_s) > SKEW_S:
        behind = "ahead" if source.skew_s > 0 else "behind"
        said.append(Piece(f" clock {amounts.age(abs(source.skew_s))} {behind}", Look.WARN))
    return said


class SourcesLine(Pane):
    """The backends being polled."""

    def draw(self, width: int, height: int) -> list[Line]:
        return sources_lines(self.state, width, height)
