"""The decision card as lines: gates, metrics, targets, calls, skipped calls.

One drawing for the screen and for a later review: it shows a Card and nothing else, so that a print a year later equals
the screen of that moment. How a card is confirmed lives in `console.screens`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import NamedTuple

from rich.cells import cell_len

from console.events.evidence import ROLLED_BACK, Card, Gate, MetricEvidence, TargetEvidence
from console.events.verbs import SAFER
from console.judge.verdict import VerdictState
from widgets.evidence import claim_of, mark_of, odds_of, ratio_of
from widgets.format import age
from widgets.line import Line, Look, Piece, align_left, length, text_of
from widgets.sheet import rows_of

GUTTER = 9
"""Cells of the section names at the left."""
_HANG = 4
"""Indent in cells of a metric's further rows, where its counts do not fit beside its name."""


def heading(card: Card) -> Line:
    """The title of a card: "PROMOTE  five → migrate   as of 03:12:00Z"."""
    way = f"{card.stage_from} → {card.stage_to}"
    if card.stage_to == card.stage_from:
        way = card.stage_from if card.stage_from == ROLLED_BACK else f"at {card.stage_from}"
    moment = f"   as of {card.as_of.astimezone(UTC):%H:%M:%S}Z"
    return (Piece(card.verb.upper(), Look.TITLE), Piece(f"  {way}", Look.STRONG), Piece(moment, Look.MUTED))


def card_lines(card: Card, width: int, height: int | None = None) -> list[Line]:
    """Draw the whole card in `width` cells; `height` chooses the spacing and drops nothing.

    Where `height` has room for it: blank lines between sections and a line for each gate. Else closed gates on lines of
    their own, the open ones in a row, and a passing verdict only beside its numbers.
    """
    airy = _lines(card, width, True)
    return airy if height is None or len(airy) <= height else _lines(card, width, False)


def _lines(card: Card, width: int, airy: bool) -> list[Line]:
    room = max(width - GUTTER, 10)
    gates, metrics = ("gates", _gates(card.gates, room, airy)), ("metrics", _metrics(card.metrics, room))
    action = [
        ("targets", _targets(card.targets, room)),
        ("calls", _calls(card, room)),
        ("", _all_hanging_rows(Piece("no call needed: "), card.skipped, Look.PLAIN, room)),
    ]
    warnings = [("", _all_hanging_rows(Piece("! ", Look.WARN), card.warnings, Look.WARN, room))]
    if card.verb in SAFER:  # it does not rest on the evidence: its effect comes first
        sections = [*warnings, *action, gates, metrics]
    elif airy or card.open:
        sections = [*warnings, gates, metrics, *action]
    else:  # the closed gates say what is wrong: the calls must be visible without paging
        sections = [*warnings, gates, *action, metrics]
    lines = [heading(card)]
    for name, rows in sections:
        if rows and airy:
            lines.append(())
        for index, row in enumerate(rows):
            lines.append((Piece(align_left(name if index == 0 else "", GUTTER), Look.MUTED), *row))
    return lines


def _hanging_rows(mark: Piece, text: str, look: Look, room: int) -> list[Line]:
    """`text` wrapped behind `mark`, further rows indented under the first."""
    indent = length((mark,))
    rows = rows_of(text, max(room - indent, 4))
    return [(mark if index == 0 else Piece(" " * indent), Piece(row, look)) for index, row in enumerate(rows)]


def _all_hanging_rows(mark: Piece, texts: Iterable[str], look: Look, room: int) -> list[Line]:
    return [row for text in texts for row in _hanging_rows(mark, text, look, room)]


def _gates(gates: Sequence[Gate], room: int, airy: bool) -> list[Line]:
    rows: list[Line] = []
    for gate in gates:
        if not gate.ok:
            tail = "" if gate.hard else " (can be overridden)"
            closed = _hanging_rows(Piece(" " * 9), f"{gate.why}{tail}", Look.STRONG, room)
            rows += [(Piece("✗ CLOSED", Look.ALARM), Piece(" "), *closed[0][1:]), *closed[1:]]
    good = Piece("✓ ", Look.GOOD)
    if airy:
        return rows + _all_hanging_rows(good, (gate.why for gate in gates if gate.ok), Look.PLAIN, room)
    # A verdict that passes stands a few rows below, with its numbers.
    passed = " · ".join(gate.why for gate in gates if gate.ok and gate.name != "verdict")
    return rows + _hanging_rows(good, passed, Look.PLAIN, room)


def _metrics(metrics: Sequence[MetricEvidence], room: int) -> list[Line]:
    """Draw one row a metric in aligned columns, or two where that is too wide."""
    cells = [_cells(metric) for metric in metrics]
    marks = [mark_of(metric.verdict, metric.detail) for metric in metrics]
    lead = max((length((mark.piece,)) for mark in marks), default=0) + 2
    wide = [max((cell_len(row[column]) for row in cells), default=0) for column in range(len(_Cells._fields))]
    beside = lead + wide[0] + 2 + wide[1] <= room
    """With two rows a metric: whether both levels fit beside the name."""
    one_row = lead + 1 + sum(size + 2 for size in wide) <= room
    rows: list[Line] = []
    for metric, mark, row in zip(metrics, marks, cells, strict=True):
        pad = Piece(" " * (lead - length((mark.piece,))))
        head = (mark.piece, pad, Piece(align_left(row.name, wide[0] + 2), Look.STRONG))
        reason = "" if metric.verdict == VerdictState.PASS else metric.brief or metric.reason
        if one_row:
            rest = [align_left(cell, size) for cell, size in zip(row[1:], wide[1:], strict=True)]
            rows.append((*head, Piece("  ".join(rest).rstrip())))
            if reason:
                rows += _hanging_rows(Piece(" " * (lead + 2 + wide[0])), reason, Look.PLAIN, room)
        else:
            hang = Piece(" " * lead)
            rows.append((*head, Piece(row.arms)) if beside else head)
            if not beside:
                hang = Piece(" " * _HANG)
            parts = [part for part in (*row[1 + beside :], reason) if part]
            rows += [(hang, Piece(line)) for line in _join_with_dots(parts, max(room - length((hang,)), 4))]
    return rows


def _join_with_dots(parts: Sequence[str], width: int) -> list[str]:
    """`parts` with dots between them, in rows that end at a dot; a part wider than a row is wrapped."""
    rows: list[str] = []
    for part in parts:
        if rows and cell_len(f"{rows[-1]} · {part}") <= width:
            rows[-1] += f" · {part}"
        else:
            rows += rows_of(part, width)
    return rows


class _Cells(NamedTuple):
    """The texts of a metric's columns; each arm's count of events stands with its level."""

    name: str
    arms: str
    ratio: str
    odds: str
    age: str


def _cells(metric: MetricEvidence) -> _Cells:
    name = metric.metric if metric.role == "critical" else f"{metric.metric} ({metric.role})"
    ratios = ratio_of(metric.verdict, metric.ratio, metric.low, metric.high, metric.brief)
    likely = odds_of(metric.verdict, metric.evidence, metric.ready)
    old = "no sample" if metric.age_s is None else f"{age(metric.age_s)} old"
    arms = f"{metric.canary} vs {metric.baseline}"
    return _Cells(name, arms, ratios, f"{likely}{claim_of(metric.verdict, likely)}", old)


def _targets(targets: Sequence[TargetEvidence], room: int) -> list[Line]:
    rows: list[Line] = []
    for target in targets:
        becomes = "stays as it is" if target.becomes is None else f"→ {target.becomes}"
        read = "never read" if target.age_s is None else f"read {age(target.age_s)} ago"
        team = f", {target.team}" if target.team else ""
        rows += _hanging_rows(Piece(f"{target.target} "), f"{target.reads} {becomes}  ({read}{team})", Look.PLAIN, room)
    return rows


def _calls(card: Card, room: int) -> list[Line]:
    if not card.calls:
        if any(target.becomes is not None for target in card.targets):
            unknown = "not known yet: no backend has described its calls"
            return _hanging_rows(Piece("? ", Look.WARN), unknown, Look.WARN, room)
        return [(Piece("no call is made"),)]
    rows: list[Line] = []
    for number, call in enumerate(card.calls, start=1):
        step = f"step {call.step}: " if call.step else ""
        is_named = f" {call.target} -> {call.setting}" in f" {call.text}"
        what = call.text if is_named else f"{call.target} to {call.setting}: {call.text}"
        text = f"{step}{call.backend}: {what}"
        rows += _hanging_rows(Piece(f"{number} ", Look.STRONG), text, Look.PLAIN, room)
    return rows


def plain(lines: Sequence[Line]) -> list[str]:
    """`lines` as plain text, for a file, a test, or output without a screen."""
    return [text_of(line).rstrip() for line in lines]
