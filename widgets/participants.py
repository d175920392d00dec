"""The participants of a rollout: a few words for the header, and a page of their own."""

from __future__ import annotations

from console.state import approvals, clocks, escalation, pen, windows
from console.state.participants import UNSEEN_S, Member
from console.state.values import State
from widgets import format
from widgets.line import Line, Look, Piece, truncate
from widgets.sheet import rows_of


def other_members(state: State) -> list[Member]:
    """Members that are not this console's operator."""
    me = state.local.operator
    return [member for member in state.local.crew or () if me is None or member.who.person != me.person]


def has_several_people(state: State) -> bool:
    """Whether another person is present, has the pen, or left it with a note."""
    elsewhere = state.pen.holder is not None and not state.pen.held_by(state.local.operator)
    return bool(other_members(state)) or elsewhere or state.handoff is not None


def badges(state: State) -> list[Piece]:
    """Warnings for the header: this console only observes, a freeze is in force, the clock is off."""
    found = []
    if state.local.observing:
        found.append(Piece("OBSERVING", Look.WARN))
    if state.as_of is not None and windows.freeze_in_force(state.plan.freeze, state.as_of) is not None:
        found.append(Piece("FREEZE", Look.WARN))
    if state.local.clock is not None:
        found.append(Piece("CLOCK OFF", Look.WARN))
    return found


def pen_pieces(state: State) -> list[Piece]:
    """ "pen ana, 3 here", "pen ana unseen 5m, 3 here"; nothing while one person is alone."""
    if not has_several_people(state):
        return []
    people = len({member.who.person for member in state.local.crew or ()})
    here = f", {people}{'+' if state.local.unlisted else ''} here" if people > 1 else ""
    holder = state.pen.holder
    if holder is None:
        return [Piece("pen free", Look.WARN if state.handoff is not None else Look.STRONG), Piece(here, Look.MUTED)]
    if state.pen.held_by(state.local.operator):
        return [Piece("pen yours", Look.STRONG), Piece(here, Look.MUTED)]
    ago = format.since(pen.last_seen(state), state.as_of) or 0.0
    away = f" unseen {format.age(ago)}" if ago > UNSEEN_S else ""
    return [
        Piece(f"pen {truncate(holder.name, 12)}{away}", Look.WARN if away else Look.STRONG),
        Piece(here, Look.MUTED),
    ]


def participants_lines(state: State | None, width: int) -> list[Line]:
    """Draw the page: members, pen, clocks that are off, approvals, calendar, escalation."""
    if state is None:
        return [(Piece("WHO IS HERE", Look.TITLE), Piece("  nothing read yet", Look.MUTED))]
    lines: list[Line] = [(Piece("WHO IS HERE", Look.TITLE),)]
    lines += _present(state, width)
    lines.append((Piece("PEN", Look.TITLE),))
    lines += _pen(state, width)
    for name, rows in (
        ("CLOCKS", [(Look.WARN, line) for line in clocks.clock_lines(state)]),
        ("APPROVAL", _approvals(state)),
        ("CALENDAR", _calendar(state)),
        ("ESCALATION", _escalation(state)),
    ):
        if rows:
            lines.append((Piece(name, Look.TITLE),))
            lines += [row for look, text in rows for row in _rows(text, width, look)]
    return lines


def _rows(text: str, width: int, look: Look = Look.PLAIN) -> list[Line]:
    rows = rows_of(text, max(width - 2, 10))
    return [(Piece("  "), Piece(row, look)) for row in rows]


def _present(state: State, width: int) -> list[Line]:
    if state.local.crew is None:
        return _rows("not known yet: the journal has not been read", width, Look.MUTED)
    lines: list[Line] = []
    for member in state.local.crew:
        mine = member.who == state.local.operator
        ago = format.since(member.seen_at, state.as_of) or 0.0
        presence = "here now" if ago <= UNSEEN_S else f"last seen {format.age(ago)} ago"
        polls = state.local.poller is not None and state.local.poller.who == member.who
        tail = f"{member.who.name_at_host} pid {member.who.pid}, {member.role}, {presence}"
        tail += ", this console" if mine else ""
        tail += ", polls" if polls else ""
        lines += _rows(tail, width, Look.PLAIN if ago <= UNSEEN_S else Look.MUTED)
    if state.local.unlisted:
        lines += _rows(f"and {state.local.unlisted} more", width, Look.WARN)
    return lines or _rows("no console is open", width, Look.MUTED)


def _pen(state: State, width: int) -> list[Line]:
    lines = _rows(pen.holder_text(state), width, Look.STRONG)
    if state.pen.offered is not None:
        note = f": {state.pen.note}" if state.pen.note else ""
        lines += _rows(f"offered to {state.pen.offered}{note}", width, Look.WARN)
    if state.handoff is not None:
        lines += _rows(handoff_text(state), width, Look.WARN)
    return lines


def handoff_text(state: State) -> str:
    """ "ana left the pen 12m ago: errors are noise until six"."""
    handoff = state.handoff
    if handoff is None:
        return ""
    who = handoff.who.name if handoff.who is not None else "another operator"
    return f"{who} left the pen {format.age(format.since(handoff.at, state.as_of))} ago: {handoff.text}"


def _approvals(state: State) -> list[tuple[Look, str]]:
    needed = approvals.needed_approvals(state)
    if needed == 0 or state.next is None:
        return []
    valid = approvals.valid_approvals(state)
    look = Look.GOOD if len(valid) >= needed else Look.WARN
    return [(look, f"{state.next.stage.name} needs {needed}, has {len(valid)}")] + [
        (Look.PLAIN, f"{approval.user} {format.clock(approval.at)}{f': {approval.text}' if approval.text else ''}")
        for approval in valid
    ]


def _calendar(state: State) -> list[tuple[Look, str]]:
    if state.as_of is None or not (state.plan.freeze or state.plan.launch):
        return []
    freeze = windows.freeze_in_force(state.plan.freeze, state.as_of)
    outside = windows.outside_launch(state.plan.launch, state.as_of)
    closed = [(Look.WARN, text) for text in (freeze, outside) if text is not None]
    return closed or [(Look.GOOD, "no freeze or launch window blocks a promote now")]


def _escalation(state: State) -> list[tuple[Look, str]]:
    trouble, reached = escalation.current_trouble(state), escalation.current_call(state)
    rows = []
    for number, rung in enumerate(state.plan.escalation, start=1):
        up = reached is not None and number <= reached.rung
        line = f"after {format.duration(rung.after_s)}: {rung.call}{', CALLED' if up else ''}"
        rows.append((Look.ALARM if up else Look.MUTED, line))
    if rows and trouble is not None:
        span = format.duration(format.since(trouble.since, state.as_of))
        rows.append((Look.WARN, f"no action on {trouble.what} for {span}"))
    return rows
