"""Advice on a rollback, words only: how far it is, which console runs it, which step needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from console.plan.nouns import Plan
from console.state.gates import waiting_step
from console.state.values import Mode, State, StepMark, StepState
from widgets import format
from widgets.glyphs import Advice, Level


def rollback_advice(state: State) -> Advice | None:
    """The sentence of an unfinished rollback; None in any other mode."""
    if state.mode is not Mode.ROLLING_BACK:
        return None
    steps = state.checklist
    done = sum(step.mark is StepMark.DONE for step in steps)
    lead, keys = f"Rollback {done} of {len(steps)} done", ""
    calm = state.local.running
    if not state.local.running:
        runner = rollback_runner(state)
        lead, keys, calm = f"{lead}, {runner.how}", runner.keys, runner.level != "alarm"
    for mark, level, words in _STEP_WORDS if calm else (*_STEP_WORDS, _UNANSWERED):
        step = next((entry for entry in steps if entry.mark is mark), None)
        if step is not None:
            tail = f"{keys}, x skips" if keys else "; x skips"
            return (level if calm else "alarm"), f"{lead}, {step.step.id} {words}{_step_detail(step)}{tail}"
    for waits, why in state.local.held_back.items():
        return "warn", f"{lead}, {waits} waits: {why}"
    if (turn := waiting_step(state)) is not None:
        step = next(entry for entry in steps if entry.step.id == turn)
        if step.is_held:
            return "warn", f"{turn} {step.detail.partition(':')[0]}: r sends it, x skips"
        return "warn", f"Rollback {done} of {len(steps)} done, {turn} waits for you{_step_detail(step)}: r confirms"
    if not state.local.running:
        return ("warn" if calm else "alarm"), f"{lead}{_unjournaled_words(state)}{keys}"
    return "warn", f"{lead}, under way{_unjournaled_words(state)}"


def owner_suffix(plan: Plan, team: str | None) -> str:
    """ " (data: dora)", or nothing where no team is named."""
    if team is None:
        return ""
    named = plan.teams.get(team)
    return f" ({team}: {named.owner})" if named is not None and named.owner else f" ({team})"


class RollbackRunner(NamedTuple):
    """The console that runs a rollback, where it is not this one."""

    level: Level
    word: str
    """A few cells, for a pane's title."""
    how: str
    """The same in a sentence."""
    keys: str
    """The effect of `r` now, with the punctuation before it."""


def rollback_runner(state: State) -> RollbackRunner:
    """Which console runs the rollback, as far as this one knows.

    A rollback of another console is no alarm while its steps progress. One that no console runs, or one without
    progress for twice `hold_s`, is an alarm.
    """
    if waiting_step(state) is not None:
        return RollbackRunner("warn", "waiting for you", "waiting for you", ": r confirms")
    decision = next((entry for entry in state.decisions if entry.id == state.rollback), None)
    who = decision.who if decision is not None else None
    mine = state.local.operator
    if decision is None or who is None or mine is None or (who.pid, who.host) == (mine.pid, mine.host):
        return RollbackRunner("alarm", "NOT RUNNING", "NOT RUNNING", ": r continues")
    changes = [entry.since for entry in state.checklist if entry.since is not None]
    idle_s = format.since(max([decision.at, *changes]), state.as_of)
    if idle_s is not None and idle_s > state.plan.hold_s * 2:
        return RollbackRunner("alarm", "NO PROGRESS", f"no progress for {format.duration(idle_s)}", ": r continues")
    return RollbackRunner("warn", "run elsewhere", f"run by {who.name_at_host} pid {who.pid}", ": r takes over")


_STEP_WORDS: Sequence[tuple[StepMark, Level, str]] = (
    (StepMark.RELAPSED, "alarm", "MOVED AGAIN"),
    (StepMark.IN_DOUBT, "alarm", "IN DOUBT"),
    (StepMark.REFUSED, "alarm", "REFUSED"),
    (StepMark.OVERDUE, "alarm", "OVERDUE"),
)
_UNANSWERED: tuple[StepMark, Level, str] = (StepMark.REQUESTED, "alarm", "UNANSWERED")
"""Sent by a console that is gone: not in doubt yet, because its call may still be on the way."""


def _step_detail(step: StepState) -> str:
    text = step.detail or step.step.manual or ""
    return f" ({text})" if text else ""


def _unjournaled_words(state: State) -> str:
    return "" if state.local.journal.broken is None else f", UNJOURNALED ({state.local.journal.broken})"
