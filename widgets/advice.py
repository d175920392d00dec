"""The one sentence that matters most now: the first condition that holds wins. The widget only colors it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from rich.cells import cell_len
from textual.reactive import reactive

from console.events.evidence import Verb
from console.state import approvals, escalation
from console.state.before import asked_targets
from console.state.clocks import clock_lines
from console.state.gates import gates_for, why_not
from console.state.recovery import recoveries
from console.state.rollout_marks import mark_lines
from console.state.values import Drift, Mode, StageMark, State, StepMark
from widgets import format, participants
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
    """Level and sentence on what an operator should know or do first: the cause, then the keys that help."""
    if state is None or state.opened_at is None:
        return "calm", "Reading every target and metric for the first time; nothing is sent"
    return next(_advices(state))


def _advices(state: State) -> Iterator[Advice]:
    """Every sentence that applies now, the one that matters most first."""
    if state.mode is Mode.CLOSED and state.rollback is not None and state.rolled_back_at is None:
        yield "warn", f"Closed ({state.closed}) with the rollback UNFINISHED; nothing more is sent"
    if state.mode is Mode.CLOSED:
        yield "calm", f"Closed ({state.closed}); nothing more is sent"
    yield from _sentences(state, _escalation_advice, rollback_advice, _rolled_back_advice, fail_advice)
    yield from _troubles(state)
    yield from _sentences(state, hold_advice)
    if state.mode is Mode.UNPLACED:
        names = ["start" if number == 0 else state.stages[number - 1].stage.name for number in state.candidates]
        fits = f"the readings fit {' or '.join(names)}" if names else "the readings fit no stage"
        yield "warn", f"STAGE UNKNOWN, {fits}: s chooses where this rollout stands"
    for name in asked_targets(state):
        yield "warn", f"BEFORE UNKNOWN: {name} read {state.targets[name].opening} at the opening; s says what it was"
    if marks := mark_lines(state):
        yield "warn", f"{marks[0][:1].upper()}{marks[0][1:]}{_more_text(marks)}: p needs an override, h and r work"
    me, pen = state.local.operator, state.pen
    if me is not None and pen.holder is not None and pen.offered_to(me):
        yield "warn", f"{pen.holder.name} OFFERS YOU THE PEN{f' ({pen.note})' if pen.note else ''}: t takes it"
    if state.handoff is not None:
        yield "warn", f"{participants.handoff_text(state)}; t takes the pen"
    yield from _sentences(state, _halt_advice)
    if state.local.edited is not None:
        yield "warn", "PLAN FILE EDITED: the rollout still runs the old plan; a shows the difference"
    yield from _sentences(state, warn_advice, _promoting_advice)
    if state.mode is Mode.COMPLETE:
        yield "calm", "Complete: the last stage is confirmed; c closes the rollout"
    yield from _sentences(state, _approval_advice)
    promotion = _promotion_advice(state)
    off = clock_lines(state)
    if (one_way := state.past_one_way) is not None:
        yield "warn", f"PAST POINT OF NO RETURN ({one_way.name}): freeze or roll forward. {promotion[1]}"
    if off:
        yield "warn", f"{off[0][:1].upper()}{off[0][1:]}{_more_text(off)}. {promotion[1]}"
    yield promotion


def _sentences(state: State, *advices: Callable[[State], Advice | None]) -> Iterator[Advice]:
    """The sentences of those `advices` that have one, in their order; the later ones are looked up only when needed."""
    return filter(None, (advice_on(state) for advice_on in advices))


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
        unknown = f"{open_[0].metric}{_more_text(open_)}: recovery not known yet ({open_[0].why})"
        return "warn" if skipped else "calm", f"{lead}; {unknown}"
    metrics = ", every metric has recovered" if looks else ""
    if skipped:
        return "warn", f"{lead}; c closes it with an override"
    if marks := mark_lines(state):
        return "warn", f"{lead}; {marks[0]}{_more_text(marks)}: c closes the rollout"
    return "calm", f"{lead}: every target reads as it did at the opening{metrics}; c closes the rollout"


def _troubles(state: State) -> Iterator[Advice]:
    """Calls, journal, targets, console and sources that are not as they should be."""
    if state.in_doubt:
        request = state.in_doubt[0]
        why = f" ({request.reason})" if request.reason else ""
        doubt = f"{request.target} may or may not have taken {request.setting}{why}{_more_text(state.in_doubt)}"
        yield "alarm", f"IN DOUBT: {doubt}; the next read shows it"
    journal = state.local.journal
    if journal.broken is not None:
        unwritten = f", {journal.waiting}" if journal.held else ""
        yield "alarm", f"UNJOURNALED{unwritten} ({journal.broken}): no promote, h and r work"
    coming = state.next
    if coming is not None and coming.mark in (StageMark.PARTIAL, StageMark.FAILED) and state.halted is None:
        word, verb = ("PARTIAL", "finishes") if coming.mark is StageMark.PARTIAL else ("NOT SET", "sends again")
        trouble = coming.trouble or "not every target is as set"
        yield "alarm", f"{word} {coming.stage.name} ({trouble}): p {verb}, r rolls back"
    if drifts := [(name, entry.drift) for name, entry in state.targets.items() if entry.drift is not None]:
        name, drift = drifts[0]
        words = f"{name} {drift_words(drift, state)}{_more_text(drifts)}"
        yield "alarm", f"DRIFTED {words}: a accepts, r rolls back, or undo it there"
    if state.local.fault is not None:
        yield "alarm", f"FAULT in this console ({state.local.fault}): open another one; h and r work"
    if failed := [source for source in state.sources.values() if source.failed_since is not None]:
        first = failed[0]
        span = format.duration(format.since(first.failed_since, state.as_of))
        yield "alarm", f"{first.name} FAILED for {span}{_more_text(failed)} ({first.reason}): {still_possible(state)}"


def _more_text(found: Sequence[object]) -> str:
    """ " (+2 more)" after the first of several."""
    return f" (+{len(found) - 1} more)" if len(found) > 1 else ""


def drift_words(drift: Drift, state: State) -> str:
    """ "5 % → 20 % 40s ago by carl"."""
    who = f" by {drift.now.changed_by}" if drift.now.changed_by else ""
    return f"{drift.was} → {drift.now} {format.age(format.since(drift.since, state.as_of))} ago{who}"


def _halt_advice(state: State) -> Advice | None:
    if state.halted is None:
        return None
    decision = next((entry for entry in state.decisions if entry.id == state.halted), None)
    if decision is None:
        return "warn", "HALTED: u resumes, r rolls back"
    who = f" by {decision.who.name}" if decision.who else ""
    why = f" ({decision.reason})" if decision.reason else ""
    ago = format.age(format.since(decision.at, state.as_of))
    return "warn", f"HALTED{who} {ago} ago{why} at {exposure_words(state)}: u resumes, r rolls back"


def exposure_words(state: State) -> str:
    """The reading of every target: "edge 5 %, new-checkout off"."""
    return ", ".join(f"{name} {entry.reading or 'not read'}" for name, entry in state.targets.items()) or "no targets"


def _promoting_advice(state: State) -> Advice | None:
    coming = state.next
    if state.mode is not Mode.PROMOTING or coming is None:
        return None
    reads = {name: entry.reading for name, entry in state.targets.items() if entry.reading is not None}
    count = sum(name in reads and reads[name].satisfies(setting) for name, setting in coming.stage.sets.items())
    return "warn", f"{coming.stage.name} requested: {count} of {len(coming.stage.sets)} targets set so far"


def _promotion_advice(state: State) -> Advice:
    """Why p is closed, or where it leads."""
    closed = [gate for gate in gates_for(state, Verb.PROMOTE) if not gate.ok]
    closed.sort(key=lambda gate: gate.name in _PERSONAL)  # what holds for every operator comes first
    coming = state.next
    if closed:
        if (advice := waiting_advice(state, closed)) is not None:
            return advice
        how = "p is closed" if any(gate.hard for gate in closed) else "p needs an override"
        return "calm", f"{closed[0].why}{_more_text(closed)}; {how}"
    if coming is None:
        return "calm", "No stage is left to promote to"
    if coming.stage.manual is not None:
        what = f"by hand: {coming.stage.manual}"
    else:
        what = ", ".join(f"{name} {setting}" for name, setting in coming.stage.sets.items())
    if coming.stage.one_way:
        return "warn", f"p goes to {coming.stage.name}: ONE-WAY, it cannot be rolled back ({what})"
    return "calm", f"p promotes to {coming.stage.name} ({what})"


def _escalation_advice(state: State) -> Advice | None:
    """Name the person to call, once no one has acted for the time of a rung."""
    reached, trouble = escalation.current_call(state), escalation.current_trouble(state)
    if reached is None or trouble is None:
        return None
    span = format.duration(format.since(trouble.since, state.as_of))
    return "alarm", f"CALL {reached.call}: no action on {trouble.what} for {span}: r rolls back, h halts"


def _approval_advice(state: State) -> Advice | None:
    """Ask this console's operator to approve when nothing else keeps a promote from going."""
    needed = approvals.needed_approvals(state)
    if needed == 0 or state.next is None or why_not(state, Verb.APPROVE) is not None:
        return None
    count = len(approvals.valid_approvals(state))
    waits = [gate for gate in gates_for(state, Verb.PROMOTE) if not gate.ok and gate.name not in ("pen", "approval")]
    if count >= needed or waits:
        return None
    return (
        "warn",
        f"{state.next.stage.name} WAITS FOR APPROVAL ({count} of {needed}): v shows the change and approves it",
    )


_KEYS = re.compile(r"[:;] (?:(?:[a-z] |no promote|halted, )[^:;()]*|freeze \(h\)[^:;]*)$")
"""The keys to press, at the end of a sentence."""


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` cells; the keys at its end are never cut off."""
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
    """One line under the header: advice, or the answer to the operator's last key until the next one."""

    answer: reactive[str | None] = reactive(None, repaint=False)
    """Text shown instead of the advice; None for the advice."""

    def watch_answer(self) -> None:
        """Draw the newer answer."""
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        if self.answer is None:
            return advice_lines(self.state, width, height)
        return [fit([Piece(f"▲ {self.answer}", Look.WARN)], width)]
