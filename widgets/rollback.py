"""What to say of a rollback that has begun: how far it is, who carries it out, and whose turn it is. Words only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from console.plan.nouns import Plan
from console.state.gates import waiting_step
from console.state.values import Mode, State, StepMark, StepState
from widgets import format
from widgets.glyphs import Advice, Level


def rollback_advice(state: State) -> Advice | None:
    """The sentence of a rollback that is not through; None in any other mode."""
    if state.mode is not Mode.ROLLING_BACK:
        return None
    steps = state.checklist
    done = sum(step.mark is StepMark.DONE for step in steps)
    lead, last = f"Rollback {done} of {len(steps)} done", ""
    calm = state.local.running
    if not state.local.running:
        stands = rollback_runner(state)
        lead, last, calm = f"{lead}, {stands.how}", stands.then, stands.level != "alarm"
    for mark, level, words in _STEP_WORDS if calm else (*_STEP_WORDS, _UNANSWERED):
        step = next((entry for entry in steps if entry.mark is mark), None)
        if step is not None:
            return (level if calm else "alarm"), f"{lead}, {step.step.id} {words}{last}, x skips{_step_detail(step)}"
    for waits, why in state.local.held_back.items():
        return "warn", f"{lead}, {waits} waits: {why}"
    if (turn := waiting_step(state)) is not None:
        step = next(entry for entry in steps if entry.step.id == turn)
        return "warn", f"Rollback {done} of {len(steps)} done, {turn} waits for you: r confirms{_step_detail(step)}"
    if not state.local.running:
        return ("warn" if calm else "alarm"), f"{lead}{last}{_unjournaled_tail(state)}"
    return "warn", f"{lead}, under way{_unjournaled_tail(state)}"


def owner_suffix(plan: Plan, team: str | None) -> str:
    """ " (data: dora)", or nothing where no team is named."""
    if team is None:
        return ""
    named = plan.teams.get(team)
    return f" ({team}: {named.owner})" if named is not None and named.owner else f" ({team})"


class RollbackRunner(NamedTuple):
    """Who carries out a rollback that this console does not."""

    level: Level
    word: str
    """In few cells."""
    how: str
    then: str
    """What `r` does about it, with what parts it from the words before."""


def rollback_runner(state: State) -> RollbackRunner:
    """Who carries out the rollback, as far as it can be told from here.

    Another console's is left alone while its steps move; nobody's, or one that has stopped moving, is an alarm.
    """
    if waiting_step(state) is not None:
        return RollbackRunner("warn", "waiting for you", "waiting for you", ": r confirms")
    decision = next((entry for entry in state.decisions if entry.id == state.rollback), None)
    who = decision.who if decision is not None else None
    mine = state.local.operator
    if decision is None or who is None or mine is None or (who.pid, who.host) == (mine.pid, mine.host):
        return RollbackRunner("alarm", "NOT RUNNING", "NOT RUNNING", ": r continues")
    moved = [entry.since for entry in state.checklist if entry.since is not None]
    idle_s = format.since(max([decision.at, *moved]), state.as_of)
    if idle_s is not None and idle_s > state.plan.hold_s * 2:
        return RollbackRunner("alarm", "NO PROGRESS", f"no progress for {format.duration(idle_s)}", "; r continues")
    return RollbackRunner("warn", "run elsewhere", f"run by {who.user}@{who.host} pid {who.pid}", "; r takes over")


_STEP_WORDS: Sequence[tuple[StepMark, Level, str]] = (
    (StepMark.RELAPSED, "alarm", "MOVED AGAIN"),
    (StepMark.IN_DOUBT, "alarm", "IN DOUBT"),
    (StepMark.REFUSED, "alarm", "REFUSED"),
    (StepMark.OVERDUE, "alarm", "OVERDUE"),
)
_UNANSWERED: tuple[StepMark, Level, str] = (StepMark.REQUESTED, "alarm", "UNANSWERED")
"""Sent by a console that vanished: not yet in doubt, because its call may still be on the way."""


def _step_detail(step: StepState) -> str:
    text = step.detail or step.step.manual or ""
    return f" ({text})" if text else ""


def _unjournaled_tail(state: State) -> str:
    return "" if state.local.journal.broken is None else f"; UNJOURNALED: {state.local.journal.broken}"
