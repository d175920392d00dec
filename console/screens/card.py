"""The decision card: live while open, confirmed by its own key, answers with an Intent."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.keys import key_to_character
from textual.widgets import Label

from console.events.evidence import Verb
from console.events.verbs import VERBS, key_of
from console.screens.card_details import detail_lines
from console.screens.confirmation import CardAtOpening, Confirmation, changes, confirmation_for
from console.screens.modal import Field, Modal
from console.state.approvals import approval_digest
from console.state.card import card_for
from console.state.intent import Intent
from console.state.values import State
from widgets.card import card_lines, heading
from widgets.line import Line, Look, Piece, wrap
from widgets.sheet import Sheet, rows_of

_WORD = "#word"
_REASON = "#reason"


def prompt(
    does: str, confirmation: Confirmation, word: str, reason: str, width: int, in_field: bool = False
) -> list[Line]:
    """Draw the last rows of a card: how it is confirmed now, or why it cannot be.

    `does` follows "enter"; `word` and `reason` are typed so far; `in_field`: a letter is typed into a field.
    """
    closes = (Piece("esc", Look.TITLE), Piece(" closes this card; nothing is sent"))
    if confirmation.refused is not None:
        rows = rows_of(confirmation.refused, max(width - 23, 10))
        head = (Piece("✗ CANNOT BE CONFIRMED ", Look.ALARM), Piece(" " + rows[0], Look.STRONG))
        more: list[Line] = [(Piece(" " * 23), Piece(row, Look.STRONG)) for row in rows[1:]]
        return [head, *more, closes]
    if confirmation.override:
        does = f"OVERRIDES the closed gates and {does}"
    missing = confirmation.missing(word, reason)
    if missing is not None:
        rows = rows_of(f"→ {missing}, then enter {does}", width)
        lines: list[Line] = [(Piece(row, Look.WARN),) for row in rows]
    else:
        key = confirmation.key
        if in_field and key != "enter":
            key, does = "enter", f"leaves the field, then {key} {does}"
        rows = rows_of(does, width - len(key) - 1)
        lines = [(Piece(key if row is rows[0] else "", Look.TITLE), Piece(f" {row}", Look.STRONG)) for row in rows]
    step, field = "n", "reason" if confirmation.reason else "reason, if you like"
    if confirmation.word is not None:
        step, field = "tab", "next field"
    return [*lines, (Piece(step, Look.TITLE), Piece(f" {field}"), Piece("   "), *closes)]


class DecisionCard(Modal[Intent | None]):
    """One decision before it is taken."""

    DEFAULT_CSS = """
    DecisionCard #prompt { height: 2; }
    """

    def __init__(self, state: State, verb: Verb, subject: str | None = None) -> None:
        super().__init__(state)
        self.verb = verb
        self.subject = subject
        self.card = card_for(state, verb, subject)
        """The card as drawn: a confirmation stores it."""
        self.opened = CardAtOpening(self.card, state.reached, state.move)
        self.confirmation = confirmation_for(state, self.card, self.opened, subject)
        self.notice = ""
        """Why the last key did not confirm, shown until the next key."""

    def compose(self) -> ComposeResult:
        """Lay out the widgets."""
        with Vertical(classes="frame"):
            yield Sheet(self.write, id="sheet")
            with Horizontal(classes="field", id="word-row"):
                yield Label(f"type {self.confirmation.word}:", id="word-label", markup=False)
                yield Field(id="word", compact=True)
            with Horizontal(classes="field", id="reason-row"):
                yield Label("reason:", id="reason-label", markup=False)
                yield Field(id="reason", compact=True)
            yield Sheet(self.write_prompt, id="prompt")

    def on_mount(self) -> None:
        """Arrange the card."""
        self._arrange()

    def begin(self) -> None:
        """See `Modal.begin`."""
        confirmation = self.confirmation
        if confirmation.refused is None and (confirmation.word is not None or confirmation.reason):
            self.set_focus(self.query_one(_REASON if confirmation.word is None else _WORD, Field))
            self._arrange()

    def watch_state(self, state: State | None) -> None:
        """Draw the card of the newer State."""
        if state is None or not self.has_parts("#sheet"):
            return
        self.card = card_for(state, self.verb, self.subject)
        self.confirmation = confirmation_for(state, self.card, self.opened, self.subject)
        self._arrange()

    def on_resize(self) -> None:
        """Draw again in the new size."""
        self._arrange()

    def on_input_changed(self) -> None:
        """Draw the prompt for the text typed so far."""
        self._arrange()

    def focus_moved(self) -> None:
        """See `Modal.focus_moved`."""
        self._arrange()

    def write(self, width: int, height: int) -> list[Line]:
        """Draw title, changes since opening, details, and the card."""
        state = self.state
        beside = detail_lines(state, self.verb, self.subject, width) if state is not None else []
        changed = changes(self.opened.card, self.card)
        news: list[Line] = []
        if changed:
            rows = wrap("; ".join(changed), max(width - 22, 10), 2)
            news = [(Piece("CHANGED since opened ", Look.WARN), Piece(" " + row)) for row in rows]
        body = card_lines(self.card, width, height - len(news) - len(beside))
        first = heading(self.card)
        if self._continues():
            first = (Piece("CONTINUE ROLLBACK", Look.TITLE), *first[1:])
        return [first, *news, *beside, *body[1:]]

    def write_prompt(self, width: int, height: int) -> list[Line]:
        """Draw the last rows: how the card is confirmed, or why the last key did nothing."""
        typing = isinstance(self.focused, Field)
        lines = prompt(self._does(), self.confirmation, self._text_in(_WORD), self._text_in(_REASON), width, typing)
        return [(Piece(self.notice, Look.WARN),), lines[-1]] if self.notice else lines

    def _does(self) -> str:
        if self._continues():
            return "continues the rollback"
        if self.verb is Verb.CONFIRM and self.state is not None:
            held = [entry.step.id for entry in self.state.checklist if entry.is_held]
            return "sends it" if self.subject in held else VERBS[self.verb].effect
        if self.verb is not Verb.PROMOTE:
            return VERBS[self.verb].effect
        by_hand = self.state is not None and self.state.next is not None and self.state.next.stage.manual is not None
        return f"confirms that {self.card.stage_to} is DONE" if by_hand else f"promotes to {self.card.stage_to}"

    def _continues(self) -> bool:
        return self.verb is Verb.ROLLBACK and self.state is not None and self.state.rollback is not None

    def _arrange(self) -> None:
        """Show the fields that are needed and give the card the remaining rows."""
        if not self.has_parts(
            _WORD, _REASON, "#word-row", "#reason-row", "#word-label", "#reason-label", "#sheet", "#prompt"
        ):
            return
        confirmation = self.confirmation
        self.query_one("#word-row").display = confirmation.word is not None and confirmation.refused is None
        self.query_one("#reason-row").display = confirmation.refused is None
        self.query_one("#word-label", Label).update(f"type {confirmation.word}:")
        self.query_one("#reason-label", Label).update(
            "reason (required):" if confirmation.reason else "reason (optional):"
        )
        below = len(self.write_prompt(self.frame_width, 0))
        fields = 0 if confirmation.refused is not None else 1 + (confirmation.word is not None)
        room = max(self.app.size.height - 2 - below - fields, 1)
        sheet, foot = self.query_one("#sheet", Sheet), self.query_one("#prompt", Sheet)
        sheet.styles.height = min(len(self.write(self.frame_width, room)), room)
        foot.styles.height = below
        sheet.redraw()
        foot.redraw()

    def _text_in(self, field: str) -> str:
        found = self.query(field).results(Field)  # a part of the card may draw once more while it is taken down
        return next((entry.value for entry in found), "")

    def act_on_key(self, key: str) -> bool:
        """See `Modal.act_on_key`."""
        self.notice = ""
        if key in ("pageup", "pagedown", "up", "down"):
            rows = {"pageup": -8, "pagedown": 8, "up": -1, "down": 1}[key]
            self.query_one("#sheet", Sheet).scroll_rows(rows)
        elif key == "n" and self.confirmation.refused is None:
            self.set_focus(self.query_one(_REASON, Field))
        elif key in ("enter", "y"):
            self._confirm(key)
        elif key == key_of(self.verb).letter or not super().act_on_key(key):
            # The key that opened the card may repeat: it must neither close nor confirm it.
            self.notice = self._no_effect(key)
        self._arrange()
        return True

    def _no_effect(self, key: str) -> str:
        """Say that `key` does nothing here, and which key does something."""
        char = key_to_character(key)
        cap = char if char is not None and char.isprintable() and not char.isspace() else key
        confirmation = self.confirmation
        if confirmation.refused is not None:
            return f"{cap} does nothing here: esc closes"
        missing = confirmation.missing(self._text_in(_WORD), self._text_in(_REASON))
        does = f"{confirmation.key} {VERBS[self.verb].effect}" if missing is None else missing
        return f"{cap} does nothing here: {does}, esc closes"

    def _confirm(self, key: str) -> None:
        """Answer with an Intent if nothing is missing; else say what is."""
        confirmation = self.confirmation
        if confirmation.refused is not None:
            self.notice = self._no_effect(key)
            self.app.bell()
            return
        if isinstance(self.focused, Field) and confirmation.key != key:
            self.set_focus(None)
            return
        word, reason = self._text_in(_WORD), self._text_in(_REASON).strip()
        missing = confirmation.missing(word, reason)
        if missing is not None:
            done = confirmation.word is None or word.strip() == confirmation.word
            self.set_focus(self.query_one(_REASON if done else _WORD, Field))
        elif key != confirmation.key:
            self.notice = self._no_effect(key)
        else:
            self.dismiss(self._intent(word.strip(), reason))

    def _intent(self, word: str, reason: str) -> Intent:
        state = self.state
        is_before = self.verb is Verb.PLACE and "=" in (self.subject or "")
        return Intent(
            self.verb,
            self.card,
            stage=state.reached if state is not None else None,
            move=state.move if state is not None else None,
            seen=state.last_seq if state is not None else None,
            bound=approval_digest(state) if state is not None and self.verb is Verb.APPROVE else None,
            reason=reason,
            override=self.confirmation.override,
            subject=None if is_before else self.subject,
            before=(self.subject or "",) if is_before else (),
            typed=word,
        )
