"""`status`: where a rollout stands, as text for a person or as JSON. Changes and sends nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
from collections.abc import Callable
from typing import Any

from adapters.registry import ConnectError, UnknownAdapter
from console.cli import people
from console.cli.exits import Exit
from console.cli.paths import journal_place, open_to_read
from console.events.evidence import Actor
from console.journal.contract import JournalUnavailable
from console.judge.verdict import StageVerdict, Verdict
from console.plan.loader import load
from console.plan.problems import PlanError
from console.state.values import DecisionState, State


def guarded(command: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command that reads: what it raises becomes one line on stderr and an exit code."""
    try:
        return command(options)
    except (PlanError, ConnectError, UnknownAdapter, ValueError) as error:
        print(error if isinstance(error, PlanError) else f"warroom: {error}", file=sys.stderr)
        return Exit.USAGE
    except JournalUnavailable as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.JOURNAL


def status(options: argparse.Namespace) -> int:
    """`warroom status PLAN`: joins the open rollout in memory, reads every source once, and prints.

    A source that cannot be read is a FAILED line, not an exit code: where things stand was told.
    """
    return guarded(_status, options)


def _status(options: argparse.Namespace) -> int:
    from console.engine.single_read import read_once

    plan = load(options.plan)
    place = journal_place(options.journal)
    journal = open_to_read(place) if place.exists() else None
    try:
        state = asyncio.run(read_once(plan, journal, place.state_dir))
    finally:
        if journal is not None:
            journal.close()
    if options.json:
        print(json.dumps({"journal": str(place), **as_json(state)}, indent=2))
        return Exit.OK
    print(f"warroom: journal {place}{'' if journal is not None else ': there is none yet'}", file=sys.stderr)
    for line in status_lines(state):
        print(line)
    return Exit.OK


def status_lines(state: State) -> list[str]:
    """The state as text, for a person."""
    reached = "unknown" if state.reached is None else str(state.reached)
    lines = [f"{state.rollout}  {state.mode}  stage {reached} of {len(state.stages)}"]
    if state.closed is None and state.opened_at is None:
        lines = [f"{state.plan.rollout}  not opened; {_fits(state)}"]
    if (halt := _halt(state)) is not None:
        lines.append(f"  {'HALTED':<16} {_by(halt)}")
    if state.decisions:
        last = state.decisions[-1]
        lines.append(f"  {'last decision':<16} {last.verb} {last.outcome}, {_by(last)}")
    for name, entry in state.targets.items():
        drift = f"  DRIFTED from {entry.drift.was}" if entry.drift else ""
        lines.append(f"  {name:<16} {entry.reading or 'not read'}{drift}")
    if (together := state.stage_verdict) is not None:
        lines.append(f"  {'stage verdict':<16} {together.word}: {together.reason}")
    for name, metric in state.metrics.items():
        if (said := metric.verdict) is not None:
            kind = f" ({said.detail})" if said.detail else ""
            lines.append(f"  {name:<16} {said.state}{kind}: {said.reason}")
    for step in state.checklist if state.rollback is not None else ():
        lines.append(f"  {step.step.id:<16} {step.mark} {step.detail}")
    for name, source in state.sources.items():
        if source.failed_since is not None:
            lines.append(f"  {name:<16} FAILED: {source.reason}")
    lines += [f"  {'CAUTION':<16} {caution}" for caution in state.local.cautions]
    return lines + people.lines(state)


def _fits(state: State) -> str:
    """What the readings say of a rollout that is not open."""
    if any(entry.reading is None for entry in state.targets.values()):
        return "not every target could be read, so its stage is not known"
    fits = [str(number) for number in state.candidates]
    return f"the readings fit stage {' or '.join(fits)}" if fits else "the readings fit no stage"


def _halt(state: State) -> DecisionState | None:
    """The halt in force."""
    return next((entry for entry in state.decisions if entry.id == state.halted), None)


def _by(decision: DecisionState) -> str:
    why = f": {decision.reason}" if decision.reason else ""
    return f"by {_person(decision.who)} {decision.at:%Y-%m-%d %H:%M:%S}Z{why}"


def _person(who: Actor | None) -> str:
    return "?" if who is None else f"{who.user}@{who.host}"


def _decision(decision: DecisionState | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "id": decision.id,
        "verb": decision.verb.value,
        "at": _time(decision.at),
        "who": _person(decision.who),
        "reason": decision.reason,
        "outcome": decision.outcome,
    }


def as_json(state: State) -> dict[str, Any]:
    """The state as plain JSON values: what a script needs, without ledgers and plan text."""
    return {
        "rollout": state.rollout,
        "plan": state.plan.rollout,
        "plan_digest": state.plan.digest,
        "mode": state.mode.value,
        "stage": state.reached,
        "stages": [
            {"name": entry.stage.name, "mark": entry.mark.value, "confirmed_at": _time(entry.confirmed_at)}
            for entry in state.stages
        ],
        "baked_s": round(state.baked_s, 1),
        "move": state.move,
        "halted": state.halted is not None,
        "halt": _decision(_halt(state)),
        "last_decision": _decision(state.decisions[-1] if state.decisions else None),
        "closed": state.closed,
        "as_of": _time(state.as_of),
        "targets": {
            name: {
                "reads": str(entry.reading) if entry.reading else None,
                "percent": entry.reading.percent if entry.reading else None,
                "on": entry.reading.on if entry.reading else None,
                "problem": entry.reading.problem if entry.reading else None,
                "drifted_from": str(entry.drift.was) if entry.drift else None,
            }
            for name, entry in state.targets.items()
        },
        "stage_verdict": _stage_verdict(state.stage_verdict),
        "metrics": {
            name: _verdict(entry.verdict) for name, entry in state.metrics.items() if entry.verdict is not None
        },
        "checklist": [
            {"id": entry.step.id, "mark": entry.mark.value, "detail": entry.detail} for entry in state.checklist
        ],
        "sources": {
            name: {"failed_since": _time(source.failed_since), "reason": source.reason}
            for name, source in state.sources.items()
        },
        "in_doubt": [request.asks for request in state.in_doubt],
        "cautions": list(state.local.cautions),
        **people.as_json(state),
    }


def _stage_verdict(said: StageVerdict | None) -> dict[str, Any] | None:
    """The stage's verdict; None while no stage is judged."""
    if said is None:
        return None
    return {
        "word": said.word.value,
        "reason": said.reason,
        "evidence": said.evidence,
        "metric": said.metric,
        "mismatch": said.mismatch,
        "flagged": list(said.flagged),
    }


def _verdict(said: Verdict) -> dict[str, Any]:
    """A metric's verdict. JSON has no infinity: what is unbounded is null."""
    numbers = {
        "ratio": said.ratio,
        "low": said.low,
        "high": said.high,
        "evidence": said.evidence,
        "ready": said.ready,
        "lately": said.lately,
    }
    return {
        "verdict": said.state.value,
        "detail": said.detail,
        "reason": said.reason,
        "n": said.canary.n,
        **{name: value if value is not None and math.isfinite(value) else None for name, value in numbers.items()},
        "since": _time(said.since),
    }


def _time(at: Any) -> str | None:
    return None if at is None else at.isoformat()
