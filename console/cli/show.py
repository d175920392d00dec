"""`warroom status`: show where a rollout stands. Changes and sends nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
from contextlib import closing, nullcontext
from typing import Any

from console.cli import people
from console.cli.exits import Exit, with_exit_codes
from console.cli.paths import chosen_journal, open_to_read
from console.events.evidence import Actor
from console.judge.verdict import StageVerdict, Verdict
from console.plan.loader import load
from console.state.clocks import clock_lines
from console.state.requests import DecisionState
from console.state.rollout_marks import mark_lines
from console.state.unbelieved import unbelieved_text
from console.state.values import State


@with_exit_codes
def status_command(options: argparse.Namespace) -> int:
    """Run `warroom status PLAN`: join the open rollout in memory, read every source once, and print.

    A source that cannot be read is a FAILED line and not an exit code: the rest of the status is still shown.
    """
    from console.engine.single_read import read_once

    plan = load(options.plan)
    location = chosen_journal(options.journal)
    with closing(open_to_read(location)) if location.exists() else nullcontext() as journal:
        state = asyncio.run(read_once(plan, journal, location.state_dir))
    if options.json:
        print(json.dumps({"journal": str(location), **as_json(state)}, indent=2))
        return Exit.OK
    print(f"warroom: journal {location}{'' if journal is not None else ' does not exist yet'}", file=sys.stderr)
    for line in status_lines(state):
        print(line)
    return Exit.OK


def status_lines(state: State) -> list[str]:
    """The state as lines of text."""
    reached = "unknown" if state.reached is None else str(state.reached)
    lines = [f"{state.rollout}  {state.mode}  stage {reached} of {len(state.stages)}"]
    if state.closed is None and state.opened_at is None:
        lines = [f"{state.plan.rollout}  not opened; {_fitting_stages(state)}"]
    if (halt := _halt(state)) is not None:
        lines.append(f"  {'HALTED':<16} {_by_whom(halt)}")
    if state.decisions:
        last = state.decisions[-1]
        lines.append(f"  {'last decision':<16} {last.verb} {last.outcome}, {_by_whom(last)}")
    for name, entry in state.targets.items():
        drift = f"  DRIFTED from {entry.drift.was}" if entry.drift else ""
        lines.append(f"  {name:<16} {entry.reading or 'not read'}{drift}")
    if (together := state.stage_verdict) is not None:
        lines.append(f"  {'stage verdict':<16} {together.word}: {together.reason}")
    for name, metric in state.metrics.items():
        if (verdict := metric.verdict) is not None:
            kind = f" ({verdict.detail})" if verdict.detail else ""
            lines.append(f"  {name:<16} {verdict.state}{kind}: {verdict.reason}")
    for step in state.checklist if state.rollback is not None else ():
        lines.append(f"  {step.step.id:<16} {step.mark} {step.detail}")
    for name, source in state.sources.items():
        if source.failed_since is not None:
            lines.append(f"  {name:<16} FAILED: {source.reason}")
    if (unbelieved := unbelieved_text(state)) is not None:
        lines.append(f"  {'NOT BELIEVED':<16} {unbelieved}")
    lines += [f"  {'CAUTION':<16} {caution}" for caution in (*state.local.cautions, *mark_lines(state))]
    lines += [f"  {'CLOCK':<16} {line}" for line in clock_lines(state)]
    return lines + people.people_lines(state)


def _fitting_stages(state: State) -> str:
    """The stages that the readings fit, for a rollout that is not open."""
    if any(entry.reading is None for entry in state.targets.values()):
        return "not every target could be read, so the stage is unknown"
    fits = [str(number) for number in state.candidates]
    return f"the readings fit stage {' or '.join(fits)}" if fits else "the readings fit no stage"


def _halt(state: State) -> DecisionState | None:
    """The decision of the halt in force; None while none is."""
    return next((entry for entry in state.decisions if entry.id == state.halted), None)


def _by_whom(decision: DecisionState) -> str:
    why = f": {decision.reason}" if decision.reason else ""
    return f"by {_person(decision.who)} {decision.at:%Y-%m-%d %H:%M:%S}Z{why}"


def _person(who: Actor | None) -> str:
    return "?" if who is None else who.name_at_host


def _decision_json(decision: DecisionState | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "id": decision.id,
        "verb": decision.verb.value,
        "at": _iso(decision.at),
        "who": _person(decision.who),
        "reason": decision.reason,
        "outcome": decision.outcome,
    }


def as_json(state: State) -> dict[str, Any]:
    """The state as plain JSON values for scripts, without ledgers and the plan's text."""
    return {
        "rollout": state.rollout,
        "plan": state.plan.rollout,
        "plan_digest": state.plan.digest,
        "mode": state.mode.value,
        "stage": state.reached,
        "stages": [
            {"name": entry.stage.name, "mark": entry.mark.value, "confirmed_at": _iso(entry.confirmed_at)}
            for entry in state.stages
        ],
        "baked_s": round(state.baked_s, 1),
        "move": state.move,
        "halted": state.halted is not None,
        "halt": _decision_json(_halt(state)),
        "last_decision": _decision_json(state.decisions[-1] if state.decisions else None),
        "closed": state.closed,
        "as_of": _iso(state.as_of),
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
        "stage_verdict": _stage_verdict_json(state.stage_verdict),
        "metrics": {
            name: _verdict_json(entry.verdict) for name, entry in state.metrics.items() if entry.verdict is not None
        },
        "checklist": [
            {"id": entry.step.id, "mark": entry.mark.value, "detail": entry.detail} for entry in state.checklist
        ],
        "sources": {
            name: {"failed_since": _iso(source.failed_since), "reason": source.reason}
            for name, source in state.sources.items()
        },
        "in_doubt": [request.asks for request in state.in_doubt],
        "unbelieved": {
            "count": state.unbelieved_count,
            "samples": state.local.dropped_samples,
            "rows": [{"seq": row.seq, "by": row.by, "reason": row.reason} for row in state.unbelieved],
        },
        "cautions": [*state.local.cautions, *mark_lines(state)],
        "clocks": clock_lines(state),
        **people.as_json(state),
    }


def _stage_verdict_json(verdict: StageVerdict | None) -> dict[str, Any] | None:
    """The stage's verdict; None while no stage is judged."""
    if verdict is None:
        return None
    return {
        "word": verdict.word.value,
        "reason": verdict.reason,
        "evidence": verdict.evidence,
        "metric": verdict.metric,
        "mismatch": verdict.mismatch,
        "flagged": list(verdict.flagged),
    }


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A metric's verdict. JSON has no infinity: an unbounded number is null."""
    numbers = {
        "ratio": verdict.ratio,
        "low": verdict.low,
        "high": verdict.high,
        "evidence": verdict.evidence,
        "ready": verdict.ready,
        "lately": verdict.lately,
    }
    return {
        "verdict": verdict.state.value,
        "detail": verdict.detail,
        "reason": verdict.reason,
        "n": verdict.canary.n,
        **{name: value if value is not None and math.isfinite(value) else None for name, value in numbers.items()},
        "since": _iso(verdict.since),
    }


def _iso(at: Any) -> str | None:
    return None if at is None else at.isoformat()
