"""The one sentence that matters most now.

`advice_for` decides which: it is pure, and the first condition that holds wins. The widget only colors the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rich.cells import cell_len

from adapters.contract import Setting, TargetReading
from console.events.evidence import Verb
from console.state.gates import gates_for
from console.state.recovery import recoveries
from console.state.values import Drift, Mode, StageMark, State, StepMark
from widgets import format
from widgets.access_advice import approval_advice, escalation_advice, handoff_advice, pen_offer_advice
from widgets.glyphs import Advice
from widgets.line import Line, Look, Piece, fit, truncate
from widgets.pane import Pane
from widgets.rollback import rollback_advice
from widgets.verdict import fail_advice, hold_advice, still_possible, waiting_advice, warn_advice

_PERSONAL = ("pen", "authority")
"""Gates that are about this console's operator."""
LOOKS = {"calm": Look.STRONG, "warn": Look.WARN, "alarm": Look.ALARM}
GLYPHS = {"calm": "→", "warn": "▲", "alarm": "✗"}


def advice_for(state: State | None) -> Advice:
    """Level and sentence on what an operator should know or do first.

    The cause comes first, the keys that help come last.

    Args:
        state: None while nothing has arrived yet.
    """
    if state is None or state.opened_at is None:
        return "calm", "Reading every target and metric for the first time; nothing is sent"
    for look_at in _IN_ORDER:
        advice = look_at(state)
        if advice is not None:
            return advice
    return _promotion_advice(state)


def _closed_advice(state: State) -> Advice | None:
    if state.mode is not Mode.CLOSED:
        return None
    if state.rollback is not None and state.rolled_back_at is None:
        return "warn", f"Closed ({state.closed}) with the rollback UNFINISHED; nothing more is sent"
    return "calm", f"Closed ({state.closed}); nothing more is sent"


def _rolled_back_advice(state: State) -> Advice | None:
    if state.mode is not Mode.ROLLED_BACK:
        return None
    skipped = [entry.step.id for entry in state.checklist if entry.mark is StepMark.SKIPPED]
    lead = f"Rolled back without {', '.join(skipped)}" if skipped else "Rolled back"
    if state.local.journal.broken is not None:
        return "alarm", f"{lead}, UNJOURNALED, {state.local.journal.waiting} ({state.local.journal.broken})"
    looks = recoveries(state)
    if worse := [f"{look.metric} reads {look.why}" for look in looks if look.back is False]:
        return "alarm", f"{lead}, but NOT RECOVERED: {'; '.join(worse)}"
    if open_ := [look for look in looks if look.back is None]:
        more = f" (+{len(open_) - 1} more)" if len(open_) > 1 else ""
        unknown = f"{open_[0].metric}{more}: recovery not known yet ({open_[0].why})"
        return "warn" if skipped else "calm", f"{lead}; {unknown}"
    metrics = ", every metric has recovered" if looks else ""
    if skipped:
        return "warn", f"{lead}; c closes it with an override"
    return "calm", f"{lead}: every target reads as it did at the opening{metrics}; c closes the rollout"


def _in_doubt_advice(state: State) -> Advice | None:
    if not state.in_doubt:
        return None
    request = state.in_doubt[0]
    more = f" (+{len(state.in_doubt) - 1} more)" if len(state.in_doubt) > 1 else ""
    why = f" ({request.reason})" if request.reason else ""
    return (
        "alarm",
        f"IN DOUBT: {request.target} may or may not have taken {request.setting}{why}{more}; the next read shows it",
    )


def _unjournaled_advice(state: State) -> Advice | None:
    if state.local.journal.broken is None:
        return None
    unwritten = f", {state.local.journal.waiting}" if state.local.journal.held else ""
    return "alarm", f"UNJOURNALED{unwritten} ({state.local.journal.broken}): no promote, h and r work"


def _partial_advice(state: State) -> Advice | None:
    coming = state.next
    if coming is None or coming.mark not in (StageMark.PARTIAL, StageMark.FAILED) or state.halted is not None:
        return None
    word = "PARTIAL" if coming.mark is StageMark.PARTIAL else "NOT SET"
    verb = "finishes" if coming.mark is StageMark.PARTIAL else "sends again"
    trouble = coming.trouble or "not every target is as set"
    return "alarm", f"{word} {coming.stage.name} ({trouble}): p {verb}, r rolls back"


def _drift_advice(state: State) -> Advice | None:
    moved = [(name, entry.drift) for name, entry in state.targets.items() if entry.drift is not None]
    if not moved:
        return None
    name, drift = moved[0]
    more = f" (+{len(moved) - 1} more)" if len(moved) > 1 else ""
    return "alarm", f"DRIFTED {name} {drift_words(drift, state)}{more}: a accepts, r rolls back, or undo it there"


def drift_words(drift: Drift, state: State) -> str:
    """ "5 % → 20 % 40s ago by carl"."""
    who = f" by {drift.now.changed_by}" if drift.now.changed_by else ""
    return f"{drift.was} → {drift.now} {format.age(format.since(drift.since, state.as_of))} ago{who}"


def _fault_advice(state: State) -> Advice | None:
    if state.local.fault is None:
        return None
    return "alarm", f"FAULT in this console ({state.local.fault}): open another one; h and r work"


def _source_advice(state: State) -> Advice | None:
    failed = [source for source in state.sources.values() if source.failed_since is not None]
    if not failed:
        return None
    first = failed[0]
    more = f" (+{len(failed) - 1} more)" if len(failed) > 1 else ""
    span = format.duration(format.since(first.failed_since, state.as_of))
    return "alarm", f"{first.name} FAILED for {span}{more} ({first.reason}): {still_possible(state)}"


def _unplaced_advice(state: State) -> Advice | None:
    if state.mode is not Mode.UNPLACED:
        return None
    names = ["start" if number == 0 else state.stages[number - 1].stage.name for number in state.candidates]
    fits = f"the readings fit {' or '.join(names)}" if names else "the readings fit no stage"
    return "warn", f"STAGE UNKNOWN, {fits}: s chooses where this rollout stands"


def _halt_advice(state: State) -> Advice | None:
    if state.halted is None:
        return None
    decision = next((entry for entry in state.decisions if entry.id == state.halted), None)
    if decision is None:
        return "warn", "HALTED: u resumes, r rolls back"
    who = f" by {decision.who.user}" if decision.who else ""
    why = f" ({decision.reason})" if decision.reason else ""
    ago = format.age(format.since(decision.at, state.as_of))
    return "warn", f"HALTED{who} {ago} ago{why} at {exposure_words(state)}: u resumes, r rolls back"


def exposure_words(state: State) -> str:
    """What every target reads now: "edge 5 %, new-checkout off"."""
    reads = [f"{name} {_reading_words(entry.reading)}" for name, entry in state.targets.items()]
    return ", ".join(reads) or "no targets"


def _reading_words(reading: TargetReading | None) -> str:
    return "not read" if reading is None else str(reading)


def _plan_edit_advice(state: State) -> Advice | None:
    if state.local.edited is None:
        return None
    return "warn", "PLAN FILE EDITED: the rollout still runs the old plan; a shows the difference"


def _promoting_advice(state: State) -> Advice | None:
    coming = state.next
    if state.mode is not Mode.PROMOTING or coming is None:
        return None
    reads = {name: entry.reading for name, entry in state.targets.items()}
    count = sum(_is_set(reads.get(name), setting) for name, setting in coming.stage.sets.items())
    return "warn", f"{coming.stage.name} requested: {count} of {len(coming.stage.sets)} targets set so far"


def _is_set(reading: TargetReading | None, setting: Setting) -> bool:
    return reading is not None and reading.satisfies(setting)


def _one_way_advice(state: State) -> Advice | None:
    one_way = state.past_one_way
    if one_way is None or state.mode is Mode.COMPLETE:
        return None
    return "warn", f"PAST POINT OF NO RETURN ({one_way.name}): freeze or roll forward. {_promotion_advice(state)[1]}"


def _complete_advice(state: State) -> Advice | None:
    if state.mode is not Mode.COMPLETE:
        return None
    return "calm", "Complete: the last stage is confirmed; c closes the rollout"


def _promotion_advice(state: State) -> Advice:
    """Why p is closed, or where it leads."""
    closed = [gate for gate in gates_for(state, Verb.PROMOTE) if not gate.ok]
    closed.sort(key=lambda gate: gate.name in _PERSONAL)  # what holds for every operator comes first
    coming = state.next
    if closed:
        if (advice := waiting_advice(state, closed)) is not None:
            return advice
        more = f" (+{len(closed) - 1} more)" if len(closed) > 1 else ""
        how = "p is closed" if any(gate.hard for gate in closed) else "p needs an override"
        return "calm", f"{closed[0].why}{more}; {how}"
    if coming is None:
        return "calm", "No stage is left to promote to"
    if coming.stage.manual is not None:
        what = f"by hand: {coming.stage.manual}"
    else:
        what = ", ".join(f"{name} {setting}" for name, setting in coming.stage.sets.items())
    if coming.stage.one_way:
        return "warn", f"p goes to {coming.stage.name}: ONE-WAY, it cannot be rolled back ({what})"
    return "calm", f"p promotes to {coming.stage.name} ({what})"


_IN_ORDER: Sequence[Callable[[State], Advice | None]] = (
    _closed_advice,
    escalation_advice,
    rollback_advice,
    _rolled_back_advice,
    fail_advice,
    _in_doubt_advice,
    _unjournaled_advice,
    _partial_advice,
    _drift_advice,
    _fault_advice,
    _source_advice,
    hold_advice,
    _unplaced_advice,
    pen_offer_advice,
    handoff_advice,
    _halt_advice,
    _plan_edit_advice,
    warn_advice,
    _promoting_advice,
    _complete_advice,
    approval_advice,
    _one_way_advice,
)


_KEYS = re.compile(r"[:;] (?:(?:[a-z] |no promote|halted, )[^:;()]*|freeze \(h\)[^:;]*)$")
"""The keys to press, at the end of a sentence."""


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` cells.

    The keys at its end are never cut off.
    """
    keys = _KEYS.search(text)
    if keys is None or cell_len(text) <= width or cell_len(keys[0]) > width // 2:
        return truncate(text, width)
    return truncate(text[: keys.start()], width - cell_len(keys[0])) + keys[0]


def advice_lines(state: State | None, width: int, height: int) -> list[Line]:
    """Draw the sentence on one line, in the look of its level over the whole width."""
    if height <= 0:
        return []
    level, text = advice_for(state)
    look = LOOKS[level]
    line = fit([Piece(shorten(f"{GLYPHS[level]} {text}", width))], width)
    return [tuple(Piece(piece.text, look) for piece in line)]


class AdviceLine(Pane):
    """One line under the header."""

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        return advice_lines(self.state, width, height)
