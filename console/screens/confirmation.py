"""How a decision is confirmed, and whether it still can be. Pure: from the State now and the card as opened.

Going safer costs one more key. Going forward costs a key of its own, a typed word where it is done by hand, and a word
with a reason where a gate is closed. An open card may become stricter, never milder: an operator who is typing a word
must not confirm by a letter of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from console.events.evidence import Card, Gate, Verb
from console.events.verbs import PEN, SAFER
from console.state.gates import needs_reason, typed_word
from console.state.values import State


@dataclass(frozen=True, slots=True)
class CardAtOpening:
    """Card and position of the rollout when the card was opened."""

    card: Card
    reached: int | None
    move: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The keys and texts that confirm a card now."""

    key: str = "enter"
    """The key that confirms, "enter" or "y"."""
    word: str | None = None
    """A word to be typed first, exactly; None without one."""
    reason: bool = False
    """Whether a reason is required."""
    override: bool = False
    """Whether confirming overrides closed gates."""
    refused: str | None = None
    """Why it cannot be confirmed at all, one line."""

    def missing(self, word: str, reason: str) -> str | None:
        """The next thing to type, given the text so far; None if nothing is missing."""
        typed = word.strip()
        if self.word is not None and typed != self.word:
            wrong = f"‹{typed}› is not ‹{self.word}›: " if not self.word.startswith(typed) else ""
            return f"{wrong}type {self.word} first"
        if self.reason and not reason.strip():
            return "give a reason first"
        return None


def confirmation_for(state: State, card: Card, opened: CardAtOpening, subject: str | None = None) -> Confirmation:
    """How `card` is confirmed now, given how it was when opened; `subject` as in Intent."""
    if card.block_reason is not None:
        return Confirmation(refused=card.block_reason)
    if card.verb in SAFER:
        # A rollback needs a reason only where it may do harm; one that has started was confirmed then.
        word = typed_word(state, card.verb)
        return Confirmation(word=word, reason=word is not None)
    at_first = _forward(state, opened.card, subject)
    if card.verb not in PEN and (state.reached, state.move) != (opened.reached, opened.move):
        return replace(at_first, refused=f"OUTDATED: {describe_move(state, opened)}")
    obstacles = new_obstacles(opened.card, card)
    if obstacles:
        return replace(at_first, refused=f"changed since this card was opened: {'; '.join(obstacles)}")
    return replace(at_first, override=at_first.override and card.override is not None)


def _forward(state: State, card: Card, subject: str | None) -> Confirmation:
    """Confirmation of a verb that adds risk, by the card as it was opened."""
    if card.block_reason is not None:
        return Confirmation(refused="not possible when this card was opened")
    if card.verb in PEN and needs_reason(state, card.verb):
        return Confirmation(reason=True)
    if card.override is not None:
        word = card.stage_to if card.verb is Verb.PROMOTE else card.verb.value
        return Confirmation(word=word, reason=True, override=True)
    typed = typed_word(state, card.verb, subject)
    return Confirmation(key="y") if typed is None else Confirmation(word=typed, reason=needs_reason(state, card.verb))


def describe_move(state: State, opened: CardAtOpening) -> str:
    """Where the rollout stands now, and who moved it last, as far as known."""
    since = [entry for entry in state.decisions if entry.at >= opened.card.as_of and entry.verb is not Verb.HALT]
    who = f" by {since[-1].who.name}" if since and since[-1].who is not None else ""
    where = "an unknown stage" if state.reached is None else f"stage {state.reached}"
    name = f" ({state.current.stage.name})" if state.current is not None else ""
    return f"the rollout was moved to {where}{name}{who}"


def _key(gate: Gate, repeated: frozenset[str]) -> str:
    """Identity of a gate across two cards: its name, with its subject where several share the name."""
    return f"{gate.name} {gate.why.split(' ', 1)[0].rstrip(':')}" if gate.name in repeated else gate.name


def new_obstacles(before: Card, after: Card) -> list[str]:
    """Gates that closed and verdicts that became a fail since `before`, in words."""
    counted = Counter(gate.name for gate in before.gates) | Counter(gate.name for gate in after.gates)
    repeated = frozenset(name for name, count in counted.items() if count > 1)
    closed = {_key(gate, repeated) for gate in before.gates if not gate.ok}
    found = [gate.why for gate in after.gates if not gate.ok and _key(gate, repeated) not in closed]
    was = {metric.metric: metric.verdict for metric in before.metrics}
    for metric in after.metrics:
        is_listed = any(why.startswith(f"{metric.metric} ") for why in found)
        if metric.verdict == "fail" != was.get(metric.metric) and metric.role != "info" and not is_listed:
            found.append(f"{metric.metric} FAIL: {metric.reason}")
    return found


def changes(before: Card, after: Card) -> list[str]:
    """Differences of `after` for a reader of `before`, a line each: verdicts, gates, calls, stage."""
    was = {metric.metric: metric.verdict for metric in before.metrics}
    found = [
        f"{metric.metric}: {was[metric.metric]} → {metric.verdict}"
        for metric in after.metrics
        if metric.metric in was and was[metric.metric] != metric.verdict
    ]
    if (before.stage_from, before.stage_to) != (after.stage_from, after.stage_to):
        found.append(f"was {before.stage_from} → {before.stage_to}")
    if before.calls != after.calls:
        found.append("the calls have changed")
    names = {gate.name for gate in after.gates if not gate.ok}
    found += [f"{gate.name}: now open" for gate in before.gates if not gate.ok and gate.name not in names]
    return found
