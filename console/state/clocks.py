"""Lines about the clocks of consoles that are off: this host's, and those of others who are present. Pure."""

from __future__ import annotations

from console.state.participants import UNSEEN_S, Member
from console.state.values import State

_UNITS = ((1.0, 100.0, "s"), (60.0, 59.5, "min"), (3600.0, 50.0, "h"), (86400.0, 1000.0, "days"))
_YEAR_S = 365.25 * 86400.0


def span_text(seconds: float) -> str:
    """A length of time in one unit: "10 min"."""
    span_s = abs(seconds)
    for unit_s, most, unit in _UNITS:
        if span_s < most * unit_s:
            return f"{span_s / unit_s:.0f} {unit}"
    return f"{span_s / _YEAR_S:.0f} years"


def clock_lines(state: State) -> list[str]:
    """A line for every clock that is off, this host's first; the consoles of one host share a line."""
    lines = [] if state.local.clock is None else [state.local.clock]
    off: dict[tuple[str, str, str], str] = {}
    for member in state.local.crew or ():
        if member.clock_s and not _is_gone(state, member) and not _is_me(state, member):
            way = "ahead" if member.clock_s > 0 else "behind"
            words = f"the clock of {member.who.host} ({member.who.user}) is {span_text(member.clock_s)} {way}"
            off.setdefault((member.who.host, member.who.user, way), words)
    return [*lines, *off.values()]


def _is_me(state: State, member: Member) -> bool:
    me = state.local.operator
    return me is not None and (member.who.host, member.who.pid) == (me.host, me.pid)


def _is_gone(state: State, member: Member) -> bool:
    return state.as_of is not None and (state.as_of - member.seen_at).total_seconds() > UNSEEN_S
