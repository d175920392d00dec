"""Check an intent against the state it meets. Pure."""

from __future__ import annotations

from adapters.sanitize import one_line
from console.events.evidence import Card, Verb
from console.events.verbs import SAFER
from console.state.before import parse_before
from console.state.card import card_for, wanted_settings
from console.state.gates import needs_reason, typed_word, why_unfit
from console.state.intent import Intent
from console.state.values import State


def refusal(state: State, intent: Intent, card: Card, *, has_valid_edit: bool) -> str | None:
    """Why an intent is refused, or None.

    Args:
        card: of its verb, made from `state`.
        has_valid_edit: the plan file holds an edited plan without errors.
    """
    verb = card.verb
    if state.local.observing and verb not in SAFER:
        return "this console only observes"
    if card.block_reason is not None:
        return card.block_reason
    if needs_reason(state, verb) and not one_line(intent.reason):
        return f"{card.override}: give a reason" if card.override is not None else "it needs a reason"
    if card.override is not None and not (intent.override or verb is Verb.TAKE):
        return f"{card.override}; override with a reason"
    if card.override is not None and not one_line(intent.reason):
        return "an override needs a reason"
    if (problem := _subject_problem(state, verb, intent, has_valid_edit=has_valid_edit)) is not None:
        return problem
    word = typed_word(state, verb, intent.subject)
    if word is not None and intent.typed.strip() != word:
        return f"it has to be confirmed by typing {word!r}"
    return None


def _subject_problem(state: State, verb: Verb, intent: Intent, *, has_valid_edit: bool) -> str | None:
    """Why the subject of the intent cannot be meant, or None."""
    if verb is Verb.PLACE and intent.before:
        before = parse_before(state, intent.before)
        if isinstance(before, str) or intent.subject is None:
            return before if isinstance(before, str) else None
    if (problem := why_unfit(state, verb, intent.subject)) is not None:
        return problem
    if verb is not Verb.ACCEPT:
        return None
    if (problem := _newer_drift(state, intent)) is not None:
        return problem
    return state.local.edited if intent.subject == "plan" and not has_valid_edit else None


def _newer_drift(state: State, intent: Intent) -> str | None:
    """Why a drift on the card is not the one that stands now, or None: only the one on the card is accepted."""
    if intent.card is None:
        return None
    seen, reads = (
        next((entry.reads for entry in card.targets if entry.target == intent.subject), None)
        for card in (intent.card, card_for(state, Verb.ACCEPT))
    )
    return None if seen == reads else f"{intent.subject} moved again: you saw {seen}, it reads {reads}"


def is_outdated(state: State, intent: Intent) -> bool:
    """Whether the rollout was moved after the intent's author looked."""
    if intent.move not in (None, state.move) or intent.stage not in (None, state.reached):
        return True
    return any(_has_moved_since(state, name, intent.card) for name in wanted_settings(state, Verb.PROMOTE))


def _has_moved_since(state: State, name: str, card: Card | None) -> bool:
    """Whether a target whose backend owns its steps stands elsewhere than on `card`."""
    reading = state.targets[name].reading
    if card is None or reading is None or reading.steps is None:
        return False
    return card.version_token(name) != reading.versions.revision
