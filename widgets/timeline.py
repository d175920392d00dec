"""The stage timeline: one row a stage, the current one, its bake, and trouble."""

from __future__ import annotations

import math

from rich.cells import cell_len

from adapters.contract import Kind
from console.events.evidence import Verb
from console.state.gates import gates_for
from console.state.values import StageMark, StageState, State
from widgets import format
from widgets.advice import drift_words
from widgets.glyphs import DRIFTED, ONE_WAY, STAGES, UNDONE
from widgets.line import Line, Look, Piece, align_left, length, window, wrap
from widgets.pane import Pane
from widgets.stepped_target import backend_notes

_LEAST_WORDS = 6
"""Cells below which a cut setting is useless."""


def timeline_lines(state: State | None, width: int, height: int) -> list[Line]:
    """Draw a title and one row a stage, with its trouble below it where there is room."""
    if height <= 0:
        return []
    if state is None or not state.stages:
        return [(Piece("STAGES", Look.TITLE), Piece("  no plan yet", Look.MUTED))]
    reached = "?" if state.reached is None else str(state.reached)
    progress = f"{reached} of {len(state.stages)} reached"
    if state.rollback is not None:
        progress = f"was {reached} of {len(state.stages)}, {'undone' if state.rolled_back_at else 'being undone'}"
        if state.closed is not None and state.rolled_back_at is None:
            progress = f"was {reached} of {len(state.stages)}, NOT all undone"
    lines: list[Line] = [(Piece("STAGES", Look.TITLE), Piece(f"  {progress}", Look.MUTED))]
    room = height - 1
    shown = window(state.stages, max((state.reached or 0) - 1, 0), room)  # the current one and those after it
    spare = room - len(shown)
    for entry in shown:
        trouble = _trouble(entry, state)
        lines.append(_row(entry, state, width, None if spare >= 1 else trouble))
        if trouble and spare >= 1:
            rows = wrap(trouble, width - 4, min(spare, 2))
            spare -= len(rows)
            lines += [(Piece("    "), Piece(row, Look.ALARM)) for row in rows]
    for note in backend_notes(state) if state.rollback is None else ():
        rows = wrap(note, width - 4, min(spare, 2)) if spare > 0 else []
        spare -= len(rows)
        lines += [(Piece("    "), Piece(row, Look.MUTED)) for row in rows]
    return lines[:height]


def _row(entry: StageState, state: State, width: int, trouble: str | None) -> Line:
    undone = state.rollback is not None
    mark = UNDONE if undone and entry.mark is not StageMark.PLANNED else STAGES[entry.mark]
    here = state.reached == entry.number and not undone
    names = max(min(max(cell_len(each.stage.name) for each in state.stages), width // 3, 20), 1)
    row = [
        Piece("→" if here else " ", Look.STRONG),
        Piece(mark.glyph, mark.look),
        Piece(f" {entry.number} {align_left(entry.stage.name, names)} ", Look.STRONG if here else Look.PLAIN),
    ]
    if trouble:
        return (*row, Piece(trouble, Look.ALARM))
    status = _status(entry, state)
    if status.text:
        row += [status, Piece("  ")]
    if entry.stage.one_way:
        row += [Piece(str(ONE_WAY), ONE_WAY.look), Piece("  ")]
    room = width - length(row)
    words = settings_words(entry, state)
    if cell_len(words) > room:
        words = _briefly(entry) or words
    return (*row, Piece(words if room >= _LEAST_WORDS else "", Look.MUTED))


def _status(entry: StageState, state: State) -> Piece:
    """The state of a stage besides its settings: the part that changes, so it stands first."""
    undone = state.rollback is not None
    if entry.mark in (StageMark.REQUESTED, StageMark.PARTIAL, StageMark.FAILED):
        mark = STAGES[entry.mark]
        return Piece(f"was {mark.word}", Look.MUTED) if undone else Piece(mark.word, mark.look)
    if state.reached == entry.number and not undone and state.closed is None:
        return _bake(entry, state)
    if entry.confirmed_at is not None:
        word = "was set" if undone else "set"
        return Piece(f"{word} {format.clock(entry.confirmed_at)[:5]}Z", Look.MUTED)
    return Piece("")


def _bake(entry: StageState, state: State) -> Piece:
    # The time baked is rounded down elsewhere: together they are the bake.
    left_s = math.ceil(entry.stage.bake_s - state.baked_s)
    if entry.stage.bake_s <= 0:
        return Piece("")
    if left_s <= 0:
        return Piece("baked", Look.GOOD)
    cause = "halted" if state.halted is not None else "stale data" if _is_stale(state) else ""
    if cause:
        return Piece(f"bake HELD ({cause}), {format.duration(left_s)} left", Look.WARN)
    return Piece(f"bake {format.duration(left_s)} left", Look.STRONG)


def _is_stale(state: State) -> bool:
    """Whether data is too old for a promote: the bake clock runs on fresh data only."""
    return any(gate.name == "fresh" and not gate.ok for gate in gates_for(state, Verb.PROMOTE))


def settings_words(entry: StageState, state: State) -> str:
    """The settings of a stage, "edge 5 %, new-checkout 5 %", or the instruction of a manual one."""
    if entry.stage.manual is not None:
        return f"by hand: {entry.stage.manual}"
    words = []
    for name, setting in entry.stage.sets.items():
        known = state.targets.get(name)
        flag = known is not None and known.target.kind is Kind.FLAGS
        words.append(f"{name} on" if flag and setting.on and setting.percent is None else f"{name} {setting}")
    return ", ".join(words)


def _briefly(entry: StageState) -> str:
    """ "each 5 %" for a stage that sets all its targets alike; empty for any other."""
    alike = {str(setting) for setting in entry.stage.sets.values()}
    return f"each {alike.pop()}" if len(alike) == 1 and len(entry.stage.sets) > 1 else ""


def _trouble(entry: StageState, state: State) -> str:
    """The drift from this stage's settings, or why it is not fully set, in one line."""
    if entry.number == (state.reached or 0):
        drifts = {name: target.drift for name, target in state.targets.items() if target.drift is not None}
        if drifts:
            return "; ".join(f"{DRIFTED} {name} {drift_words(drift, state)}" for name, drift in drifts.items())
    if entry.mark in (StageMark.PARTIAL, StageMark.FAILED) and state.rollback is None:
        return STAGES[entry.mark].word + (f": {entry.trouble}" if entry.trouble else "")
    return ""


class Timeline(Pane):
    """The pane of the stages."""

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        return timeline_lines(self.state, width, height)
