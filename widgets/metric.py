"""One metric as rows: verdict, name, ratio and odds on one line, both arms on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from adapters.contract import Shape
from console.judge.verdict import Verdict, VerdictState
from console.plan.nouns import Role
from console.state.judging import plotted_readings
from console.state.values import MetricState, State
from widgets import format
from widgets.evidence import claim_of, is_old, levels_of, mark_of, odds_of, ratio_of, remark_of
from widgets.glyphs import CURSOR, QUIETER
from widgets.line import Line, Look, Piece, align_left, align_right, fit, truncate
from widgets.trace import ARMS, Arm, Axis, Chart, Grid, cells

_WORD = 12
"""Cells of most marks ("✓ pass (<2x)"); a longer one takes them from the name."""
_RATIO = 16
_ODDS = 7
_LEAST_TRACE = 8


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths of a row's columns in cells, the same for every metric, so that columns line up."""

    name: int
    claim: int
    """The word "worse" after odds; 0 where there is no room. A pass itself says what it excludes."""
    value: int
    """An arm's level beside its trace; 0: the second row gives both levels in words."""
    scale: int
    width: int

    @classmethod
    def of(cls, width: int) -> Columns:
        """The columns for a pane of `width` cells: on a wide one longer names, and the rest for history."""
        if width < 100:
            return cls(11, 0, 0, 8, width)
        return cls(17 if width < 140 else 24, 6 if width >= 120 else 0, 8, 8, width)

    @property
    def about(self) -> int:
        """Cells before the arms: verdict to odds on the canary's row, age and remarks on the baseline's."""
        return 1 + _WORD + 1 + self.name + 1 + _RATIO + 1 + _ODDS + self.claim

    @property
    def trace(self) -> int:
        """Cells of a trace; 0 without room for one."""
        left = self.width - self.about - 1 - len("canary") - 1 - (self.value + 1 if self.value else 0) - 1 - self.scale
        return left if left >= _LEAST_TRACE else 0


def verdict_of(entry: MetricState) -> Verdict:
    """The verdict of a metric; "no data" before the first one."""
    return entry.verdict or Verdict(entry.metric.name, VerdictState.NO_DATA, "not assessed yet")


def two_rows(
    entry: MetricState, state: State, grid: Grid | None, columns: Columns, chosen: bool, *, spelled: bool
) -> list[Line]:
    """Draw a metric as the canary's row over the baseline's; `spelled`: its reason stands in full below."""
    verdict = verdict_of(entry)
    bar = Piece(CURSOR if chosen else " ", Look.STRONG)
    head = [bar, *_verdict_pieces(entry, verdict, columns)]
    proof = [bar, *_detail_pieces(entry, verdict, columns, spelled)]
    rows: list[Line] = []
    chart = _chart(entry, grid) if grid is not None and grid.cells else None
    for arm, words in zip(ARMS, (head, proof), strict=True):
        rows.append((*fit(words, columns.about), Piece(" "), *_arm(entry, verdict, arm, state, chart, columns)))
    return rows


def _verdict_pieces(entry: MetricState, verdict: Verdict, columns: Columns) -> list[Piece]:
    """Verdict, name, ratio with interval, odds: what a decision needs, readable without color."""
    mark = mark_of(verdict.state, verdict.detail)
    gap = max(_WORD + 1 - cell_len(str(mark)), 1)
    room = _WORD + 1 + columns.name - cell_len(str(mark)) - gap
    named = [Piece(str(mark), _mark_look(entry, verdict)), Piece(" " * gap), *_name(entry, room)]
    likely = odds_of(verdict.state, verdict.evidence, verdict.ready)
    proof = Look.STALE if is_old(verdict) else Look.STRONG
    claim = claim_of(verdict.state, likely)
    return [
        *named,
        Piece(" "),
        Piece(
            align_left(ratio_of(verdict.state, verdict.ratio, verdict.low, verdict.high, verdict.brief), _RATIO), proof
        ),
        Piece(" "),
        Piece(align_right(likely, _ODDS), proof),
        Piece(align_left(claim, columns.claim), Look.MUTED),
    ]


def _mark_look(entry: MetricState, verdict: Verdict) -> Look:
    """The verdict's look, quieter for a metric that only informs, and while no verdict is expected."""
    look = Look.MUTED if verdict.idle else mark_of(verdict.state, verdict.detail).look
    return QUIETER.get(look, look) if entry.metric.role is Role.INFO else look


def _name(entry: MetricState, width: int) -> Line:
    """The metric's name, with its role unless that is critical (its first letter where it does not fit)."""
    name, role = entry.metric.name, "" if entry.metric.role is Role.CRITICAL else f" {entry.metric.role.value}"
    if cell_len(name) + cell_len(role) > width:
        role = role[:2]
    return fit([Piece(truncate(name, width - cell_len(role)), Look.STRONG), Piece(role, Look.MUTED)], width)


def _age(verdict: Verdict) -> str:
    return "" if verdict.age_s is None else f"{format.age(verdict.age_s)} old"


def _detail_pieces(entry: MetricState, verdict: Verdict, columns: Columns, spelled: bool) -> list[Piece]:
    """Age, both levels where they do not stand beside the traces, remark, and number of events."""
    old = is_old(verdict)
    parts = [Piece(_age(verdict), Look.WARN if old else Look.MUTED)]
    if not columns.value and not old and verdict.canary.value is not None:
        parts.append(Piece(levels_of(verdict, entry.metric.query.shape)))
    if not spelled or verdict.brief:
        parts.append(Piece(remark_of(verdict), Look.WARN if old else Look.PLAIN))
    if verdict.canary.n:
        parts.append(Piece(f"n {format.count(verdict.canary.n)}", Look.MUTED))
    return _in_a_row(parts, columns.about - 1)


def _in_a_row(parts: Sequence[Piece], room: int) -> list[Piece]:
    """The parts with text, two cells apart; from the third on, a part that would be cut is left out."""
    row: list[Piece] = []
    for index, part in enumerate([part for part in parts if part.text]):
        gap = "  " if index else " "
        if index > 1 and cell_len(part.text) + len(gap) > room:
            continue
        row += [Piece(gap), part]
        room -= cell_len(part.text) + len(gap)
    return row


def reason_row(entry: MetricState, chosen: bool) -> Line:
    """The verdict's reason, problems of the source's answer, and the limit of the canary's own level."""
    verdict = verdict_of(entry)
    limit = entry.metric.limit
    parts = [
        f"not read: {entry.problem}" if entry.problem else "",
        f"incomplete: {entry.partial}" if entry.partial else "",
        verdict.reason,
        f"limit {format.amount(limit, entry.metric.query.shape)}" if limit is not None else "",
    ]
    return (
        Piece(CURSOR if chosen else " ", Look.STRONG),
        Piece(f" {'; '.join(part for part in parts if part)}", Look.MUTED),
    )


def _chart(entry: MetricState, grid: Grid) -> Chart:
    """Both arms on one axis that spans at least the share that the plan calls negligible."""
    return Chart.of(
        plotted_readings(entry), grid, 0.0 if entry.metric.query.shape is Shape.GAUGE else entry.metric.negligible
    )


def _arm(
    entry: MetricState, verdict: Verdict, arm: Arm, state: State, chart: Chart | None, columns: Columns
) -> list[Piece]:
    if chart is None and not columns.value:
        return []
    totals = verdict.canary if arm == "canary" else verdict.baseline
    shape = entry.metric.query.shape
    old = is_old(verdict)
    look = Look.STALE if old else Look.CANARY if arm == "canary" else Look.BASELINE
    pieces = [Piece(align_left("canary" if arm == "canary" else "base", len("canary")), look), Piece(" ")]
    if columns.value:
        level = align_right(format.amount(totals.value, shape), columns.value)
        pieces += [Piece(level, look if old else Look.STRONG), Piece(" ")]
    if chart is not None:
        values = chart.arms[arm]
        pieces.append(Piece(cells(values, len(values), chart.axis, _overdue(entry, arm, state)), look))
        pieces += [Piece(" "), Piece(align_left(_scale(chart.axis, shape), columns.scale), Look.MUTED)]
    return pieces


def _overdue(entry: MetricState, arm: Arm, state: State) -> bool:
    late = format.since(entry.canary_at if arm == "canary" else entry.baseline_at, state.as_of)
    return late is not None and late > entry.stale_after_s


def _scale(axis: Axis, shape: Shape) -> str:
    """The values of the lowest and the highest block, the same for both arms."""
    top = format.axis_end(axis.top, shape)
    return f"0-{top}" if axis.floor == 0 else f"{format.axis_end(axis.floor, shape)}..{top}"


def one_row(entry: MetricState, width: int, columns: Columns, chosen: bool) -> Line:
    """Draw a metric as one row without a trace: one arm alone would mean nothing."""
    verdict = verdict_of(entry)
    old = is_old(verdict)
    start = [Piece(CURSOR if chosen else " ", Look.STRONG), *_verdict_pieces(entry, verdict, columns), Piece(" ")]
    parts = [
        Piece(_age(verdict).removesuffix(" old"), Look.WARN if old else Look.MUTED),
        Piece(remark_of(verdict), Look.WARN if old else Look.PLAIN),
        Piece(levels_of(verdict, entry.metric.query.shape) if verdict.canary.value is not None and not old else ""),
        Piece(f"n {format.count(verdict.canary.n)}" if verdict.canary.n else "", Look.MUTED),
    ]
    return fit([*start, *_in_a_row(parts, width - columns.about - 1)], width)
