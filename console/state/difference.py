"""The message for a decision that lost its race: who moved the rollout, and what its author did not see.

Pure, from the card as it was seen and the State now; the same words on the screen and headless.
"""

from __future__ import annotations

from datetime import UTC

from console.events.evidence import Card, Verb
from console.events.verbs import PEN, VERBS
from console.state.card import card_for
from console.state.intent import Intent
from console.state.requests import DecisionState
from console.state.values import State

_MOVERS = frozenset(verb for verb, spec in VERBS.items() if not spec.is_movable_past)
"""Verbs after which another decision may not be what its author thinks it is."""


def differences(seen: Card, now: Card) -> list[str]:
    """The differences between two cards, one line each: stage, targets, verdicts, gates that have closed."""
    found = []
    if seen.stage_from != now.stage_from:
        found.append(f"stood at {seen.stage_from}, stands at {now.stage_from}")
    before, after = ({each.target: each.reads for each in card.targets} for card in (seen, now))
    verdicts, verdicts_now = ({each.metric: each.verdict for each in card.metrics} for card in (seen, now))
    for was, became in ((before, after), (verdicts, verdicts_now)):
        found += [f"{name} {was[name]} -> {word}" for name, word in became.items() if was.get(name, word) != word]
    closed = {gate.why for gate in seen.gates if not gate.ok}
    return found + [gate.why for gate in now.gates if gate.hard and not gate.ok and gate.why not in closed]


def last_mover(state: State, seen: int | None, but: str | None = None) -> DecisionState | None:
    """The last decision that counts and that an author who had seen the events up to `seen` did not know of.

    Args:
        seen: seq of the last event seen; None where that is not known: then the last forward move.
        but: id of the decision that lost.
    """
    counted = (entry for entry in reversed(state.decisions) if not entry.void and entry.id != but)
    movers = (entry for entry in counted if entry.verb in _MOVERS)
    if seen is None:
        return next((entry for entry in movers if entry.verb is Verb.PROMOTE or entry.verb in PEN), None)
    return next((entry for entry in movers if entry.seq is None or entry.seq > seen), None)


def lost_race_line(state: State, verb: Verb, intent: Intent | None, but: str | None = None) -> str:
    """The line for the author who lost: "promote refused: moved by ana@bastion-1 pid 7 at ..: ..; you saw .., now ..".

    Args:
        state: assessed, with the winner's events in it.
        intent: with what its author saw; None where nothing is known of that.
        but: id of the decision that lost, if it was recorded.
    """
    said = f"{verb} refused: moved"
    last = last_mover(state, intent.seen if intent is not None else None, but)
    if last is not None:
        by = "" if last.who is None else f" by {last.who.name_at_host} pid {last.who.pid}"
        said += f"{by} at {last.at.astimezone(UTC):%H:%M:%S}Z: {_decision_text(last)}"
    reached = "unknown" if state.reached is None else f"{state.reached} of {len(state.stages)} reached"
    seen = "" if intent is None or intent.stage is None else f"you saw {intent.stage} stages reached, "
    now = f"{seen}now {reached}"
    if intent is not None and intent.card is not None:
        other = differences(intent.card, card_for(state, verb, intent.subject))
        now += f": {'; '.join(other)}" if other else ""
    return f"{said}; {now}; look again"


def _decision_text(entry: DecisionState) -> str:
    """The effect of a decision in words: "promote to five is under way", "took the pen: lunch is over"."""
    why = f" ({entry.reason})" if entry.reason else ""
    if entry.verb is Verb.PROMOTE:
        became = "is under way" if entry.outcome in ("recorded", "requested") else entry.outcome
        return f"promote to {entry.card.stage_to} {became}"
    if entry.verb is Verb.TAKE:
        return f"took the pen{why}"
    return f"{entry.verb}{f' {entry.subject}' if entry.subject else ''}{why}"
