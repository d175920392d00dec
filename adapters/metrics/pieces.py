"""Read a long range of raw samples in pieces, the newest first.

An hour of many series is more than one reply may hold. Older pieces are history: the newest never waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adapters.contract import Window
from adapters.metrics.counters import LOOKBACK_S, RawSeries
from adapters.metrics.reading import QueryAnswer

PIECE_S = 1200.0
"""The longest piece, in seconds; a poll that continues the last one fits in one."""
Pieces = tuple[QueryAnswer, ...]
"""The answers to one query text, the newest piece first; at least one."""


def pieces_of(now: datetime, window: Window) -> list[tuple[float, float]]:
    """Cut the range to read into (end, length) in seconds, the newest first. It begins before the window's anchors.

    A window that ended long ago is read as of its end, or the reply would hold everything since then.
    """
    until = window.end if (now - window.end).total_seconds() > LOOKBACK_S else now
    left_s = max(0.0, (until - window.start).total_seconds()) + LOOKBACK_S
    end, found = until.timestamp(), []
    while left_s > 0.0:
        length = min(left_s, PIECE_S)
        found.append((end, length))
        end, left_s = end - length, left_s - length
    return found


def join_pieces(pieces: Sequence[QueryAnswer]) -> QueryAnswer:
    """Join pieces, the newest first, into one answer. A sample on the border of two may be in both."""
    if len(pieces) == 1:
        return pieces[0]
    samples: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for piece in reversed(pieces):
        for one in piece.series:
            own = samples.setdefault(tuple(sorted(one.labels.items())), [])
            own += [sample for sample in one.samples if not own or sample[0] > own[-1][0]]
    partial = next((piece.partial for piece in pieces if piece.partial is not None), None)
    return QueryAnswer(tuple(RawSeries(dict(labels), own) for labels, own in samples.items()), partial)
