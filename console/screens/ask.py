"""Small questions: the text of a note, and the choice of one of several options, such as the current stage."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Label

from adapters.contract import Kind
from console.screens.modal import Field, Modal
from console.state.intent import Intent
from console.state.values import State
from widgets.line import Line, Look, Piece, truncate
from widgets.sheet import Sheet, rows_of


def _foot(*keys: tuple[str, str]) -> Line:
    return tuple(piece for cap, text in keys for piece in (Piece(cap, Look.TITLE), Piece(text)))


_NOTE_FOOT = _foot(("enter", " writes it into the log   "), ("esc", " discards it"))
_CHOICE_FOOT = _foot(("up down", " choose   "), ("enter", " takes it   "), ("esc", " closes"))


class NoteScreen(Modal[Intent | None]):
    """Ask for one line for the log."""

    def compose(self) -> ComposeResult:
        """Lay out the widgets."""
        with Vertical(classes="frame"):
            with Horizontal(classes="field"):
                yield Label("note:", markup=False)
                yield Field(id="note", compact=True, max_length=300)
            yield Sheet(lambda _width, _height: [_NOTE_FOOT], id="foot")

    def begin(self) -> None:
        """See `Modal.begin`."""
        self.set_focus(self.query_one("#note", Field))

    def act_on_key(self, key: str) -> bool:
        """See `Modal.act_on_key`."""
        if key != "enter":
            return super().act_on_key(key)
        text = self.query_one("#note", Field).value.strip()
        self.dismiss(Intent(None, text=text) if text else None)
        return True


def choice_lines(title: str, options: Sequence[tuple[str, str]], chosen: int, width: int) -> list[Line]:
    """Draw `title` and the rows of each (id, text), with a mark at the chosen one."""
    lines: list[Line] = [(Piece(truncate(title, width), Look.TITLE),)]
    for index, (_, text) in enumerate(options):
        marked = index == chosen
        bar, look = Piece("▌ " if marked else "  ", Look.TITLE), Look.STRONG if marked else Look.PLAIN
        lines += [(bar, Piece(f"{'  ' * (number > 0)}{row}", look)) for number, row in enumerate(_rows(text, width))]
    return lines


def _rows(text: str, width: int) -> list[str]:
    """`text` in rows beside the bar."""
    return rows_of(text, width - 4) or [""]


class ChoiceScreen(Modal[str | None]):
    """Ask for one of several options; answers with its id."""

    def __init__(self, state: State | None, title: str, options: Sequence[tuple[str, str]]) -> None:
        super().__init__(state)
        self.heading = title
        self.options = tuple(options)
        self.chosen = 0

    def compose(self) -> ComposeResult:
        """Lay out the widgets."""
        with Vertical(classes="frame"):
            yield Sheet(self.write, id="sheet")
            yield Sheet(lambda _width, _height: [_CHOICE_FOOT], id="foot")

    def on_mount(self) -> None:
        """Arrange the options."""
        self._arrange()

    def on_resize(self) -> None:
        """Draw again in the new size."""
        self._arrange()

    def _arrange(self) -> None:
        if self.has_parts("#sheet"):
            rows = len(self.write(self.frame_width, 0))
            self.query_one("#sheet", Sheet).styles.height = min(rows, max(self.app.size.height - 3, 1))

    def write(self, width: int, _height: int) -> list[Line]:
        """Draw the question and its options."""
        return choice_lines(self.heading, self.options, self.chosen, width)

    def act_on_key(self, key: str) -> bool:
        """See `Modal.act_on_key`."""
        step = {"up": -1, "k": -1, "down": 1, "j": 1}.get(key)
        sheet = self.query_one("#sheet", Sheet)
        if step is not None:
            self.chosen = max(0, min(self.chosen + step, len(self.options) - 1))
            above = sum(len(_rows(text, self.frame_width)) for _, text in self.options[: self.chosen + 1])
            below = self.chosen < len(self.options) - 1  # the last row counts the hidden ones
            sheet.top = max(0, 1 + above + below - sheet.size.height)
            sheet.redraw()
        elif key == "enter":
            self.dismiss(self.options[self.chosen][0])
        else:
            return super().act_on_key(key)
        return True


def before_question(state: State, name: str) -> str:
    """The question what a target was before, and how to answer with another share."""
    return f"What was {name} before? Another share: warroom place PLAN --before"


def befores(state: State, name: str) -> list[tuple[str, str]]:
    """("TARGET=N", text) of the likely answers to what a target was before: nothing, or as it read at the opening."""
    entry = state.targets[name]
    is_flag, read = entry.target.kind is Kind.FLAGS, entry.opening
    nothing = "off" if is_flag else "0"
    shown = "?" if read is None or read.percent is None else f"{read.percent:.0f}"
    return [
        (f"{name}={nothing}", f"{'off' if is_flag else '0 %'}: the {read} belong to this rollout"),
        (f"{name}={shown}", f"{shown} %, as it read at the opening"),
    ]


def places(state: State) -> list[tuple[str, str]]:
    """(stage number, text) of every stage, those that fit the readings first; 0 is before the first."""
    reads = ", ".join(f"{name} {entry.reading or 'not read'}" for name, entry in state.targets.items())
    names = {0: "before the first stage"}
    names |= {entry.number: f"{entry.number} {entry.stage.name}" for entry in state.stages}
    fitting = [number for number in state.candidates if number in names]
    rest = [number for number in names if number not in fitting]
    return [(str(number), f"{names[number]}: fits the readings ({reads})") for number in fitting] + [
        (str(number), f"{names[number]}{_sets(state, number)}: does NOT fit the readings") for number in rest
    ]


def _sets(state: State, number: int) -> str:
    stage = state.stages[number - 1].stage if number else None
    if stage is None or not stage.sets:
        return ""
    return " (" + ", ".join(f"{name} {setting}" for name, setting in stage.sets.items()) + ")"
