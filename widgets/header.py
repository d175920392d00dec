"""The header line: clock, mode, stage, verdict, title, participants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from textual.reactive import reactive

from console.state.values import Mode, State
from widgets import format, participants
from widgets.glyphs import CLOSED_BACK, CLOSED_MIDWAY, MODES, OPENING, Glyph
from widgets.line import Line, Look, Piece, length, truncate
from widgets.pane import Pane
from widgets.verdict import word_of

LATE_S = 5.0
"""Age in seconds from which the header says that the State shown is old."""

_SPACE = Piece("  ")


def header_lines(state: State | None, width: int, height: int, now: datetime | None = None) -> list[Line]:
    """Draw one line, the clock leftmost: `now` of the screen, UTC; None (a replay, a test) shows the State's time."""
    if height <= 0:
        return []
    if state is None:
        return [(Piece(format.clock(now), Look.MUTED), _SPACE, Piece("warroom: no state yet", Look.MUTED))]
    fixed = [*_time(state, now), *_doing(state)]
    extra = _extras(state, now if now is not None else state.as_of, width)
    title_room = width - length(fixed) - 2
    kept = 1 if participants.has_several_people(state) else 0  # the pen comes before the title
    while len(extra) > kept and title_room - sum(length(part) + 2 for part in extra) < min(18, len(state.plan.title)):
        extra.pop()
    room = title_room - sum(length(part) + 2 for part in extra)
    line = [*fixed, *((_SPACE, Piece(truncate(state.plan.title, room), Look.STRONG)) if room > 3 else ())]
    for part in extra:
        line += [_SPACE, *part]
    return [tuple(line)]


def _time(state: State, now: datetime | None) -> list[Piece]:
    behind = format.since(state.as_of, now)
    shown = [Piece(format.clock(now if now is not None else state.as_of), Look.PLAIN)]
    if behind is not None and behind > LATE_S:
        shown += [_SPACE, Piece(f"SCREEN {format.age(behind)} BEHIND", Look.ALARM)]
    return [*shown, _SPACE]


def mode_mark(state: State) -> Glyph:
    """The mark of the mode; OPENING before the rollout is open."""
    if state.opened_at is None:
        return OPENING
    if state.mode is Mode.CLOSED and state.rollback is not None:
        return CLOSED_MIDWAY if state.rolled_back_at is None else CLOSED_BACK
    return MODES[state.mode]


def is_simulated(state: State) -> bool:
    """Whether every backend is the embedded simulation, so that nothing here is production."""
    return bool(state.plan.backends) and all(spec.adapter == "embedded" for spec in state.plan.backends.values())


def stage_position(state: State) -> str:
    """ "2/5 five"; "?/5" while the stage is unknown; "0/5 start"; "was 2/5 five" from a rollback on."""
    if state.reached is None:
        return f"?/{len(state.stages)}"
    name = state.current.stage.name if state.current is not None else "start"
    lead = "was " if state.rollback is not None else ""
    return f"{lead}{state.reached}/{len(state.stages)} {name}"


def _doing(state: State) -> Iterable[Piece]:
    yield mode_mark(state).piece
    yield Piece(f"  {truncate(stage_position(state), 20)}", Look.STRONG)
    if (verdict := word_of(state)) is not None:
        yield _SPACE
        yield verdict.piece
    if is_simulated(state):
        yield Piece("  SIMULATED", Look.WARN)
    if state.local.journal.broken is not None:
        yield _SPACE
        yield Piece("UNJOURNALED", Look.ALARM)
    for badge in participants.badges(state):
        yield _SPACE
        yield badge
    one_way = state.past_one_way
    if one_way is not None and state.mode not in (Mode.COMPLETE, Mode.CLOSED):
        yield Piece("  ⊘ no return", Look.WARN)


def versions(state: State) -> str:
    """ "v42 over v41", from the first target that names them; empty if none does."""
    reads = [entry.reading for entry in state.targets.values() if entry.reading is not None]
    canary = next((reading.versions.canary for reading in reads if reading.versions.canary), None)
    baseline = next((reading.versions.baseline for reading in reads if reading.versions.baseline), None)
    if canary is None and baseline is None:
        return ""
    return f"{truncate(canary or '?', 14)} over {truncate(baseline or '?', 14)}"


def _extras(state: State, at: datetime | None, width: int) -> list[list[Piece]]:
    """Parts after the title, most important first: the last ones are dropped for lack of room."""
    found = [people] if (people := participants.pen_pieces(state)) else []
    risky = state.plan.risk.lower() in ("high", "critical")
    if state.plan.risk:
        found.append([Piece(f"risk {truncate(state.plan.risk, 10)}", Look.WARN if risky else Look.MUTED)])
    if versions(state):
        found.append([Piece(versions(state), Look.MUTED)])
    if state.local.operator is not None and not people:
        found.append([Piece(truncate(state.local.operator.name, 12), Look.MUTED)])
    if width >= 100:
        found.append([Piece(format.local_clock(at), Look.MUTED)])
        found.append([Piece(truncate(state.rollout, 30), Look.MUTED)])
    return found


class HeaderLine(Pane):
    """One line at the top. Bind `now` to the screen's clock to have an old State shown as such."""

    now: reactive[datetime | None] = reactive(None, repaint=False)

    def watch_now(self) -> None:
        """Draw the newer time."""
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        return header_lines(self.state, width, height, self.now)
