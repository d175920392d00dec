"""The rollback checklist: every step, and how far it is."""

from __future__ import annotations

from rich.cells import cell_len

from console.state.checklist import unmet_needs
from console.state.values import TROUBLED, Mode, State, StepMark, StepState
from widgets import format
from widgets.glyphs import STEPS
from widgets.line import Line, Look, Piece, align_left, window, wrap
from widgets.pane import Pane
from widgets.rollback import owner_suffix, rollback_runner


def checklist_lines(state: State | None, width: int, height: int) -> list[Line]:
    """Draw a title with the progress and one row a step; details wrap where there is room."""
    if height <= 0:
        return []
    if state is None:
        return [(Piece("ROLLBACK", Look.TITLE), Piece("  no plan yet", Look.MUTED))]
    lines: list[Line] = [(Piece("ROLLBACK", Look.TITLE), Piece("  "), _progress(state))]
    room = height - 1
    unfinished = (index for index, entry in enumerate(state.checklist) if not entry.is_over)
    shown = window(state.checklist, next(unfinished, 0), room)
    spare = room - len(shown)
    for entry in shown:
        row, rest = _row(entry, state, width, spare)
        lines.append(row)
        lines += rest
        spare -= len(rest)
    if not state.checklist:
        lines.append((Piece("  no steps: nothing to undo", Look.MUTED),))
    return lines[:height]


def _progress(state: State) -> Piece:
    done = sum(entry.mark is StepMark.DONE for entry in state.checklist)
    skipped = sum(entry.mark is StepMark.SKIPPED for entry in state.checklist)
    of = f"{done} of {len(state.checklist)} done" + (f", {skipped} skipped" if skipped else "")
    if state.rollback is None:
        count = len(state.checklist)
        return Piece(f"not started, {count} step{'s' * (count != 1)}", Look.MUTED)
    if state.mode is Mode.ROLLED_BACK:
        return Piece(f"{of}, rolled back", Look.WARN if skipped else Look.GOOD)
    if state.mode is Mode.CLOSED:
        return Piece(of, Look.MUTED)
    if state.local.running:
        return Piece(f"{of}, under way", Look.WARN)
    runner = rollback_runner(state)
    return Piece(f"{of}, {runner.word}", Look.ALARM if runner.level == "alarm" else Look.WARN)


def _row(entry: StepState, state: State, width: int, spare: int) -> tuple[Line, list[Line]]:
    """A step's row, and the rows below it for its details."""
    mark = STEPS[entry.mark]
    names = max(min(max(cell_len(each.step.id) for each in state.checklist), width // 3, 20), 1)
    number = next(index for index, each in enumerate(state.checklist, start=1) if each is entry)
    head = [Piece(f" {mark.glyph}", mark.look), Piece(f" {number} {align_left(entry.step.id, names)} ")]
    if entry.mark is not StepMark.PENDING:
        head.append(Piece(mark.word, mark.look))
        if entry.mark in (StepMark.REQUESTED, StepMark.HOLDING):
            needed = f" of {format.age(state.plan.hold_s)}" if entry.mark is StepMark.HOLDING else ""
            head.append(Piece(f" {format.age(format.since(entry.since, state.as_of))}{needed}", Look.MUTED))
        head.append(Piece("  "))
    text = _step_text(entry, state)
    taken = sum(cell_len(piece.text) for piece in head)
    planned = entry.mark is StepMark.PENDING and entry.step.manual is None
    if spare <= 0 or planned or taken + cell_len(text) <= width:
        return (*head, Piece(text, Look.MUTED)), []
    look = Look.STRONG if entry.mark in (*TROUBLED, StepMark.WAITING) else Look.MUTED
    return tuple(head), [(Piece("     "), Piece(row, look)) for row in wrap(text, width - 5, min(spare, 2))]


def _step_text(entry: StepState, state: State) -> str:
    """The settings of a step or its outcome; the owner of a manual step, the needs of a waiting one."""
    if entry.step.manual is not None:
        if entry.is_over and entry.detail:
            return entry.detail
        return f"by hand{owner_suffix(state.plan, entry.step.team)}: {entry.detail or entry.step.manual}"
    if entry.detail and entry.mark is not StepMark.PENDING:
        return entry.detail
    what = ", ".join(f"{name} → {setting}" for name, setting in entry.step.sets.items())
    if state.rollback is None or state.mode is Mode.CLOSED:
        return what
    if (why := state.local.held_back.get(entry.step.id)) is not None:
        return f"{what}; waits: {why}"
    left = unmet_needs(entry.step, state.checklist)
    return f"{what}; after {', '.join(left)}" if left else what


class Checklist(Pane):
    """The pane of the rollback steps."""

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        return checklist_lines(self.state, width, height)
