"""The evidence over a stage's ticks as two rows of blocks, on a logarithmic axis up to the odds of an outcome. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from console.judge.latch import FAIL_AT, READY
from console.judge.wording import clock, odds
from console.state.evidence_history import EvidenceHistory
from widgets.line import Line, Look, Piece, align_left
from widgets.trace import Axis, cells

_LABEL = 7
_TAIL = 30


def evidence_history_lines(history: EvidenceHistory, width: int, tick_s: float) -> list[Line]:
    """Draw the evidence for worse and for a pass over the stage, with the time it spans."""
    if not history.points:
        return [(Piece("no tick judged in this stage yet" if history.whole else "computing..", Look.MUTED),)]
    room = max(width - _LABEL - _TAIL, 8)
    each = math.ceil(len(history.points) / room)
    rows = [
        _row("worse", [point.worse for point in history.points], each, FAIL_AT, "a FAIL", Look.CANARY),
        _row("pass", [point.ready for point in history.points], each, READY, "a pass", Look.BASELINE),
    ]
    first, last = history.points[0].at, history.points[-1].at
    cell = f"a cell is {each} tick{'s' * (each > 1)} of {tick_s:g} s"
    more = "" if history.whole else ", computing.."
    return [*rows, (Piece(f"{clock(first)} to {clock(last)}, {cell}{more}", Look.MUTED),)]


def _row(name: str, evidence: Sequence[float], each: int, full: float, outcome: str, look: Look) -> Line:
    groups = [evidence[at : at + each] for at in range(0, len(evidence), each)]
    logs = [math.log10(max(*group, 1.0)) for group in groups]
    drawn = cells(logs, len(logs), Axis(0.0, math.log10(full)))
    tail = f" {odds(evidence[-1])}, top block: {full:g}:1, {outcome}"
    return (Piece(align_left(name, _LABEL), Look.MUTED), Piece(drawn, look), Piece(tail))
