"""`warroom log`: list decisions and notes with their outcome. Changes and sends nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from adapters.contract import Outcome
from adapters.sanitize import one_line
from console.cli.exits import Exit, with_exit_codes
from console.cli.output import print_err
from console.cli.paths import existing_journal, open_to_read
from console.engine.believed import BelievedRecord, believed_record
from console.events.evidence import ROLLED_BACK, Actor, Card, MetricEvidence
from console.events.kinds import DecisionTaken, Noted
from console.journal.contract import Journal, JournalUnavailable
from console.journal.reading import outcome_texts
from console.judge.wording import odds
from console.state.requests import DecisionState
from console.state.unbelieved import rows_line
from console.state.values import RolloutState


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A decision or a note as the log shows it."""

    rollout: str
    seq: int
    event: DecisionTaken | Noted
    outcome: str = ""
    """Outcome of a decision's calls, as in the journal's own view; "" for a note."""
    ended: str = ""
    """Outcome in one word, then every request that was not accepted and why; "" for a note."""


@with_exit_codes
def log_command(options: argparse.Namespace) -> int:
    """Run `warroom log [PLAN-NAME|ROLLOUT|DECISION]`."""
    location = existing_journal(options.journal, " yet; `warroom run PLAN` makes it")
    with closing(open_to_read(location)) as journal:
        return _print_log(journal, options.which, options.json)


def _print_log(journal: Journal, which: str | None, as_lines: bool) -> int:
    runs = [run.rollout for run in journal.runs()]
    if which is not None:
        wanted = [run for run in runs if which in (run, run.rpartition("/")[0])]
        if not wanted:
            return _print_decision(journal, which, as_lines)
        runs = wanted
    lines = log_entries(journal, runs)
    for entry in lines:
        print(json.dumps(as_json(entry)) if as_lines else _entry_line(entry))
    if not lines and not as_lines:
        print("nothing decided or noted yet")
    return Exit.OK


def log_entries(journal: Journal, rollouts: Sequence[str]) -> list[LogEntry]:
    """The decisions and notes of `rollouts`, oldest first; names rows that are not believed on stderr.

    Raises:
        JournalUnavailable: the journal cannot be read.
    """
    found: list[LogEntry] = []
    for rollout in rollouts:
        record = believed_record(journal, rollout)
        if (line := rows_line(record.unbelieved, len(record.unbelieved))) is not None:
            print_err(f"warroom: {one_line(rollout)}: {line}; `warroom log verify` names them all")
        found += _entries_of(rollout, record)
    return sorted(found, key=lambda entry: (entry.event.at, entry.rollout, entry.seq))


def _entries_of(rollout: str, record: BelievedRecord) -> Iterator[LogEntry]:
    outcomes = outcome_texts(record.entries)
    state = record.state
    endings = {} if state is None else {entry.id: _ending_text(state, entry) for entry in state.decisions}
    for entry in record.entries:
        event = entry.event
        if isinstance(event, Noted):
            yield LogEntry(rollout, entry.seq, event)
        elif isinstance(event, DecisionTaken):
            outcome = outcomes.get(event.id, "recorded")
            yield LogEntry(rollout, entry.seq, event, outcome, endings.get(event.id, outcome))


def _ending_text(state: RolloutState, decision: DecisionState) -> str:
    trouble = [
        f"{request.asks} {request.known_outcome}: {request.reason}"
        for request in state.requests.values()
        if request.decision == decision.id and request.known_outcome not in (None, Outcome.ACCEPTED)
    ]
    if not trouble or decision.outcome == "confirmed":
        return decision.outcome
    return f"{decision.outcome}: {'; '.join(trouble)}"


def as_json(entry: LogEntry) -> dict[str, Any]:
    """One line of `log --json`: plain values; `kind` is "decision" or "note"."""
    event = entry.event
    head = {
        "rollout": entry.rollout,
        "seq": entry.seq,
        "at": event.at.isoformat(),
        "who": event.who.user if event.who is not None else "",
        "login": event.who.login if event.who is not None else None,
        "id": event.id,
    }
    if isinstance(event, Noted):
        return {"kind": "note", **head, "text": event.text}
    return {
        "kind": "decision",
        **head,
        "verb": event.verb.value,
        "stage": event.stage,
        "from": event.card.stage_from,
        "to": event.card.stage_to,
        "sets": _target_settings(event.card),
        "subject": event.subject,
        "reason": event.reason,
        "override": event.override,
        "outcome": entry.outcome,
        "ended": entry.ended,
    }


def _target_settings(card: Card) -> dict[str, str]:
    return {target.target: target.becomes for target in card.targets if target.becomes is not None}


def _entry_line(entry: LogEntry) -> str:
    event = entry.event
    head = f"{event.id[:8]}  {event.at:%Y-%m-%d %H:%M:%S}Z  {entry.rollout}  {actor_name(event.who)}"
    if isinstance(event, Noted):
        return f"{head}  note  {event.text}"
    why = f"  {event.reason}" if event.reason else ""
    forced = f"  OVERRIDE: {event.override}" if event.override else ""
    return f"{head}  {decision_summary(event)}  {entry.ended}{why}{forced}"


def actor_name(who: Actor | None) -> str:
    """The name of an author; "?" for None."""
    if who is None:
        return "?"
    return who.name


def decision_summary(event: DecisionTaken) -> str:
    """A decision in short: "promote start -> smoke (api 1 %)", "halt at smoke"."""
    card = event.card
    subject = f" {event.subject}" if event.subject else ""
    stages = f"{card.stage_from} -> {card.stage_to}"
    if card.stage_from == card.stage_to:
        stages = card.stage_from if card.stage_from == ROLLED_BACK else f"at {card.stage_from}"
    sets = ", ".join(f"{target} {becomes}" for target, becomes in _target_settings(card).items())
    return f"{event.verb}{subject} {stages}" + (f" ({sets})" if sets else "")


def _print_decision(journal: Journal, which: str, as_lines: bool) -> int:
    found = [decided for decided in journal.decisions() if decided.id.startswith(which)]
    if len(found) != 1:
        count = "no plan, no rollout and no decision" if not found else f"{len(found)} decisions"
        print(f"warroom: {count} {which!r} in the journal; `warroom log` lists them", file=sys.stderr)
        return Exit.USAGE
    entry = next(entry for entry in log_entries(journal, [found[0].rollout]) if entry.event.id == found[0].id)
    if not isinstance(entry.event, DecisionTaken):
        raise JournalUnavailable(f"this version cannot read decision {which}")
    if as_lines:
        print(entry.event.model_dump_json())
        return Exit.OK
    print(_entry_line(entry))
    for line in card_text(entry.event.card):
        print(f"  {line}")
    return Exit.OK


def _metric_line(metric: MetricEvidence) -> str:
    """One metric of a stored card: verdict, reason, odds, both arms, number of events, age."""
    age = "no data" if metric.age_s is None else f"{metric.age_s:.0f} s old"
    kind = f" ({metric.detail})" if metric.detail else ""
    strengths = [
        f"{odds(evidence)} {meaning}"
        for evidence, meaning in ((metric.evidence, "that it is worse"), (metric.ready, "for a pass"))
        if evidence is not None
    ]
    arms = f"canary {metric.canary}, baseline {metric.baseline}, n {metric.n:,.0f}, {age}"
    return f"saw   {metric.metric} {metric.verdict}{kind}: {'; '.join([metric.reason, *strengths, arms])}"


def card_text(card: Card) -> list[str]:
    """A stored card as plain lines: the evidence on screen at the time of the decision."""
    lines = [f"{card.verb}: {card.stage_from} -> {card.stage_to}, as of {card.as_of:%Y-%m-%d %H:%M:%S}Z"]
    lines += [f"gate  {'ok    ' if gate.ok else 'CLOSED'} {gate.why}" for gate in card.gates]
    lines += map(_metric_line, card.metrics)
    for target in card.targets:
        becomes = f" -> {target.becomes}" if target.becomes else ""
        lines.append(f"saw   {target.target} reads {target.reads}{becomes}")
    lines += [f"call  {call.backend}: {call.text}" for call in card.calls]
    lines += [f"skip  {line}" for line in card.skipped]
    return lines + [f"warn  {line}" for line in card.warnings]
