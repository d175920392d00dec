"""A target whose backend owns the steps, in a few words: its share, its step, and why it waits."""

from __future__ import annotations

from datetime import datetime

from adapters.contract import Phase, StepsReading, TargetReading, Wait
from console.state.values import State
from widgets import format
from widgets.line import Line, Look, Piece

_NO_STEPS = StepsReading(step=0, count=0)
_WAITS = {
    Wait.GATE: "waits for a promote",
    Wait.MANUAL: "PAUSED BY HAND",
    Wait.JUDGEMENT: "INCONCLUSIVE: accept or roll back",
}


def stepped_target_text(name: str, reading: TargetReading, as_of: datetime | None, *, promoted: bool = False) -> Line:
    """ "api 18 % of 20 %, step 1/4 pause, waits for a promote".

    A release that waits and has no version name yet stands last: "..: cart:2 (template 5d41402a)". `promoted`: the
    backend has not taken a promote yet.
    """
    share = "?" if reading.percent is None else f"{reading.percent:.3g} %"
    steps = reading.steps or _NO_STEPS
    wanted = steps.desired
    if wanted is not None and reading.percent is not None and abs(wanted - reading.percent) >= 0.5:
        share += f" of {wanted:.3g} %"
    line: Line = (Piece(f"{name} {share}", Look.STRONG),)
    if steps.count and not steps.at_rest:
        there = steps.own[steps.step].text if steps.step < len(steps.own) else "all done"
        line = (*line, Piece(f", step {steps.step}/{steps.count} {there}"))
    wait = waiting_piece(reading, as_of)
    if promoted and steps.waits is Wait.GATE:
        wait = Piece("promoted, still at its gate", Look.WARN)
    line = line if wait is None else (*line, Piece(", "), wait)
    release = reading.versions.release
    unnamed = release is not None and reading.versions.canary is None and not steps.at_rest
    return (*line, Piece(f": {release}")) if unnamed and wait is not None else line


def waiting_piece(reading: TargetReading, as_of: datetime | None) -> Piece | None:
    """Why the target stays at its step, with the rest of a timed pause; None while it advances."""
    if reading.phase is Phase.ABORTED:
        return Piece("ABORTED", Look.ALARM)
    if reading.phase is Phase.DEGRADED:
        return Piece("DEGRADED", Look.ALARM)
    steps = reading.steps or _NO_STEPS
    if steps.waits is Wait.TIMER:
        left_s = (steps.until - as_of).total_seconds() if steps.until is not None and as_of is not None else None
        when = "on a timer" if left_s is None else f"in {format.duration(max(left_s, 0.0))}"
        return Piece(f"continues {when}", Look.WARN)
    words = _WAITS.get(steps.waits) if steps.waits is not None else None
    return None if words is None else Piece(words, Look.WARN)


def backend_notes(state: State) -> list[str]:
    """Remarks of the backends on their targets: analyses, other owners."""
    return [
        f"{name}: {note}"
        for name, entry in state.targets.items()
        if entry.reading is not None and entry.reading.steps is not None
        for note in entry.reading.notes
    ]
