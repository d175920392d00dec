"""The decision log, newest first: who decided what, when and with what outcome, and other events."""

from __future__ import annotations

from collections.abc import Sequence

from console.events.evidence import Actor
from console.state.requests import DecisionState
from console.state.unbelieved import unbelieved_text
from console.state.values import NoteState, State
from widgets import format
from widgets.glyphs import OUTCOMES
from widgets.line import Line, Look, Piece, align_left, truncate
from widgets.pane import Pane


def entries(state: State) -> list[DecisionState | NoteState]:
    """Decisions and notes in one list, newest first; at the same moment the later record comes first."""
    both: list[DecisionState | NoteState] = [*state.log, *state.decisions]
    return sorted(both, key=lambda entry: entry.at)[::-1]


def log_lines(state: State | None, width: int, height: int) -> list[Line]:
    """Draw a title and as many entries as fit."""
    if height <= 0:
        return []
    found = entries(state) if state is not None else []
    unbelieved = _unbelieved_lines(state, width)[: height - 1] if state is not None else []
    if state is None or not found:
        return [(Piece("LOG", Look.TITLE), Piece("  nothing decided yet", Look.MUTED)), *unbelieved]
    shown = select_entries(found, height - 1 - len(unbelieved))
    folded = sum(_is_noise(entry) for entry in found) - sum(_is_noise(entry) for entry in shown)
    older = len(found) - len(shown) - folded
    hidden = f", {older} older not shown" if older else ""
    hidden += f", {folded} verdict and source lines hidden" if folded else ""
    title: list[Piece] = [Piece("LOG", Look.TITLE)]
    if state.local.journal.held:
        title += [Piece("  "), Piece(f"{state.local.journal.held} NOT WRITTEN YET", Look.ALARM)]
    if state.unrecognised:
        title.append(Piece(f"  {state.unrecognised} events of a newer version", Look.WARN))
    title.append(Piece(f"  newest first, UTC{hidden}", Look.MUTED))
    return [tuple(title), *unbelieved, *[_line(entry) for entry in shown]]


def _unbelieved_lines(state: State, width: int) -> list[Line]:
    """One line on the rows of the journal that are not believed: it stays, and takes no room from the verdict."""
    text = unbelieved_text(state)
    return [] if text is None else [(Piece(truncate(f"▲ {text}", width), Look.WARN),)]


def _is_noise(entry: DecisionState | NoteState) -> bool:
    """Whether an entry is a change of a verdict or a source: frequent, and shown by the panes above."""
    return isinstance(entry, NoteState) and entry.kind in ("verdict", "source")


def select_entries(found: Sequence[DecisionState | NoteState], rows: int) -> list[DecisionState | NoteState]:
    """The entries for `rows` rows, newest first; decisions and moves come before verdicts and sources.

    Of the latter only the newest one or two are shown, unless there is room to spare.
    """
    first = [entry for entry in found if not _is_noise(entry)]
    spare = rows - len(first)
    changes = [entry for entry in found if _is_noise(entry)][: max(spare, min(rows // 3, 2))]
    first = first[: max(rows - len(changes), 0)]
    chosen = {id(entry) for entry in (*first, *changes)}
    return [entry for entry in found if id(entry) in chosen]


def _line(entry: DecisionState | NoteState) -> Line:
    if isinstance(entry, NoteState):
        return (
            Piece(f"{format.clock(entry.at)[:8]} ", Look.MUTED),
            Piece(f"{align_left(_who(entry.who), 8)} ", Look.MUTED),
            Piece(f"{align_left(entry.kind, 8)} ", Look.MUTED),
            Piece(entry.text),
        )
    return (
        Piece(f"{format.clock(entry.at)[:8]} "),
        Piece(f"{align_left('on_fail' if entry.automatic else _who(entry.who), 8)} ", Look.STRONG),
        Piece(f"{align_left(entry.verb.value, 8)} ", Look.STRONG),
        *((Piece("NOT WRITTEN", Look.ALARM), Piece(" ")) if entry.seq is None else ()),
        Piece(entry.outcome, OUTCOMES.get(entry.outcome, Look.PLAIN)),
        Piece(f"  {_where(entry)}"),
        Piece(f"  OVERRODE {entry.override}" if entry.override else "", Look.WARN),
        Piece(f"  VOID: {entry.void}" if entry.void else "", Look.WARN),
        Piece(f"  {entry.reason}" if entry.reason else "", Look.MUTED),
    )


def _who(who: Actor | None) -> str:
    return who.name if who is not None else "-"


def _where(entry: DecisionState) -> str:
    """The subject of a decision, or from which stage it goes to which."""
    if entry.subject is not None:
        return entry.subject
    card = entry.card
    return card.stage_from if card.stage_from == card.stage_to else f"{card.stage_from} → {card.stage_to}"


class DecisionLog(Pane):
    """The pane of decisions and events, newest first."""

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        return log_lines(self.state, width, height)
