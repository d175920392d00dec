"""`status` and `log`: what is known, as text for a person or as JSON. Neither changes or sends anything."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from adapters.registry import ConnectError, UnknownAdapter
from console.cli.exits import Exit
from console.cli.paths import connector, journal_path
from console.events.evidence import Card
from console.events.kinds import DecisionTaken
from console.journal.contract import Broken, Decided, Journal
from console.plan.load import load
from console.plan.problems import PlanError
from console.state.values import State


def _guarded(command: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    try:
        return command(options)
    except (PlanError, ConnectError, UnknownAdapter, ValueError) as error:
        print(error if isinstance(error, PlanError) else f"warroom: {error}", file=sys.stderr)
        return Exit.USAGE
    except Broken as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.JOURNAL


def status(options: argparse.Namespace) -> int:
    """`warroom status PLAN`: joins the open rollout in memory, reads every source once, and prints."""
    return _guarded(_status, options)


def log(options: argparse.Namespace) -> int:
    """`warroom log [ROLLOUT|DECISION]`."""
    return _guarded(_log, options)


def _status(options: argparse.Namespace) -> int:
    from console.engine.peek import peek

    plan = load(options.plan)
    path = journal_path(options.journal)
    journal = connector(path)() if path.exists() else None
    try:
        state = asyncio.run(peek(plan, journal, path.parent))
    finally:
        if journal is not None:
            journal.close()
    if options.json:
        print(json.dumps(as_json(state), indent=2))
        return Exit.OK
    for line in _status_lines(state):
        print(line)
    return Exit.OK


def _status_lines(state: State) -> list[str]:
    reached = "unknown" if state.reached is None else str(state.reached)
    lines = [f"{state.rollout}  {state.mode}  stage {reached} of {len(state.stages)}"]
    if state.closed is None and state.opened_at is None:
        lines = [f"{state.plan.rollout}  not opened; the readings fit stage {reached}"]
    for name, entry in state.targets.items():
        drift = f"  DRIFTED from {entry.drift.was}" if entry.drift else ""
        lines.append(f"  {name:<16} {entry.reading or 'not read'}{drift}")
    for name, metric in state.metrics.items():
        if metric.verdict is not None:
            lines.append(f"  {name:<16} {metric.verdict.state}: {metric.verdict.reason}")
    for step in state.checklist if state.rollback is not None else ():
        lines.append(f"  {step.step.id:<16} {step.mark} {step.detail}")
    for name, source in state.sources.items():
        if source.failed_since is not None:
            lines.append(f"  {name:<16} FAILED: {source.reason}")
    return lines


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
        "metrics": {
            name: {"verdict": entry.verdict.state.value, "reason": entry.verdict.reason, "n": entry.verdict.canary.n}
            for name, entry in state.metrics.items()
            if entry.verdict is not None
        },
        "checklist": [
            {"id": entry.step.id, "mark": entry.mark.value, "detail": entry.detail} for entry in state.checklist
        ],
        "sources": {
            name: {"failed_since": _time(source.failed_since), "reason": source.reason}
            for name, source in state.sources.items()
        },
        "in_doubt": [request.asks for request in state.in_doubt],
    }


def _time(at: Any) -> str | None:
    return None if at is None else at.isoformat()


def _log(options: argparse.Namespace) -> int:
    path = journal_path(options.journal)
    if not path.exists():
        raise Broken(f"journal {path}: there is none yet; `warroom run PLAN` begins one")
    journal = connector(path)()
    try:
        return _print_log(journal, options.which, options.json)
    finally:
        journal.close()


def _print_log(journal: Journal, which: str | None, as_lines: bool) -> int:
    runs = {run.rollout for run in journal.runs()}
    if which is not None and which not in runs:
        return _print_decision(journal, which, as_lines)
    decisions = journal.decisions(which)
    for decided in decisions:
        print(json.dumps(asdict(decided)) if as_lines else _line(decided))
    if not decisions and not as_lines:
        print("no decisions yet")
    return Exit.OK


def _line(decided: Decided) -> str:
    subject = f" {decided.subject}" if decided.subject else ""
    why = f"  {decided.reason}" if decided.reason else ""
    forced = f"  OVERRIDE: {decided.override}" if decided.override else ""
    at = decided.at[:19].replace("T", " ")
    head = f"{decided.id[:8]}  {at}Z  {decided.rollout}  {decided.who}  {decided.verb}{subject}"
    return f"{head}  stage {decided.stage}  {decided.outcome}{why}{forced}"


def _print_decision(journal: Journal, which: str, as_lines: bool) -> int:
    found = [decided for decided in journal.decisions() if decided.id.startswith(which)]
    if len(found) != 1:
        what = "no rollout and no decision" if not found else f"{len(found)} decisions"
        print(f"warroom: {what} {which!r} in the journal; `warroom log` lists them", file=sys.stderr)
        return Exit.USAGE
    decided = found[0]
    event = next(entry.event for entry in journal.tail(decided.rollout, decided.seq - 1))
    if not isinstance(event, DecisionTaken):
        raise Broken(f"decision {which} cannot be read by this version")
    if as_lines:
        print(event.model_dump_json())
        return Exit.OK
    print(_line(decided))
    for line in card_text(event.card):
        print(f"  {line}")
    return Exit.OK


def card_text(card: Card) -> list[str]:
    """A stored card as plain lines: what was on the screen when it was decided."""
    lines = [f"{card.verb}: {card.stage_from} -> {card.stage_to}, as of {card.as_of:%Y-%m-%d %H:%M:%S}Z"]
    lines += [f"gate  {'ok    ' if gate.ok else 'CLOSED'} {gate.why}" for gate in card.gates]
    for metric in card.metrics:
        age = "no data" if metric.age_s is None else f"{metric.age_s:.0f} s old"
        lines.append(
            f"saw   {metric.metric} {metric.verdict}: {metric.reason}; "
            f"canary {metric.canary}, baseline {metric.baseline}, {age}"
        )
    for target in card.targets:
        lines.append(
            f"saw   {target.target} reads {target.reads}" + (f" -> {target.becomes}" if target.becomes else "")
        )
    lines += [f"call  {call.backend}: {call.text}" for call in card.calls]
    lines += [f"skip  {line}" for line in card.skipped]
    return lines + [f"warn  {line}" for line in card.warnings]
