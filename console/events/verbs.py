"""The table of verbs: what is declared about each, in one place.

Keys, commands, completion, cards and the groups of verbs below are made from it. Behavior is not here: it stands in
`match` statements over all verbs (gates, decisions, actions, the application), so that a new verb that is missing
somewhere does not type-check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

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
    risk: Risk
    pen: PenUse
    key: VerbKey | None
    """None: its card is reached with the key of another verb (`shares_key`)."""
    shape: int
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


_PROMOTE = VerbSpec(
    "go to the next stage, if its gates hold",
    "promotes",
    Risk.FORWARD,
    PenUse.NEEDED,
    VerbKey(
        "p",
        "Go to the next stage, or finish one that is partly set. Opens the card; y confirms. To override a closed "
        "gate: type the stage's name and give a reason.",
    ),
    shape=1,
    needs_authority=True,
    opens_when_closed=True,
    is_on_time_axis=True,
)
_HALT = VerbSpec(
    "block every promote until resume",
    "halts",
    Risk.SAFER,
    PenUse.NONE,
    VerbKey(
        "h",
        "Block every promote until resume; exposure stays as it is. Opens the card, from any other card too; enter "
        "confirms. Always possible.",
    ),
    shape=1,
    opens_when_closed=True,
    is_on_time_axis=True,
)
_RESUME = VerbSpec(
    "end a halt",
    "resumes",
    Risk.NEUTRAL,
    PenUse.NEEDED,
    VerbKey("u", "End a halt. Opens the card; y confirms."),
    shape=1,
    needs_authority=True,
    is_on_time_axis=True,
)
_ROLLBACK = VerbSpec(
    "carry out the rollback checklist, or continue it",
    "rolls back",
    Risk.SAFER,
    PenUse.NONE,
    VerbKey(
        "r",
        "Take everything back to how it was at the opening, continue an interrupted rollback, or confirm its manual "
        "step. Opens the card, from any other card too; enter confirms. Past a one-way stage: type rollback and "
        "give a reason.",
    ),
    shape=1,
    opens_when_closed=True,
    is_on_time_axis=True,
)
_SKIP = VerbSpec(
    "skip a rollback step, for a reason",
    "skips it",
    Risk.NEUTRAL,
    PenUse.NONE,
    VerbKey(
        "x",
        "Skip a rollback step that cannot be done. Opens the card; type the step's name and give a reason.",
        on_line=False,
    ),
    shape=2,
    subject=SubjectArgument("subject", "STEP", "the step's id"),
    reason=ReasonRule.ALWAYS,
)
_ORDER = VerbSpec(
    "give a backend one of its own orders: skip, retry, undo 4, ..",
    "gives the order",
    Risk.NEUTRAL,
    PenUse.NEEDED,
    VerbKey(
        "d",
        "Give a backend one of its own orders: skip a step, retry, promote in full, undo to a revision. Choose one; "
        "the card opens; type the order's word.",
        on_line=False,
    ),
    shape=2,
    subject=SubjectArgument("subject", "WORD", 'TARGET ORDER: "api retry", "api undo 4"', many=True),
)
_ACCEPT = VerbSpec(
    "accept a drifted target or an edited plan",
    "accepts it",
    Risk.NEUTRAL,
    PenUse.NEEDED,
    VerbKey(
        "a", "Accept a drift (a change made outside this rollout), or an edited plan file. Opens the card; y confirms."
    ),
    shape=1,
    subject=SubjectArgument("--subject", "WHAT", 'a target, "plan", or "pen" when it is offered'),
    needs_authority=True,
)
_PLACE = VerbSpec(
    "choose the stage at which an ambiguous opening stands",
    "sets this stage",
    Risk.NEUTRAL,
    PenUse.NEEDED,
    VerbKey("s", "Choose the stage at which the rollout stands, where the readings leave it open."),
    shape=1,
    subject=SubjectArgument("--subject", "WHAT", "stages reached: a number"),
    needs_authority=True,
)
_TAKE = VerbSpec(
    "take the pen: a free or an offered one; from its holder with --reason",
    "takes the pen",
    Risk.NEUTRAL,
    PenUse.SUBJECT,
    VerbKey(
        "t",
        "Take the pen: only its holder moves the rollout forward. Opens the card; y confirms. Taking it from an "
        "operator who is present needs a reason.",
    ),
    shape=2,
    reason=ReasonRule.AT_SOFT_GATE,
)
_OFFER = VerbSpec(
    "offer the pen to a user; it stays yours until it is taken",
    "offers the pen",
    Risk.NEUTRAL,
    PenUse.SUBJECT,
    VerbKey("o", "Offer the pen to an operator who is present, or leave it free with a note for the next one."),
    shape=2,
    subject=SubjectArgument("--to", "WHAT", "a user"),
    is_movable_past=True,
)
_APPROVE = VerbSpec(
    "approve, as a second person, exactly the next move",
    "approves exactly this",
    Risk.NEUTRAL,
    PenUse.NONE,
    VerbKey("v", "Approve, as a second person, exactly the move that the card shows. Opens the card; y confirms."),
    shape=2,
    is_movable_past=True,
)
_CLOSE = VerbSpec(
    "close the rollout",
    "closes the rollout",
    Risk.NEUTRAL,
    PenUse.NEEDED,
    VerbKey("c", "End this rollout. Opens the card; y confirms."),
    shape=1,
    needs_authority=True,
)
_CONFIRM = VerbSpec(
    "confirm a manual rollback step as done",
    "confirms that it is done",
    Risk.NEUTRAL,
    PenUse.NONE,
    None,
    shape=1,
    shares_key=Verb.ROLLBACK,
    subject=SubjectArgument("--subject", "WHAT", "the step's id"),
)
_HANDOFF = VerbSpec(
    "leave the pen free; --reason is the note for the next captain",
    "leaves the pen free, with this note",
    Risk.NEUTRAL,
    PenUse.SUBJECT,
    None,
    shape=2,
    shares_key=Verb.OFFER,
    reason=ReasonRule.ALWAYS,
)


def _spec(verb: Verb) -> VerbSpec:
    """The specification of a verb; a new verb without one does not type-check."""
    match verb:
        case Verb.PROMOTE:
            return _PROMOTE
        case Verb.HALT:
            return _HALT
        case Verb.RESUME:
            return _RESUME
        case Verb.ROLLBACK:
            return _ROLLBACK
        case Verb.SKIP:
            return _SKIP
        case Verb.ORDER:
            return _ORDER
        case Verb.ACCEPT:
            return _ACCEPT
        case Verb.PLACE:
            return _PLACE
        case Verb.TAKE:
            return _TAKE
        case Verb.OFFER:
            return _OFFER
        case Verb.APPROVE:
            return _APPROVE
        case Verb.CLOSE:
            return _CLOSE
        case Verb.CONFIRM:
            return _CONFIRM
        case Verb.HANDOFF:
            return _HANDOFF


VERBS: Mapping[Verb, VerbSpec] = MappingProxyType({verb: _spec(verb) for verb in Verb})
"""Every verb, in the order of the key line."""

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
    if spec.key is not None:
        return spec.key
    if spec.shares_key is None:
        raise ValueError(f"{verb} has no key")
    return key_of(spec.shares_key)
