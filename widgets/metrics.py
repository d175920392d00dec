"""The metrics pane: verdict, ratio with interval and odds of every metric, and both arms on one axis.

Two rows a metric, the canary's over the baseline's; one axis for both, written beside each. The row above the traces
marks when decisions and notes were made, and the title explains those marks. The cursor selects a metric and opens its
details; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from console.events.evidence import Verb
from console.judge.verdict import StageWord
from console.state.values import State
from widgets import format
from widgets.glyphs import MOMENTS, ONSET
from widgets.line import Line, Look, Piece, fit, length, spread, truncate, window
from widgets.metric import Columns, one_row, reason_row, two_rows
from widgets.pane import Pane
from widgets.trace import Grid, grid_for

_LEAST_SPAN_S = 300.0
_LEGEND = {
    ONSET: "likely start",
    "!": "drift",
    **{MOMENTS[verb]: verb.value for verb in (Verb.ROLLBACK, Verb.HALT, Verb.PROMOTE, Verb.RESUME)},
    **{str(digit): "stage reached" for digit in range(10)},
    "n": "note",
}
"""Words for the marks on the time axis, the most important first."""


def metrics_lines(state: State | None, width: int, height: int, selected: str | None = None) -> list[Line]:
    """Draw the title, then two rows a metric, with the verdict's reason below where it fits.

    Where two rows a metric do not fit, each gets one, without a trace. A spare row shows the selected metric's reason.
    """
    if height <= 0 or width <= 0:
        return []
    if state is None or not state.metrics:
        words = "  no state yet" if state is None else "  NO METRICS in this plan: nothing here will warn you"
        return [(Piece("METRICS", Look.TITLE), Piece(words, Look.MUTED if state is None else Look.WARN))]
    columns = Columns.of(width)
    grid = _grid(state, columns)
    room = height - 1
    each = next((rows for rows in (4, 3, 2) if len(state.metrics) * rows <= room + (rows == 4)), 1)
    names = list(state.metrics)
    at = names.index(selected) if selected in names else 0
    shown = window(names, max(at - room // 2, 0), room) if each == 1 else names
    lines = [_title(state, width, columns, grid if each > 1 else None, len(state.metrics) - len(shown))]
    for name in shown:
        entry = state.metrics[name]
        if each == 1:
            lines.append(one_row(entry, width, columns, name == selected))
            continue
        lines += two_rows(entry, state, grid, columns, name == selected, spelled=each > 2)
        if each > 2:
            lines += [reason_row(entry, name == selected), ()][: each - 2]
    if each < 3 and len(lines) < height and selected is not None and selected in state.metrics:
        lines.append((Piece(f" {selected}: ", Look.STRONG), *reason_row(state.metrics[selected], chosen=False)[1:]))
    return lines[:height]


def _grid(state: State, columns: Columns) -> Grid | None:
    """One time grid for every metric, from before the current stage until now."""
    if state.as_of is None:
        return None
    in_stage = format.since(state.stage_since, state.as_of) or 0.0
    longest_tick_s = max(entry.tick_s for entry in state.metrics.values())  # shorter ticks share cells
    return grid_for(state.as_of, longest_tick_s, columns.trace, max(in_stage * 1.25, _LEAST_SPAN_S))


def _title(state: State, width: int, columns: Columns, grid: Grid | None, hidden: int) -> Line:
    title = [Piece("METRICS", Look.TITLE)]
    if hidden:
        title.append(Piece(f"  {hidden} more not shown: move the cursor", Look.WARN))
    elif state.stage_since is not None and state.current is not None:
        since = format.duration(format.since(state.stage_since, state.as_of))
        title.append(Piece(f"  in {truncate(state.current.stage.name, 14)} for {since}", Look.MUTED))
    if state.stage_verdict is not None and state.stage_verdict.flagged:
        title.append(Piece(f"  stands out: {', '.join(state.stage_verdict.flagged)}", Look.MUTED))
    if grid is None or not columns.trace:
        return fit(title, width)
    start = width - columns.trace - 1 - columns.scale
    span = f"last {format.duration(grid.span_s)} "
    moments = _moments(state, grid)
    legend = _legend(moments, start - length(title) - len(span) - 4)
    end = Piece(f"{legend}  {span}" if legend else span, Look.MUTED)
    return (*spread(title, [end], start), Piece(moments, Look.STRONG), Piece(" scale", Look.MUTED))


def _moments(state: State, grid: Grid) -> str:
    """Marks on the time axis, one cell each.

    The key of each decision, the stage's number where it began, `n` for a note, `!` for a drift, and an arrow where the
    regression that the stage's verdict names most likely began.
    """
    row = [" "] * grid.cells

    def put(at: datetime | None, letter: str) -> None:
        column = grid.column(at) if at is not None else None
        if column is not None:
            row[column] = letter

    put(_began(state), ONSET)
    for note in state.log:
        if note.kind in ("note", "drift"):
            put(note.at, "!" if note.kind == "drift" else "n")
    for stage in state.stages:
        put(stage.confirmed_at, str(stage.number % 10))
    for decision in state.decisions:
        put(decision.at, MOMENTS.get(decision.verb, ""))
    return "".join(letter or " " for letter in row)


def _legend(moments: str, room: int) -> str:
    """ "p promote, n note": the marks that stand on the time axis, as many as fit into `room` cells."""
    legend = ""
    for mark, words in _LEGEND.items():
        entry = f"{mark} {words}"
        if mark in moments and len(legend) + len(entry) + 2 * bool(legend) <= room:
            legend += f", {entry}" if legend else entry
    return legend


def _began(state: State) -> datetime | None:
    """The likeliest beginning of the regression that the stage fails or warns for."""
    together = state.stage_verdict
    if together is None or together.word not in (StageWord.FAIL, StageWord.WARN) or together.metric is None:
        return None
    entry = state.metrics.get(together.metric)
    return entry.verdict.since if entry is not None and entry.verdict is not None else None


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
        """Draw the newer State; move the cursor if its metric is gone."""
        names = self._names()
        if self.selected not in names:
            self.selected = names[0] if names else None
        self.redraw()

    def watch_selected(self) -> None:
        """Draw the cursor at its new place."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """See `Pane.draw`."""
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
        """Ask for the details of the selected metric."""
        if self.selected is not None:
            self.post_message(self.Asked(self.selected))
