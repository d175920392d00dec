"""The exposure line: what every target reads now, whatever the stages and the plan say."""

from __future__ import annotations

from console.state.values import Mode, StageMark, State, StepMark, TargetState
from widgets import format
from widgets.glyphs import DRIFTED, STAGES, STEPS
from widgets.line import Line, Look, Piece, length
from widgets.pane import Pane
from widgets.stepped_target import stepped_target_text


def exposure_lines(state: State | None, width: int, height: int) -> list[Line]:
    """ "NOW  edge 5 % · new-checkout off" with drift, doubt and a partly set stage; one line."""
    if height <= 0:
        return []
    title = Piece("NOW", Look.TITLE)
    if state is None or not state.targets:
        return [(title, Piece("  nothing read yet", Look.MUTED))]
    targets = [_target(entry, state) for entry in state.targets.values()]
    partial = (*_mismatch(state), *_partial(state))
    room = width - length(partial) - 5
    if sum(length(line) for line in targets) + 3 * (len(targets) - 1) > room:
        # Trouble must not be the part that is cut off.
        targets.sort(key=lambda line: all(piece.look is Look.STRONG for piece in line))
    shown = [piece for index, line in enumerate(targets) for piece in ((Piece(" · "),) * (index > 0) + line)]
    return [(title, Piece("  "), *partial, *shown)]


def _target(entry: TargetState, state: State) -> Line:
    name = entry.target.name
    if entry.reading is None:
        return (Piece(f"{name} not read", Look.WARN),)
    line: Line = (Piece(f"{name} {entry.reading}", Look.STRONG),)
    if entry.reading.steps is not None:
        line = stepped_target_text(name, entry.reading, state.as_of, promoted=state.mode is Mode.PROMOTING)
    if entry.drift is not None:
        line = (Piece(f"{DRIFTED} {name} {entry.reading}, was {entry.drift.was}", DRIFTED.look),)
    source = state.sources.get(entry.target.backend)
    if source is not None and source.failed_since is not None:
        line = (*line, Piece(f" ({format.age(format.since(entry.read_at, state.as_of))} ago)", Look.WARN))
    if any(request.target == name for request in state.in_doubt):
        line = (*line, Piece(f" {STEPS[StepMark.IN_DOUBT]}", Look.ALARM))
    return line


def _partial(state: State) -> Line:
    coming = state.next
    if coming is None or coming.mark is not StageMark.PARTIAL or state.rollback is not None:
        return ()
    mark = STAGES[coming.mark]
    return (Piece(f"{mark} {coming.stage.name}", mark.look), Piece("  "))


def _mismatch(state: State) -> Line:
    """Warn that the canary gets another share of the traffic than was set: its metrics mislead."""
    share = state.stage_verdict.mismatch if state.stage_verdict is not None else None
    if share is None:
        return ()
    return (Piece(f"! TRAFFIC MISMATCH, canary gets {format.percent(share)}", Look.WARN), Piece("  "))


class ExposureLine(Pane):
    """One line above the stages."""

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        return exposure_lines(self.state, width, height)
