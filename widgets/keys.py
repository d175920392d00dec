"""The keys: one table of every key with its label and help, and the line that shows them.

The application's bindings, this line, the help page and the palette are all made from `KEYS`. The application carries
out a key; the gates decide whether it is possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from console.events.evidence import Verb
from console.events.verbs import SAFER, VERBS
from console.state import approvals
from console.state.gates import waiting_step, why_not
from console.state.values import State
from widgets.line import Line, Look, Piece, length
from widgets.pane import Pane
from widgets.participants import has_several_people


@dataclass(frozen=True, slots=True)
class ScreenKey:
    """One key, declared once."""

    id: str
    """Id of the binding, for a user's keymap."""
    keys: str
    """Textual's names, comma-separated; the first one is shown."""
    cap: str
    label: str
    """One word for the key line and the palette."""
    help: str
    """One or two sentences: the effect, and how to confirm it."""
    action: str
    """Textual action; empty for a key that Textual itself handles."""
    verb: Verb | None = None
    """The verb whose gates decide whether it is possible; None: always possible."""
    on_line: bool = True
    """Whether the key line shows it; help and palette show all."""


_NOTE = ScreenKey("note", "n", "n", "note", "Write a line into the log of this rollout.", "note")

_OTHERS = (
    ScreenKey(
        "details", "enter", "enter", "details", "All about the selected metric: queries, ticks, interval.", "details"
    ),
    ScreenKey(
        "who", "w", "w", "who", "Who is here and who polls; approvals, calendar, escalation.", "who", on_line=False
    ),
    ScreenKey("up", "up,k", "up", "up", "Select the metric above (also k).", "select(-1)", on_line=False),
    ScreenKey("down", "down,j", "down", "down", "Select the metric below (also j).", "select(1)", on_line=False),
    ScreenKey("help", "question_mark", "?", "help", "Every key, every mark.", "help"),
    ScreenKey(
        "palette", "ctrl+p", "^p", "palette", "Every key by name, with why it is not possible now.", "", on_line=False
    ),
    ScreenKey("quit", "q", "q", "quit", "Leave. Asks only while a call is in flight.", "quit"),
)


def _keys() -> Iterator[ScreenKey]:
    for verb, spec in VERBS.items():
        if verb is Verb.ACCEPT:
            yield _NOTE
        if spec.key is not None:
            name, key = verb.value, spec.key
            yield ScreenKey(name, key.letter, key.letter, name, key.help, f"decide('{name}')", verb, key.on_line)
    yield from _OTHERS


KEYS: tuple[ScreenKey, ...] = tuple(_keys())
"""Every key: the verbs' as `console.events.verbs` declares them, then those that decide nothing."""


def why_impossible(state: State | None, verb: Verb, observe: bool = False) -> str | None:
    """Why `verb` is not possible here and now, or None; an observer may still halt and roll back."""
    if state is None:
        return f"{verb} is not possible yet: the rollout is still opening"
    if observe and verb not in SAFER:
        return f"{verb} is not possible here: this console only observes"
    if verb is Verb.ROLLBACK and waiting_step(state) is not None and why_not(state, Verb.CONFIRM) is None:
        return None  # the same key confirms a manual step
    return why_not(state, verb)


def blocked_keys(state: State | None, observe: bool = False) -> frozenset[str]:
    """Ids of the keys that are not possible now."""
    return frozenset(
        key.id for key in KEYS if key.verb is not None and why_impossible(state, key.verb, observe) is not None
    )


def idle_keys(state: State | None) -> frozenset[str]:
    """Ids of the keys between people (pen, approval) that have no use now."""
    if state is None:
        return frozenset({"take", "offer", "approve"})
    idle = set() if has_several_people(state) else {"take", "offer"}
    if approvals.needed_approvals(state) == 0 or state.pen.held_by(state.local.operator):
        idle.add("approve")
    return frozenset(idle)


def key_line(blocked: Set[str], width: int, idle: Set[str] = frozenset()) -> Line:
    """The keys in at most `width` cells, in their order.

    Keys in `blocked` are muted and joined to their label by a dot instead of a space; keys in `idle` are left out. A
    narrow line drops, in this order: the wide spacing, the key for details, the labels of quit and help, and then
    cuts every label short, those of `blocked` keys to nothing; a verb itself is never dropped.
    """
    shown = [key for key in KEYS if key.on_line and key.id not in idle]
    verbs = [key for key in shown if key.id != "details"]
    bare = {"quit", "help"}
    forms = (
        _join(shown, blocked, "  "),
        _join(shown, blocked, " "),
        _join(verbs, blocked, "  "),
        _join(verbs, blocked, " "),
        _join(verbs, blocked, " ", {"quit": 0}),
        _join(verbs, blocked, " ", dict.fromkeys(bare, 0)),
        _join(verbs, blocked, " ", {key.id: 0 if key.id in bare else 4 for key in verbs}),
        _join(verbs, blocked, " ", {key.id: 0 if key.id in bare else 3 for key in verbs}),
        _join(verbs, blocked, " ", {key.id: 0 if key.id in bare | blocked else 3 for key in verbs}),
        _join(verbs, blocked, " ", {key.id: 0 if key.id in bare | blocked else 2 for key in verbs}),
        _join(verbs, blocked, " ", {key.id: 0 for key in verbs}),
    )
    return next((form for form in forms if length(form) <= width), forms[-1])


def _join(keys: list[ScreenKey], blocked: Set[str], gap: str, cut: dict[str, int] | None = None) -> Line:
    pieces: list[Piece] = []
    for key in keys:
        label = key.label[: (cut or {}).get(key.id, len(key.label))]
        if pieces:
            pieces.append(Piece(gap))
        if key.id in blocked:
            pieces.append(Piece(f"{key.cap}·{label}", Look.STALE))
        else:
            pieces += [Piece(key.cap, Look.TITLE), Piece(f" {label}" if label else "")]
    return tuple(pieces)


class KeyLine(Pane):
    """The last row of the screen."""

    DEFAULT_CSS = """
    KeyLine { height: 1; }
    """

    def __init__(self, *, observe: bool = False) -> None:
        super().__init__()
        self.observe = observe

    def draw(self, width: int, height: int) -> list[Line]:
        """See `Pane.draw`."""
        return [key_line(blocked_keys(self.state, self.observe), width, idle_keys(self.state))]
