"""The application: one screen over one State.

It shows, asks and hands intents over; it never acts and never waits.

The newest State is pulled from the engine four times a second into one reactive that every pane is bound to. The gates
decide whether a key is possible, the engine carries a decision out. Nothing here blocks, and nothing is imported that
the first frame does not need.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar, assert_never

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.containers import Horizontal
from textual.driver import Driver
from textual.events import Key as KeyEvent
from textual.events import Resize
from textual.reactive import var

from adapters.sanitize import one_line
from console.alarms import new_alarms
from console.engine_port import EnginePort
from console.events.evidence import Verb
from console.events.verbs import VERBS
from console.logs.context import report_internal_error, traceback_hint
from console.palette import KeyCommands
from console.state.before import asked_targets
from console.state.gates import skippable_steps, waiting_step
from console.state.halt import why_nothing_to_halt
from console.state.intent import Intent
from console.state.orders import offered_orders
from console.state.values import State
from console.terminal import TitledDriver, name_window
from widgets.advice import AdviceLine
from widgets.checklist import Checklist
from widgets.exposure import ExposureLine
from widgets.header import HeaderLine, stage_position
from widgets.keys import KEYS, KeyLine, ScreenKey, why_impossible
from widgets.log import DecisionLog
from widgets.metrics import MetricsPane
from widgets.pane import Pane
from widgets.participants import other_members, participants_lines
from widgets.sources import SourcesLine
from widgets.timeline import Timeline

if TYPE_CHECKING:
    from console.screens.modal import Modal

PaneType = TypeVar("PaneType", bound=Pane)

_log = logging.getLogger("warroom.screen")

PULL_S = 0.25
_PANES = 9
"""Number of panes that `compose` makes; with fewer, the screen is incomplete."""
_TALL = 36
"""Screen height in rows from which every metric's reason is shown."""


class WarRoom(App[int]):
    """The war room of one rollout."""

    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {KeyCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(key.keys, key.action, key.label, id=key.id, tooltip=key.help, show=False)
            for key in KEYS
            if key.action
        ),
        Binding("ctrl+z", "help_suspend", show=False),
    ]

    state: var[State | None] = var(None)
    """The newest State; None until the rollout is opened."""

    def __init__(self, engine: EnginePort, *, title: str, observe: bool = False) -> None:
        # Set before the start: without it NO_COLOR would make everything black on black.
        super().__init__(driver_class=TitledDriver, ansi_color=True)
        self.theme = "ansi-dark"
        self.engine = engine
        self.title = title
        self.observe = observe
        self.window: Driver | None = None
        """The driver, while it shows this application; only to name the window."""
        self._window_title = ""
        self._failed = False
        self._came_at = time.monotonic()
        """When the newest State arrived, on the monotonic clock."""

    def compose(self) -> ComposeResult:
        """Lay out the widgets."""
        yield HeaderLine().data_bind(WarRoom.state)
        yield AdviceLine().data_bind(WarRoom.state)
        yield MetricsPane().data_bind(WarRoom.state)
        yield ExposureLine().data_bind(WarRoom.state)
        with Horizontal(id="middle"):
            yield Timeline().data_bind(WarRoom.state)
            yield Checklist().data_bind(WarRoom.state)
        yield SourcesLine().data_bind(WarRoom.state)
        yield DecisionLog().data_bind(WarRoom.state)
        yield KeyLine(observe=self.observe).data_bind(WarRoom.state)

    def on_mount(self) -> None:
        """Focus the metrics and start the engine after the first paint."""
        self.query_one(MetricsPane).focus()
        self.set_interval(PULL_S, self.pull)
        self.call_after_refresh(self.engine.start)

    def _fatal_error(self) -> None:
        """End the screen with one line on a fault of its own.

        Textual would print a traceback with values. The engine goes on: a rollback under way finishes its automatic
        steps.
        """
        from rich.text import Text

        if self._failed:
            return
        self._failed = True
        error = self._exception
        frames = traceback.extract_tb(error.__traceback__) if error is not None else []
        where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        words = f"{type(error).__name__}: {one_line(error)}{where}"
        if error is not None:
            report_internal_error(_log, error)
        line = f"warroom: the screen failed: {words}; {traceback_hint()}"
        self.panic(Text(f"{line}; start it again: it continues from the journal"))

    def pull(self) -> None:
        """Take from the engine the newest State, its answers, or the reason of its end."""
        if not self.screen_stack or len(self.screen_stack[0].query(Pane)) < _PANES:
            return  # the timer also ticks while the screen is mounted or removed
        ended = self.engine.end_reason()
        if ended is not None:
            from rich.text import Text

            # A Text, because a plain str would be wrapped and read for emphasis.
            self.exit(return_code=2, message=Text(ended))
            return
        newest = self.engine.latest()
        if newest is not None and newest is not self.state:
            self._came_at = time.monotonic()
            self.state = newest
        for line in self.engine.refusals():
            self.say(line, wrong=True)
        for line in self.engine.losses():
            self._show_lost_race(line)
        self._advance_clock()

    def _advance_clock(self) -> None:
        """Advance the header's clock from the newest State, so that a silent engine becomes visible."""
        if self.state is not None and self.state.as_of is not None:
            silent = timedelta(seconds=int(time.monotonic() - self._came_at))
            self._room(HeaderLine).now = self.state.as_of + silent

    def watch_state(self, before: State | None, after: State | None) -> None:
        """Hand the newer State to open screens, ring new alarms, name the window."""
        if after is None:
            return
        for modal in self._modals():
            modal.state = after
        if new_alarms(before, after):
            self.bell()
        if before is None or len(before.stages) != len(after.stages) or len(before.metrics) != len(after.metrics):
            self._place_panes(after, self.size.height)
        title = f"{after.mode} {stage_position(after)} {self.title}"
        if title != self._window_title:
            self._window_title = title
            name_window(self.window, title)

    def on_resize(self, event: Resize) -> None:
        """Place the panes for the new height."""
        if self.state is not None:
            self._place_panes(self.state, event.size.height)

    def _place_panes(self, state: State, height: int) -> None:
        """Give metrics and stages the rows they need, if there are enough; the log takes the rest.

        Two rows a metric and one for the selected metric's reason; on a tall screen every metric shows its reason.
        """
        metrics = 1 + (3 if height >= _TALL else 2) * len(state.metrics) + (height < _TALL)
        middle = 1 + max(len(state.stages), len(state.checklist))
        spare = height - 5 - 3
        self._room(MetricsPane).styles.height = max(min(metrics, spare - min(middle, spare // 2)), 2)
        self.screen_stack[0].query_one("#middle").styles.height = max(min(middle, spare - min(metrics, spare // 2)), 2)

    def say(self, line: str, *, wrong: bool = False) -> None:
        """Answer the operator in plain text, in a toast and on the advice line until the next key."""
        self.notify(line, severity="warning" if wrong else "information", markup=False)
        self._room(AdviceLine).answer = line

    def _show_lost_race(self, line: str) -> None:
        """Show a lost race on a page of its own, or as a toast while another screen is open."""
        self._room(AdviceLine).answer = line
        if self._is_covered():
            self.notify(line, severity="warning", markup=False)
            return
        from console.screens.page import ScrollingPage, lost_race_lines

        self.bell()
        self.push_screen(ScrollingPage(self.state, lambda _state, width: lost_race_lines(line, width)))

    def hand_over(self, intent: Intent | None) -> None:
        """Give an intent to the engine; None from a card that was closed."""
        if intent is not None and not self.engine.ask(intent):
            self.say("NOT handed over, the engine's inbox is full: press the key again", wrong=True)

    def on_key(self, _event: KeyEvent) -> None:
        """Let the advice return to the advice line."""
        self._room(AdviceLine).answer = None

    def why_not_key(self, key: ScreenKey) -> str | None:
        """Why `key` is not possible now, or None."""
        return why_impossible(self.state, key.verb, self.observe) if key.verb is not None else None

    def press(self, key: ScreenKey) -> None:
        """Carry out `key` for the palette."""
        self.call_later(self.run_action, key.action)

    def action_decide(self, name: str) -> None:
        """Open the card of a verb, or say why it is not possible."""
        verb = Verb(name)
        if self._is_covered():
            return
        why = why_impossible(self.state, verb, self.observe)
        state = self.state
        if state is not None and verb is Verb.HALT and (idle := why_nothing_to_halt(state)) is not None:
            self.say(idle)
            return
        if state is None or (why is not None and (self.observe or not VERBS[verb].opens_when_closed)):
            self.say(why or "", wrong=True)
            return
        match verb:
            case Verb.PLACE:
                self._place(state)
            case Verb.ACCEPT:
                self._choose(verb, "Accept which change?", _changes(state))
            case Verb.SKIP:
                self._choose(verb, "Skip which step?", [(step, step) for step in skippable_steps(state)])
            case Verb.OFFER:
                self._offer(state)
            case Verb.ORDER if not offered_orders(state):
                self.say("no backend takes an order now", wrong=True)
            case Verb.ORDER:
                self._choose(verb, "Which order?", offered_orders(state))
            case Verb.ROLLBACK if waiting_step(state) is not None:
                self._card(Verb.CONFIRM, waiting_step(state))
            case Verb.PROMOTE | Verb.HALT | Verb.RESUME | Verb.ROLLBACK | Verb.CONFIRM | Verb.CLOSE:
                self._card(verb, None)
            case Verb.TAKE | Verb.HANDOFF | Verb.APPROVE:
                self._card(verb, None)
            case _:
                assert_never(verb)

    def _place(self, state: State) -> None:
        """Ask for the stage, or for what a target was before."""
        from console.screens.ask import ChoiceScreen, before_question, befores, places

        if state.reached is None:
            self._choose(Verb.PLACE, "Which stage does the rollout stand at?", places(state))
            return
        name = asked_targets(state)[0]
        self.push_screen(
            ChoiceScreen(state, before_question(state, name), befores(state, name)), partial(self._card, Verb.PLACE)
        )

    def _offer(self, state: State) -> None:
        """Ask to whom the pen is offered, or whether it is left free."""
        from console.screens.ask import ChoiceScreen

        present = dict.fromkeys(member.who.login or member.who.user for member in other_members(state))
        options = [(user, f"{user}: the pen stays yours until it is taken") for user in present]
        options.append(("", "no one in particular: leave it free, with a note"))

        def then(chosen: str | None) -> None:
            if chosen is not None:
                self._card(Verb.OFFER if chosen else Verb.HANDOFF, chosen or None)

        self.push_screen(ChoiceScreen(state, "Offer the pen to whom?", options), then)

    def _choose(self, verb: Verb, question: str, options: list[tuple[str, str]]) -> None:
        """Ask for one of `options` (id, words); a single one needs no question."""
        if len(options) == 1:
            self._card(verb, options[0][0])
            return
        from console.screens.ask import ChoiceScreen

        self.push_screen(ChoiceScreen(self.state, question, options), partial(self._card, verb))

    def _card(self, verb: Verb, subject: str | None) -> None:
        if self.state is not None and (
            subject is not None or verb not in (Verb.PLACE, Verb.ACCEPT, Verb.SKIP, Verb.ORDER)
        ):
            from console.screens.card import DecisionCard

            self.push_screen(DecisionCard(self.state, verb, subject), self.hand_over)

    def action_note(self) -> None:
        """Ask for a line for the log."""
        if not self._is_covered():
            from console.screens.ask import NoteScreen

            self.push_screen(NoteScreen(self.state), self.hand_over)

    def action_who(self) -> None:
        """Open the page of the participants."""
        if not self._is_covered():
            from console.screens.page import ScrollingPage

            self.push_screen(ScrollingPage(self.state, participants_lines, closes="w"))

    def action_details(self) -> None:
        """Open the selected metric."""
        self._room(MetricsPane).action_ask()

    def action_select(self, rows: int) -> None:
        """Move the metrics' cursor."""
        self._room(MetricsPane).action_move(rows)

    def on_metrics_pane_asked(self, message: MetricsPane.Asked) -> None:
        """Open the details of a metric."""
        message.stop()
        if not self._is_covered() and self.state is not None:
            from console.screens.drilldown import Drilldown

            self.push_screen(Drilldown(self.state, message.metric))

    def action_help(self) -> None:
        """Open the help page."""
        if not self._is_covered():
            from console.screens.help import help_lines
            from console.screens.page import ScrollingPage

            self.push_screen(ScrollingPage(self.state, partial(help_lines, observe=self.observe), "question_mark"))

    def action_help_quit(self) -> None:
        """Answer ctrl+c, which does not quit here."""
        self.say("ctrl+c does nothing here: q quits")

    def action_help_suspend(self) -> None:
        """Answer ctrl+z: a suspended console would hold the pen and poll nothing."""
        self.say("ctrl+z does nothing here: a suspended console would not poll; q quits")

    async def action_quit(self) -> None:
        """Leave; ask first while something is in flight."""
        from console.screens.leave import LeaveScreen

        if any(isinstance(screen, LeaveScreen) for screen in self.screen_stack):
            return
        if self.engine.in_flight() is None:
            self._leave(False)
        else:
            self.push_screen(LeaveScreen(self.state, self.engine.in_flight), self._leave)

    def _leave(self, unknown: bool | None) -> None:
        """Leave, with the outcome of calls in flight `unknown`; None: stay."""
        if unknown is not None:
            self.engine.stop(unknown)
            self.exit(0)

    def on_modal_safer(self, message: Modal.Safer) -> None:
        """Close every open screen and open the card of the safer verb."""
        for modal in self._modals():
            modal.dismiss(None)
        self.action_decide(message.verb)

    def _is_covered(self) -> bool:
        """Whether a screen is open over the war room: keys that get past it do nothing."""
        return bool(self._modals())

    def _modals(self) -> list[Modal[object]]:
        """Our own screens over the war room; their module is imported with the first of them."""
        if len(self.screen_stack) == 1:
            return []
        from console.screens.modal import Modal

        return [screen for screen in self.screen_stack if isinstance(screen, Modal)]

    def _room(self, pane: type[PaneType]) -> PaneType:
        """A pane of the war room itself, whichever screen is open over it."""
        return self.screen_stack[0].query_one(pane)


def _changes(state: State) -> list[tuple[str, str]]:
    """(id, words) of the changes to accept: drifts and the edited plan file."""
    options = [(name, f"{name} drifted") for name, entry in state.targets.items() if entry.drift is not None]
    return [*options, ("plan", "the edited plan file")] if state.local.edited is not None else options
