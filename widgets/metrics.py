"""The metrics pane: per metric its verdict, its age, the ratio with interval and evidence, and both arms on one axis.

Two rows a metric, the canary's over the baseline's; one axis for both, written beside each. Above the traces stands a
row of what happened when. The cursor selects a metric and asks for its details; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from adapters.contract import Shape
from console.judge.verdict import Verdict, VerdictState
from console.plan.nouns import Role
from console.state.judging import plotted
from console.state.values import MetricState, State
from widgets import amounts
from widgets.line import Line, Look, Piece, cut, fit, left, right, spread
from widgets.marks import CURSOR, MOMENTS, QUIETER, VERDICTS
from widgets.pane import Pane
from widgets.trace import ARMS, Arm, Axis, Chart, Grid, cells, grid_for

_WORD = max(cell_len(str(mark)) for mark in VERDICTS.values())
_AGE = 8
_VALUE = 8
_SCALE = 8
_LEAST_TRACE = 8
_LEAST_SPAN_S = 300.0


@dataclass(frozen=True, slots=True)
class Columns:
    """How a row's cells are shared out; the same for every metric, so that the eye can run down a column."""

    about: int
    """Verdict, age and name on the canary's row; ratio, interval and evidence on the baseline's."""
    name: int
    trace: int
    """0: no room for a trace."""

    @classmethod
    def of(cls, width: int) -> Columns:
        """The columns at `width` cells: half as wide again for words on a wide screen, the rest for history."""
        name = 11 if width < 100 else 30 if width < 140 else 40
        about = 1 + _WORD + 1 + _AGE + 1 + name
        trace = width - about - 1 - len("baseline") - 1 - _VALUE - 1 - 1 - _SCALE
        return cls(about, name, trace if trace >= _LEAST_TRACE else 0)


def metrics_lines(state: State | None, width: int, height: int, selected: str | None = None) -> list[Line]:
    """The title with the time axis' events, then per metric two rows, with the verdict's reason below where it fits.

    Where not even two rows a metric fit, each gets one, of numbers only.
    """
    if height <= 0 or width <= 0:
        return []
    if state is None or not state.metrics:
        said = "  no state yet" if state is None else "  NO METRICS in this plan: nothing here will warn you"
        return [(Piece("METRICS", Look.TITLE), Piece(said, Look.MUTED if state is None else Look.WARN))]
    columns = Columns.of(width)
    grid = _grid(state, columns)
    room = height - 1
    each = next((rows for rows in (4, 3, 2) if len(state.metrics) * rows <= room + (rows == 4)), 1)
    shown = _window(list(state.metrics), selected, room) if each == 1 else list(state.metrics)
    lines = [_title(state, width, columns, grid, len(state.metrics) - len(shown))]
    for name in shown:
        entry = state.metrics[name]
        if each == 1:
            lines.append(_short(entry, width, name == selected))
            continue
        lines += _pair(entry, state, grid, columns, name == selected, inline=each == 2)
        if each > 2:
            lines += [_reason(entry, name == selected), ()][: each - 2]
    return lines[:height]


def _window(names: list[str], selected: str | None, room: int) -> list[str]:
    """As many names as fit, around the selected one."""
    if len(names) <= room:
        return names
    at = names.index(selected) if selected in names else 0
    first = min(max(at - room // 2, 0), len(names) - room)
    return names[first : first + max(room, 0)]


def _grid(state: State, columns: Columns) -> Grid | None:
    """One time grid for every metric: from before the stage we stand on until now."""
    if state.as_of is None:
        return None
    in_stage = amounts.since(state.stage_since, state.as_of) or 0.0
    return grid_for(state.as_of, _tick_s(state), columns.trace, max(in_stage * 1.25, _LEAST_SPAN_S))


def _tick_s(state: State) -> float:
    """The longest tick of any metric: a shorter one's ticks share cells."""
    return max(entry.tick_s for entry in state.metrics.values())


# -- title -----------------------------------------------------------------------------------------------------------


def _title(state: State, width: int, columns: Columns, grid: Grid | None, hidden: int) -> Line:
    told = [Piece("METRICS", Look.TITLE)]
    if hidden:
        told.append(Piece(f"  {hidden} more not shown: move the cursor", Look.WARN))
    elif state.stage_since is not None and state.current is not None:
        since = amounts.duration(amounts.since(state.stage_since, state.as_of))
        told.append(Piece(f"  since {cut(state.current.stage.name, 14)} began {since} ago", Look.MUTED))
    if grid is None or not columns.trace:
        return fit(told, width)
    start = width - columns.trace - 1 - _SCALE
    span = Piece(f"last {amounts.duration(grid.span_s)} ", Look.MUTED)
    return (*spread(told, [span], start), Piece(_moments(state, grid), Look.STRONG), Piece(" now", Look.MUTED))


def _moments(state: State, grid: Grid) -> str:
    """What happened when, one letter a cell: keys for decisions, the stage's number where it began, `!` for a drift."""
    row = [" "] * grid.cells

    def put(at: datetime | None, letter: str) -> None:
        column = grid.column(at) if at is not None else None
        if column is not None:
            row[column] = letter

    for note in state.log:
        if note.kind in ("note", "drift"):
            put(note.at, "!" if note.kind == "drift" else "n")
    for stage in state.stages:
        put(stage.confirmed_at, str(stage.number % 10))
    for decision in state.decisions:
        put(decision.at, MOMENTS.get(decision.verb, ""))
    return "".join(letter or " " for letter in row)


# -- rows ------------------------------------------------------------------------------------------------------------


def _verdict(entry: MetricState) -> Verdict:
    return entry.verdict or Verdict(entry.metric.name, VerdictState.NO_DATA, "not assessed yet")


def _pair(
    entry: MetricState, state: State, grid: Grid | None, columns: Columns, chosen: bool, *, inline: bool
) -> list[Line]:
    verdict = _verdict(entry)
    mark = VERDICTS[verdict.state]
    old = verdict.state in (VerdictState.STALE, VerdictState.NO_DATA) and not verdict.idle
    bar = Piece(CURSOR if chosen else " ", Look.STRONG)
    head = [
        bar,
        Piece(str(mark), _mark_look(entry, verdict)),
        Piece(" " * (_WORD - cell_len(str(mark)) + 1)),
        Piece(left(_age(verdict), _AGE), Look.WARN if old else Look.MUTED),
        Piece(" "),
        *_name(entry, columns.name),
    ]
    proof = [bar, *_proof(verdict, columns.about - 1, old, inline)]
    rows: list[Line] = []
    chart = _chart(entry, grid) if grid is not None and grid.cells else None
    for arm, words in zip(ARMS, (head, proof), strict=True):
        rows.append((*fit(words, columns.about), Piece(" "), *_arm(entry, verdict, arm, state, chart, old)))
    return rows


def _mark_look(entry: MetricState, verdict: Verdict) -> Look:
    """The verdict's look; quieter for a metric that only informs, and while no verdict is expected."""
    look = Look.MUTED if verdict.idle else VERDICTS[verdict.state].look
    return QUIETER.get(look, look) if entry.metric.role is Role.INFO else look


def _name(entry: MetricState, width: int) -> Line:
    """The metric's name, with its role where it is not the one that decides."""
    role = "" if entry.metric.role is Role.CRITICAL else f" {entry.metric.role.value}"
    room = width - cell_len(role)
    return fit([Piece(cut(entry.metric.name, room), Look.STRONG), Piece(role, Look.MUTED)], width)


def _age(verdict: Verdict) -> str:
    return "" if verdict.age_s is None else f"{amounts.age(verdict.age_s)} old"


def _proof(verdict: Verdict, room: int, old: bool, inline: bool) -> list[Piece]:
    """Ratio, interval and evidence; the reason instead where there is no ratio, and behind if it goes `inline`."""
    look = Look.STALE if old else Look.PLAIN
    evidence = f"n {amounts.count(verdict.canary.n)}"
    if verdict.ratio is None:
        return [Piece(" "), Piece(verdict.reason or "no ratio", Look.WARN if old else look)]
    told = f" {amounts.ratio(verdict.ratio)} {amounts.interval(verdict.low, verdict.high)}".rstrip()
    pieces = [Piece(told, look if old else Look.STRONG), Piece(f" {evidence}", look)]
    spare = room - sum(cell_len(piece.text) for piece in pieces)
    if inline and spare >= 12 and verdict.reason:
        pieces.append(Piece(cut(f"  {verdict.reason}", spare), Look.MUTED))
    return pieces


def _reason(entry: MetricState, chosen: bool) -> Line:
    """Why the verdict is what it is, what the source said about its answer, and the canary's own ceiling."""
    verdict = _verdict(entry)
    limit = entry.metric.limit
    told = [
        verdict.reason if verdict.ratio is not None else "",
        f"limit {amounts.amount(limit, entry.metric.query.shape)}" if limit is not None else "",
        f"not read: {entry.problem}" if entry.problem else "",
        f"not whole: {entry.partial}" if entry.partial else "",
    ]
    return (
        Piece(CURSOR if chosen else " ", Look.STRONG),
        Piece(f" {'; '.join(part for part in told if part)}", Look.MUTED),
    )


def _chart(entry: MetricState, grid: Grid) -> Chart:
    """Both arms on one axis; nothing below the share that the plan calls negligible is blown up."""
    return Chart.of(plotted(entry), grid, 0.0 if entry.metric.query.shape is Shape.GAUGE else entry.metric.negligible)


def _arm(entry: MetricState, verdict: Verdict, arm: Arm, state: State, chart: Chart | None, old: bool) -> list[Piece]:
    totals = verdict.canary if arm == "canary" else verdict.baseline
    shape = entry.metric.query.shape
    look = Look.STALE if old else Look.CANARY if arm == "canary" else Look.BASELINE
    pieces = [
        Piece(left(arm, len("baseline")), look),
        Piece(" "),
        Piece(right(amounts.amount(totals.value, shape), _VALUE), look if old else Look.STRONG),
        Piece(" "),
    ]
    if chart is not None:
        values = chart.arms[arm]
        pieces.append(Piece(cells(values, len(values), chart.axis, _overdue(entry, arm, state)), look))
        pieces += [Piece(" "), Piece(left(_scale(chart.axis, shape), _SCALE), Look.MUTED)]
    return pieces


def _overdue(entry: MetricState, arm: Arm, state: State) -> bool:
    """Whether this arm should have said something by now."""
    late = amounts.since(entry.canary_at if arm == "canary" else entry.baseline_at, state.as_of)
    return late is not None and late > entry.stale_after_s


def _scale(axis: Axis, shape: Shape) -> str:
    """What the lowest and the highest block stand for; the same beside both arms, because it is the same axis."""
    top = amounts.axis_end(axis.top, shape)
    return f"0-{top}" if axis.floor == 0 else f"{amounts.axis_end(axis.floor, shape)}..{top}"


def _short(entry: MetricState, width: int, chosen: bool) -> Line:
    """One row of numbers: a trace of one arm without the other would say nothing."""
    verdict = _verdict(entry)
    mark = VERDICTS[verdict.state]
    shape = entry.metric.query.shape
    values = f"{amounts.amount(verdict.canary.value, shape)} over {amounts.amount(verdict.baseline.value, shape)}"
    proof = f"{amounts.ratio(verdict.ratio)} {amounts.interval(verdict.low, verdict.high)}"
    ratio = f"{proof} n {amounts.count(verdict.canary.n)}"
    start = [
        Piece(CURSOR if chosen else " ", Look.STRONG),
        Piece(left(str(mark), _WORD), _mark_look(entry, verdict)),
        Piece(f" {left(_age(verdict), _AGE)} ", Look.MUTED),
        Piece(left(entry.metric.name, 14), Look.STRONG),
        Piece(f" {left(ratio if verdict.ratio is not None else verdict.reason, 26)} "),
    ]
    return spread(start, [Piece(values)], width) if width >= 78 else fit([*start, Piece(values)], width)


class MetricsPane(Pane, can_focus=True):
    """Every metric of the plan, in plan order, with a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Previous metric", show=False),
        Binding("down,j", "move(1)", "Next metric", show=False),
        Binding("enter", "ask", "Metric's details", show=False),
    ]

    selected: reactive[str | None] = reactive(None, repaint=False)
    """The metric under the cursor; None before there is one."""

    @dataclass
    class Asked(Message):
        """The operator wants the details of `metric`."""

        metric: str

    def watch_state(self) -> None:
        names = self._names()
        if self.selected not in names:
            self.selected = names[0] if names else None
        self.redraw()

    def watch_selected(self) -> None:
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        return metrics_lines(self.state, width, height, self.selected)

    def _names(self) -> list[str]:
        return list(self.state.metrics) if self.state is not None else []

    def action_move(self, rows: int) -> None:
        """Move the cursor by `rows` metrics, stopping at either end."""
        names = self._names()
        if names:
            at = names.index(self.selected) if self.selected in names else 0
            self.selected = names[min(max(at + rows, 0), len(names) - 1)]

    def action_ask(self) -> None:
        if self.selected is not None:
            self.post_message(self.Asked(self.selected))
