"""Details above a card: the steps of a rollback, manual instructions, outside changes."""

from __future__ import annotations

from console.events.evidence import Verb
from console.state.values import State
from widgets.glyphs import STEPS
from widgets.line import Line, Look, Piece, length
from widgets.rollback import owner_suffix
from widgets.sheet import rows_of


def detail_lines(state: State, verb: Verb, subject: str | None, width: int) -> list[Line]:
    """The details for `verb` in `width` cells; empty for most verbs."""
    match verb:
        case Verb.PROMOTE if state.next is not None and state.next.stage.manual is not None:
            team = owner_suffix(state.plan, state.next.stage.team)
            what = f"{state.next.stage.manual}{team}: run it first, then confirm here when it is DONE"
            return _text_lines("by hand", what, width)
        case Verb.ROLLBACK if state.rollback is not None:
            return checklist_rows(state, width)
        case Verb.PLACE if subject is not None and "=" in subject:
            name, _, share = subject.partition("=")
            said = f"{name} was at {share}{' %' if share.isdigit() else ''}: a rollback takes it back there"
            return _text_lines("before", said, width)
        case Verb.CONFIRM | Verb.SKIP:
            return _step(state, subject, width)
        case Verb.ACCEPT if subject == "plan":
            return difference(state.local.edited or "", width)
        case Verb.ACCEPT if subject is not None and subject in state.targets:
            return _drift(state, subject, width)
        case _:
            return []


def checklist_rows(state: State, width: int) -> list[Line]:
    """Draw the checklist, every step with mark and detail."""
    lines: list[Line] = []
    for number, entry in enumerate(state.checklist, start=1):
        mark = STEPS[entry.mark]
        settings = ", ".join(f"{name} {setting}" for name, setting in entry.step.sets.items())
        what = entry.step.manual or settings
        tail = f": {entry.detail}" if entry.detail else ""
        rows = rows_of(f"{entry.step.id}: {what}{owner_suffix(state.plan, entry.step.team)}{tail}", max(width - 16, 10))
        for index, row in enumerate(rows):
            head = (Piece(f"{number} "), mark.piece) if index == 0 else ()
            lines.append((*head, Piece(" " * (15 - length(head))), Piece(row)))
    return lines


def _step(state: State, subject: str | None, width: int) -> list[Line]:
    """Draw a step: its settings, owner and progress, and the steps that wait for it."""
    entry = next((entry for entry in state.checklist if entry.step.id == subject), None)
    if entry is None:
        return []
    step = entry.step
    what = step.manual or ", ".join(f"{name} -> {setting}" for name, setting in step.sets.items())
    detail = f"; {entry.mark}: {entry.detail}" if entry.detail and step.manual is None else ""
    head = "by hand" if step.manual is not None else "step"
    lines = _text_lines(head, f"{step.id}: {what}{owner_suffix(state.plan, step.team)}{detail}", width)
    later = [other.step.id for other in state.checklist if step.id in other.step.needs and not other.is_over]
    return lines + (_text_lines("", f"steps that wait for it: {', '.join(later)}", width) if later else [])


def _drift(state: State, target: str, width: int) -> list[Line]:
    drift = state.targets[target].drift
    if drift is None:
        return _text_lines("", f"{target} no longer drifts", width)
    who = f" by {drift.now.changed_by}" if drift.now.changed_by else ""
    text = f"{target} was {drift.was}, reads {drift.now} since {drift.since:%H:%M:%S}Z{who}"
    return _text_lines("drift", text, width)


_CHANGED = {"-": Piece("- removed  ", Look.WARN), "+": Piece("+ added    ", Look.GOOD), " ": Piece(" " * 11)}
"""The words before a line of a unified difference, by its first character."""


def difference(text: str, width: int) -> list[Line]:
    """Draw a unified difference with a word before every changed line; other text is only wrapped."""
    rows = text.splitlines()
    if [row[:4] for row in rows[:2]] == ["--- ", "+++ "]:
        rows = rows[2:]
    elif any(row[:1] not in ("-", "+", " ", "") for row in rows):
        return [line for row in rows for line in _text_lines("", row, width)]
    lines: list[Line] = []
    for row in rows:
        if row.startswith("@@"):
            lines.append((Piece(f"{'…':<11}{row.strip('@ ')}", Look.MUTED),))
            continue
        mark, content = _CHANGED.get(row[:1], _CHANGED[" "]), row[1:]
        indent = " " * min(len(content) - len(content.lstrip()), max(width // 3, 0))
        look = Look.MUTED if mark is _CHANGED[" "] else Look.STRONG
        for part in rows_of(content, max(width - 11 - len(indent), 10)) or [""]:
            lines.append((mark, Piece(f"{indent}{part}", look)))
    return lines


def _text_lines(name: str, text: str, width: int) -> list[Line]:
    rows = rows_of(text, max(width - 9, 10)) or [""]
    return [(Piece(f"{name if index == 0 else '':<9}", Look.WARN), Piece(row)) for index, row in enumerate(rows)]
