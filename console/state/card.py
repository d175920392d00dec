"""The decision card as of now: what the operator sees, and exactly what the decision will store."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from adapters.contract import Setting, Shape
from console.events.evidence import ROLLED_BACK, Card, MetricEvidence, PlannedCall, TargetEvidence, Verb
from console.events.verbs import PEN
from console.judge.verdict import ArmTotals, Verdict, VerdictState
from console.state.checklist import reads_as
from console.state.exposure import deploy_share
from console.state.gates import gates_for
from console.state.local import Preview
from console.state.orders import preview_key
from console.state.raising import why_held
from console.state.rollout_marks import mark_lines
from console.state.targets import unset_targets
from console.state.values import MetricState, State

_PERSONAL = ("pen", "authority", "approval", "override")
"""Gates of a promote that speak of this console's operator, not of the rollout."""


def card_for(state: State, verb: Verb, subject: str | None = None) -> Card:
    """The card of `verb`; `subject` as in Intent."""
    key = preview_key(subject or "") if verb is Verb.ORDER else _shown_verb(verb).value
    preview = state.local.previews.get(key)
    return Card(
        verb=verb,
        stage_from=_stands_at(state),
        stage_to=_stage_to(state, verb, subject),
        move=state.move,
        as_of=state.as_of or datetime.fromtimestamp(0, UTC),
        gates=gates_for(state, verb),
        metrics=() if verb in PEN else tuple(_metric_evidence(entry) for entry in state.metrics.values()),
        targets=() if verb in PEN else tuple(_target_evidence(state, verb, subject)),
        calls=_calls(preview, verb, subject),
        skipped=tuple(_skipped_lines(state, verb)),
        warnings=tuple(_warning_lines(state, verb, subject)) + (preview.notes if preview is not None else ()),
    )


def _calls(preview: Preview | None, verb: Verb, subject: str | None) -> tuple[PlannedCall, ...]:
    calls = preview.calls if preview is not None else ()
    return tuple(call for call in calls if call.step == subject) if verb is Verb.CONFIRM else calls


def _shown_verb(verb: Verb) -> Verb:
    """The verb whose doing a card shows: what is approved is a promote."""
    return Verb.PROMOTE if verb is Verb.APPROVE else verb


def _stands_at(state: State) -> str:
    return ROLLED_BACK if state.rolled_back_at is not None else _stage_name(state, state.reached)


def _stage_name(state: State, number: int | None) -> str:
    if number is None:
        return "unknown"
    return state.stages[number - 1].stage.name if number > 0 else "start"


def _stage_to(state: State, verb: Verb, subject: str | None) -> str:
    if _shown_verb(verb) is Verb.PROMOTE:
        return state.next.stage.name if state.next is not None else _stage_name(state, state.reached)
    if verb is Verb.ROLLBACK:
        return ROLLED_BACK
    if verb is Verb.ORDER and subject:
        return subject
    if verb is Verb.PLACE and (number := state.stages_named(subject)) is not None:
        return _stage_name(state, number)
    return _stands_at(state)


def wanted_settings(state: State, verb: Verb, subject: str | None = None) -> dict[str, Setting]:
    """Target -> setting that `verb` asks for: only what does not read as set.

    `subject`: the step that is confirmed; None for every one that waits to be sent.
    """
    if _shown_verb(verb) is Verb.PROMOTE and state.next is not None:
        missing = unset_targets(state, state.next.number)
        return {name: setting for name, setting in state.next.stage.sets.items() if name in missing}
    if verb is Verb.ROLLBACK:
        steps = [entry for entry in state.checklist if not entry.is_over and why_held(state, entry) is None]
    elif verb is Verb.CONFIRM:
        steps = [entry for entry in state.checklist if entry.is_held and subject in (None, entry.step.id)]
    else:
        return {}
    asked = [item for entry in steps for item in entry.step.sets.items()]
    return {name: setting for name, setting in asked if not reads_as(state, name, setting)}


def _target_evidence(state: State, verb: Verb, subject: str | None) -> list[TargetEvidence]:
    becomes = wanted_settings(state, verb, subject)
    found = []
    for name, entry in state.targets.items():
        age = (state.as_of - entry.read_at).total_seconds() if state.as_of and entry.read_at else None
        reads, seen = "not read", None
        if (reading := entry.reading) is not None:
            reads = f"{reading} ({reading.problem})" if reading.problem else str(reading)
            seen = reading.versions.revision
        setting = becomes.get(name)
        found.append(TargetEvidence(name, reads, str(setting) if setting else None, age, entry.target.team, seen))
    return found


def _metric_evidence(entry: MetricState) -> MetricEvidence:
    verdict = entry.verdict or Verdict(entry.metric.name, VerdictState.NO_DATA, "not assessed yet")
    shape = entry.metric.query.shape
    return MetricEvidence(
        metric=entry.metric.name,
        role=entry.metric.role.value,
        verdict=verdict.state.value,
        reason=verdict.reason,
        canary=_arm_text(verdict.canary, shape),
        baseline=_arm_text(verdict.baseline, shape),
        n=verdict.canary.n,
        age_s=verdict.age_s,
        ratio=_finite(verdict.ratio),
        low=_finite(verdict.low),
        high=_finite(verdict.high),
        evidence=_finite(verdict.evidence),
        detail=verdict.detail,
        ready=_finite(verdict.ready),
        brief=verdict.brief,
    )


def _backend_notes(state: State, verb: Verb, subject: str | None) -> list[str]:
    """Notes of the backends to be read before this verb."""
    if verb not in (Verb.PROMOTE, Verb.ROLLBACK, Verb.ORDER):
        return []
    named = (subject or "").partition(" ")[0]
    touched = {named} & set(state.targets) if verb is Verb.ORDER else wanted_settings(state, verb)
    found = []
    for name in touched:
        reading = state.targets[name].reading
        if reading is None or reading.steps is None:
            continue
        found += [f"{name}: {note}" for note in reading.notes]
        if verb is Verb.ROLLBACK and reading.cannot.get("abort", "").startswith("you lack"):
            found.append(f"{name}: {reading.cannot['abort']}")
    return found


def _finite(value: float | None) -> float | None:
    """JSON has no infinity; None on a stored card means "no bound"."""
    return None if value is None or math.isinf(value) else value


def _arm_text(totals: ArmTotals, shape: Shape) -> str:
    if totals.value is None:
        return "none"
    if shape is Shape.GAUGE:
        return f"{totals.value:.3g} over {totals.n:.0f} ticks"
    return f"{totals.value * 100:.3g} % of {totals.n:,.0f}"


def _skipped_lines(state: State, verb: Verb) -> list[str]:
    if _shown_verb(verb) is Verb.PROMOTE and state.next is not None:
        asked = wanted_settings(state, verb)
        there = [name for name in state.next.stage.sets if name not in asked]
        return [f"{name} already reads {state.targets[name].reading}" for name in there]
    if verb is Verb.ROLLBACK:
        done = [f"{entry.step.id}: {entry.mark} already" for entry in state.checklist if entry.is_over]
        return done + [
            f"{entry.step.id}: {name} already reads {state.targets[name].reading}"
            for entry in state.checklist
            if not entry.is_over
            for name, setting in entry.step.sets.items()
            if reads_as(state, name, setting)
        ]
    return []


def _warning_lines(state: State, verb: Verb, subject: str | None) -> list[str]:
    found = [*state.local.cautions, *mark_lines(state)]
    one_way = state.past_one_way
    if verb is Verb.ROLLBACK and one_way is not None:
        found.append(f"PAST THE POINT OF NO RETURN ({one_way.name}): freeze (h) or roll forward instead")
    if _shown_verb(verb) is Verb.PROMOTE and state.next is not None and state.next.stage.one_way:
        found.append(f"{state.next.stage.name} is ONE-WAY: after it, roll back is no longer safe")
    if verb is Verb.ACCEPT and subject == "plan":
        found.extend(state.local.moves)
    if verb is Verb.APPROVE:
        closed = [gate.why for gate in gates_for(state, Verb.PROMOTE) if not gate.ok and gate.name not in _PERSONAL]
        found.extend(f"not yet: {why}" for why in closed)
    if verb is Verb.TAKE and state.handoff is not None:
        who = f"{state.handoff.who.name} left" if state.handoff.who is not None else "left"
        found.append(f"{who}: {state.handoff.text}")
    me = state.local.operator
    if verb is Verb.TAKE and state.pen.note and me is not None and state.pen.offered_to(me):
        found.append(f"with the offer: {state.pen.note}")
    share = deploy_share(state)
    if verb is Verb.HALT:
        found.append(f"{share:g} % of the traffic stays on the canary; r rolls back" if share else "nothing is exposed")
    if verb is Verb.ROLLBACK:
        manual = [entry.step for entry in state.checklist if entry.step.manual is not None and not entry.is_over]
        found += [f"{step.id} is done by hand: {step.manual}" for step in manual]
        held = [(entry.step.id, why_held(state, entry)) for entry in state.checklist if not entry.is_over]
        found += [f"{step} waits for you: it {why}" for step, why in held if why is not None]
    found.extend(_backend_notes(state, verb, subject))
    found += [f"{each.asks} is in flight" for each in state.in_flight]
    found += [f"{each.asks} is in doubt" for each in state.in_doubt]
    if state.local.journal.broken is not None:
        found.append(f"UNJOURNALED: {state.local.journal.broken}")
    return found
