"""The table of verbs: what is declared about each, in one place.

Keys, commands, completion, cards and the groups of verbs below are made from it. Behavior is not here: it stands in
`match` statements over all verbs (gates, decisions, actions, the application), so that a new verb that is missing
somewhere does not type-check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from console.events.evidence import Verb


class Risk(Enum):
    """Which way a verb moves exposure."""

    FORWARD = auto()
    """It takes on risk: it carries a `move` number and loses a race."""
    SAFER = auto()
    """It never waits for bookkeeping and never loses a race."""
    NEUTRAL = auto()


class PenUse(Enum):
    """The relation of a verb to the pen."""

    NEEDED = auto()
    """Only its holder may; a free pen is taken along."""
    SUBJECT = auto()
    """The verb is about the pen itself."""
    NONE = auto()


class ReasonRule(Enum):
    """When a verb asks for a reason; an override always does."""

    NEVER = auto()
    ALWAYS = auto()
    AT_SOFT_GATE = auto()
    """While a soft gate is closed: the pen is taken from its holder."""


@dataclass(frozen=True, slots=True)
class VerbKey:
    """The key that opens a verb's card."""

    letter: str
    help: str
    """One sentence: its effect, and how it is confirmed."""
    on_line: bool = True
    """Whether the key line shows it; help and palette show all."""


@dataclass(frozen=True, slots=True)
class SubjectArgument:
    """The argument of a verb's command that says what it is about."""

    name: str
    """An option, or "subject" for a positional argument."""
    metavar: str
    help: str
    many: bool = False
    """It takes several words."""


@dataclass(frozen=True, slots=True)
class VerbSpec:
    """One verb."""

    summary: str
    """Help of its command, one line."""
    effect: str
    """Effect of confirming its card, in words that follow the key ("promotes")."""
    key: VerbKey | None = None
    """None: its card is reached with the key of another verb (`shares_key`)."""
    risk: Risk = Risk.NEUTRAL
    pen: PenUse = PenUse.NONE
    shape: int = 1
    """Shape `v` of a decision with it: an older version keeps a newer shape unread."""
    shares_key: Verb | None = None
    subject: SubjectArgument | None = None
    reason: ReasonRule = ReasonRule.NEVER
    needs_authority: bool = False
    """Whether the plan's `authority` for it is a gate of its own; approval and pen have their own gates."""
    is_movable_past: bool = False
    """Whether a decision with it leaves other decisions as their authors saw them."""
    opens_when_closed: bool = False
    """Whether its card opens although a hard gate is closed, to say which."""
    is_on_time_axis: bool = False
    """Whether the charts mark its decisions, with the letter of its key."""


VERBS: Mapping[Verb, VerbSpec] = {
    Verb.PROMOTE: VerbSpec(
        "go to the next stage, if its gates hold",
        "promotes",
        risk=Risk.FORWARD,
        pen=PenUse.NEEDED,
        key=VerbKey(
            "p",
            "Go to the next stage, or finish one that is partly set. Opens the card; y confirms. To override a closed "
            "gate: type the stage's name and give a reason.",
        ),
        needs_authority=True,
        opens_when_closed=True,
        is_on_time_axis=True,
    ),
    Verb.HALT: VerbSpec(
        "block every promote until resume",
        "halts",
        risk=Risk.SAFER,
        key=VerbKey(
            "h",
            "Block every promote until resume; exposure stays as it is. Opens the card, from any other card too; enter "
            "confirms. Always possible.",
        ),
        opens_when_closed=True,
        is_on_time_axis=True,
    ),
    Verb.RESUME: VerbSpec(
        "end a halt",
        "resumes",
        pen=PenUse.NEEDED,
        key=VerbKey("u", "End a halt. Opens the card; y confirms."),
        needs_authority=True,
        is_on_time_axis=True,
    ),
    Verb.ROLLBACK: VerbSpec(
        "carry out the rollback checklist, or continue it",
        "rolls back",
        risk=Risk.SAFER,
        key=VerbKey(
            "r",
            "Take everything back to how it was at the opening, continue an interrupted rollback, or confirm its "
            "manual step. Opens the card, from any other card too; enter confirms. Past a one-way stage: type rollback "
            "and give a reason.",
        ),
        opens_when_closed=True,
        is_on_time_axis=True,
    ),
    Verb.SKIP: VerbSpec(
        "skip a rollback step, for a reason",
        "skips it",
        key=VerbKey(
            "x",
            "Skip a rollback step that cannot be done, or let go a target of an earlier plan. "
            "Opens the card; type the step's name and give a reason.",
            on_line=False,
        ),
        shape=2,
        subject=SubjectArgument("subject", "STEP", "the step's id"),
        reason=ReasonRule.ALWAYS,
    ),
    Verb.ORDER: VerbSpec(
        "give a backend one of its own orders: skip, retry, undo 4, ..",
        "gives the order",
        pen=PenUse.NEEDED,
        key=VerbKey(
            "d",
            "Give a backend one of its own orders: skip a step, retry, promote in full, undo to a revision. Choose "
            "one; the card opens; type the order's word.",
            on_line=False,
        ),
        shape=2,
        subject=SubjectArgument("subject", "WORD", 'TARGET ORDER: "api retry", "api undo 4"', many=True),
    ),
    Verb.ACCEPT: VerbSpec(
        "accept a drifted target or an edited plan",
        "accepts it",
        pen=PenUse.NEEDED,
        key=VerbKey(
            "a",
            "Accept a drift (a change made outside this rollout), or an edited plan file. Opens the card; y confirms.",
        ),
        subject=SubjectArgument("--subject", "WHAT", 'a target, "plan", or "pen" when it is offered'),
        needs_authority=True,
    ),
    Verb.PLACE: VerbSpec(
        "say where an ambiguous opening stands, and what was before",
        "sets this stage",
        pen=PenUse.NEEDED,
        key=VerbKey(
            "s",
            "Choose the stage at which the rollout stands, or say what a target was before it, where the readings "
            "leave that open.",
        ),
        subject=SubjectArgument("--subject", "WHAT", "stages reached: a number"),
        needs_authority=True,
    ),
    Verb.TAKE: VerbSpec(
        "take the pen: a free or an offered one; from its holder with --reason",
        "takes the pen",
        pen=PenUse.SUBJECT,
        key=VerbKey(
            "t",
            "Take the pen: only its holder moves the rollout forward. Opens the card; y confirms. Taking it from an "
            "operator who is present needs a reason.",
        ),
        shape=2,
        reason=ReasonRule.AT_SOFT_GATE,
    ),
    Verb.OFFER: VerbSpec(
        "offer the pen to a user; it stays yours until it is taken",
        "offers the pen",
        pen=PenUse.SUBJECT,
        key=VerbKey("o", "Offer the pen to an operator who is present, or leave it free with a note for the next one."),
        shape=2,
        subject=SubjectArgument("--to", "WHAT", "a user"),
        is_movable_past=True,
    ),
    Verb.APPROVE: VerbSpec(
        "approve, as a second person, exactly the next move",
        "approves exactly this",
        key=VerbKey(
            "v", "Approve, as a second person, exactly the move that the card shows. Opens the card; y confirms."
        ),
        shape=2,
        is_movable_past=True,
    ),
    Verb.CLOSE: VerbSpec(
        "close the rollout",
        "closes the rollout",
        pen=PenUse.NEEDED,
        key=VerbKey("c", "End this rollout. Opens the card; y confirms."),
        needs_authority=True,
    ),
    Verb.CONFIRM: VerbSpec(
        "confirm a manual rollback step, or send one that would raise exposure",
        "confirms that it is done",
        shares_key=Verb.ROLLBACK,
        subject=SubjectArgument("--subject", "WHAT", "the step's id"),
    ),
    Verb.HANDOFF: VerbSpec(
        "leave the pen free; --reason is the note for the next captain",
        "leaves the pen free, with this note",
        pen=PenUse.SUBJECT,
        shape=2,
        shares_key=Verb.OFFER,
        reason=ReasonRule.ALWAYS,
    ),
}
"""Every verb, in the order of the key line."""
if missing := set(Verb) - set(VERBS):
    raise AssertionError(f"verbs without a row: {missing}")

FORWARD = frozenset(verb for verb, spec in VERBS.items() if spec.risk is Risk.FORWARD)
"""Verbs that take on risk."""
SAFER = frozenset(verb for verb, spec in VERBS.items() if spec.risk is Risk.SAFER)
"""Verbs that never wait for bookkeeping and never lose a race."""
PENNED = frozenset(verb for verb, spec in VERBS.items() if spec.pen is PenUse.NEEDED)
"""Verbs that need the pen. Going safer never does, nor does a verb of the rollback."""
PEN = frozenset(verb for verb, spec in VERBS.items() if spec.pen is PenUse.SUBJECT)
"""Verbs that are about the pen itself."""


def key_of(verb: Verb) -> VerbKey:
    """The key that opens the card of `verb`, its own or the one it shares."""
    spec = VERBS[verb]
    key = spec.key if spec.shares_key is None else VERBS[spec.shares_key].key
    if key is None:
        raise ValueError(f"{verb} has no key")
    return key
