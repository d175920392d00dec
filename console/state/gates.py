"""The gates: what each verb needs, good or bad, in words. Keys, headless verbs and the engine all ask here."""

from __future__ import annotations

from console.events.evidence import Gate, Verb
from console.events.verbs import VERBS, ReasonRule
from console.judge.verdict import VerdictState
from console.plan.nouns import Role
from console.state import access_gates, orders
from console.state.before import asked_targets, before_line
from console.state.checklist import reads_back
from console.state.exposure import deploy_share
from console.state.halt import halt_gates
from console.state.recovery import recoveries
from console.state.rollout_marks import mark_gates
from console.state.samples import stale_part
from console.state.succession import kept_steps
from console.state.targets import unread_targets, unset_targets
from console.state.values import TROUBLED, Mode, StageMark, State, StepMark


def gates_for(state: State, verb: Verb) -> tuple[Gate, ...]:
    """Every condition of `verb` in the order an operator should read them."""
    if state.closed is not None:
        return (Gate("open", ok=False, why=f"the rollout is closed ({state.closed})"),)
    mine = access_gates.pen_gate(state, verb)
    if VERBS[verb].needs_authority:
        mine += access_gates.authority_gate(state, verb.value)
    found = [*(gate for gate in mine if not gate.ok), *_own_gates(state, verb), *(gate for gate in mine if gate.ok)]
    return (*found, *access_gates.override_gate(state, found))


def _own_gates(state: State, verb: Verb) -> tuple[Gate, ...]:
    """The conditions of `verb` itself, the same for every operator."""
    match verb:
        case Verb.PROMOTE:
            approval = access_gates.approval_gate(state) if state.rollback is None else []
            calendar, marks = access_gates.window_gates(state), mark_gates(state)
            return (*_forward_gates(state), *approval, *marks, *_evidence_gates(state), *calendar)
        case Verb.HALT:
            return halt_gates(state)
        case Verb.RESUME:
            return (
                _gate("halted", state.halted is not None, "halted", "not halted"),
                _gate("rollback", state.rollback is None, "no rollback", "a rollback was begun: nothing moves forward"),
                *mark_gates(state),
                *access_gates.window_gates(state),
            )
        case Verb.ROLLBACK:
            return _rollback_gates(state)
        case Verb.PLACE:
            open_ = state.reached is None or bool(asked_targets(state))
            return (_gate("place", open_, "the opening was ambiguous", "the stage is known"),)
        case Verb.ACCEPT:
            changes = outside_changes(state)
            return (_gate("change", bool(changes), "; ".join(changes), "nothing has changed outside"),)
        case Verb.CONFIRM:
            waiting = [entry.step.id for entry in state.checklist if entry.mark is StepMark.WAITING]
            begun = state.rollback is not None and bool(waiting)
            return (_gate("waiting step", begun, f"waiting: {', '.join(waiting)}", "no rollback step waits for you"),)
        case Verb.SKIP:
            left = skippable_steps(state)
            return (_gate("step left", bool(left), f"not done: {', '.join(left)}", "no rollback step is left to skip"),)
        case Verb.ORDER:
            return (*orders.order_gates(state), *access_gates.authority_gate(state, Verb.PROMOTE.value))
        case Verb.CLOSE:
            return _close_gates(state)
        case Verb.APPROVE:
            return tuple(access_gates.approve_gates(state))
        case Verb.TAKE:
            return tuple(access_gates.take_gates(state))
        case Verb.OFFER | Verb.HANDOFF:
            return tuple(access_gates.give_gates(state))


def why_not(state: State, verb: Verb) -> str | None:
    """Why `verb` cannot be had now whatever one types (first closed hard gate), or None."""
    return next((gate.why for gate in gates_for(state, verb) if gate.hard and not gate.ok), None)


def typed_word(state: State, verb: Verb, subject: str | None = None) -> str | None:
    """The word that has to be typed for `verb`, because it cannot be taken back or only a person can vouch for it.

    A manual stage: its name. A rollback past a one-way stage: "rollback". A rollback step that is confirmed by hand or
    skipped: its id, which is `subject`. An order: its word.
    """
    match verb:
        case Verb.CONFIRM | Verb.SKIP:
            return subject
        case Verb.ORDER:
            return orders.order_word(subject)
        case Verb.PROMOTE:
            return state.next.stage.name if state.next is not None and state.next.stage.manual is not None else None
        case Verb.ROLLBACK:
            return "rollback" if state.past_one_way is not None and state.rollback is None else None
        case Verb.HALT | Verb.RESUME | Verb.ACCEPT | Verb.PLACE | Verb.APPROVE | Verb.CLOSE:
            return None
        case Verb.TAKE | Verb.OFFER | Verb.HANDOFF:
            return None


def waiting_step(state: State) -> str | None:
    """Id of the rollback step that is a person's turn now; None while the automatic ones must go on first."""
    if state.rollback is None:
        return None
    automatic = [entry for entry in state.checklist if entry.step.manual is None and not entry.is_held]
    if not state.local.running and not all(entry.is_over for entry in automatic):
        return None
    return next((entry.step.id for entry in state.checklist if entry.mark is StepMark.WAITING), None)


def skippable_steps(state: State) -> list[str]:
    """The ids of the rollback steps that may be skipped; before a rollback, those of targets of an earlier plan."""
    if state.rollback is None:
        return kept_steps(state)
    return [entry.step.id for entry in state.checklist if not entry.is_over]


def why_unfit(state: State, verb: Verb, subject: str | None) -> str | None:
    """Why `verb` cannot be about `subject` (as in Intent), or None."""
    match verb:
        case Verb.PLACE:
            if state.reached is not None:
                return "; ".join(before_line(state, name) for name in asked_targets(state)) or "the stage is known"
            known = state.stages_named(subject) is not None
            return None if known else f"say which stage: a number from 0 to {len(state.stages)}"
        case Verb.ACCEPT:
            if subject == "plan":
                return _why_unfit_plan(state)
            drifted = [name for name, entry in state.targets.items() if entry.drift is not None]
            changed = [*drifted, *(["plan"] if state.local.edited is not None else [])]
            return None if subject in drifted else f"say what to accept: {', '.join(changed) or 'nothing has changed'}"
        case Verb.CONFIRM:
            waiting = [entry.step.id for entry in state.checklist if entry.mark is StepMark.WAITING]
            return None if subject in waiting else f"say which step: {', '.join(waiting) or 'none waits'}"
        case Verb.SKIP:
            left = skippable_steps(state)
            return None if subject in left else f"say which step: {', '.join(left) or 'none is left'}"
        case Verb.ORDER:
            return orders.why_unfit_order(state, subject)
        case Verb.OFFER:
            me = state.local.operator
            mine = me is not None and subject in (me.user, me.login)
            return "say to whom: a user" if not subject else "you hold the pen already" if mine else None
        case Verb.PROMOTE | Verb.HALT | Verb.RESUME | Verb.ROLLBACK | Verb.APPROVE | Verb.CLOSE:
            return None
        case Verb.TAKE | Verb.HANDOFF:
            return None


def needs_reason(state: State, verb: Verb) -> bool:
    """Whether `verb` asks for a reason, overrides aside: a note left, a step skipped, the pen taken from its holder."""
    if VERBS[verb].reason is ReasonRule.AT_SOFT_GATE:
        return any(not gate.ok and not gate.hard for gate in gates_for(state, verb))
    return VERBS[verb].reason is ReasonRule.ALWAYS


def _why_unfit_plan(state: State) -> str | None:
    if state.local.edited is None:
        return "the plan file was not edited"
    if state.rollback is not None:
        return "a rollback goes on by the plan it began with"
    if state.in_flight:
        return "a call is still in flight"
    return None


def outside_changes(state: State) -> list[str]:
    """Changes made outside this rollout, in words: drifted targets, an edited plan file."""
    found = []
    for name, entry in state.targets.items():
        if (drift := entry.drift) is not None:
            by = f" by {drift.now.changed_by}" if drift.now.changed_by else ""
            found.append(f"{name} drifted {drift.was} -> {drift.now}{by}")
    return [*found, "the plan file was edited"] if state.local.edited is not None else found


def _gate(name: str, ok: bool, good: str, bad: str, *, hard: bool = True) -> Gate:
    return Gate(name, ok, good if ok else bad, hard)


def _soft(name: str, why: str) -> Gate:
    """A closed gate that an override may open."""
    return Gate(name, ok=False, why=why, hard=False)


def _forward_gates(state: State) -> list[Gate]:
    """The gates that no override opens: the state of the rollout itself."""
    broken = state.local.journal.broken
    unplaced = "stage unknown: say where it stands (s, or warroom place)"
    found = [
        _gate("journal", broken is None, "journal writable", f"UNJOURNALED: {broken}"),
        *(Gate("before", ok=False, why=before_line(state, name)) for name in asked_targets(state)),
        _gate("placed", state.reached is not None, "stage known", unplaced),
        _gate("rollback", state.rollback is None, "no rollback", "a rollback was begun: close the rollout (c)"),
        _gate("halt", state.halted is None, "not halted", "halted: resume first (u)"),
    ]
    if state.reached is not None:
        last = state.reached == len(state.stages)
        found.append(_gate("stages", not last, "a stage is left", "the last stage is reached: close the rollout (c)"))
    found += [Gate("in flight", ok=False, why=f"{each.asks} is still in flight") for each in state.in_flight]
    for request in state.in_doubt:
        why = f"in doubt: {request.asks}: {request.reason}; a read will tell"
        found.append(Gate("in doubt", ok=False, why=why))
    coming = state.next
    if state.promoting is not None and coming is not None and coming.mark is StageMark.REQUESTED:
        found.append(Gate("confirmed", ok=False, why=f"{coming.stage.name} is requested and not read as set yet"))
    elif state.promoting is not None and coming is not None and (open_ := unread_targets(state, coming.number)):
        why = f"{', '.join(open_)} accepted and not read since: a read will tell what is left to send"
        found.append(Gate("confirmed", ok=False, why=why))
    found += [Gate("change", ok=False, why=f"{each}: accept it (a) or undo it") for each in outside_changes(state)]
    if coming is not None:
        for name in coming.stage.sets:
            reading = state.targets[name].reading
            if reading is not None and reading.problem is not None:
                found.append(Gate("target", ok=False, why=f"{name}: {reading.problem}"))
        for name in unset_targets(state, coming.number):
            reading = state.targets[name].reading
            if reading is not None and reading.steps is not None and "promote" in reading.cannot:
                found.append(Gate("target", ok=False, why=f"{name}: {reading.cannot['promote']}"))
    return found


def _evidence_gates(state: State) -> list[Gate]:
    """The gates that an override may open: freshness, bake, verdicts."""
    found: list[Gate] = []
    if state.reached is None:
        return found
    if state.as_of is None:
        return [_soft("fresh", "nothing was judged yet")]
    stale = stale_part(state, state.as_of)
    found.append(_gate("fresh", stale is None, "all data fresh", stale or "", hard=False))
    failing = [(name, source) for name, source in state.sources.items() if source.failed_since is not None]
    found += [_soft("source", f"{name} fails: {source.reason}") for name, source in failing]
    if not state.plan.critical:
        found.append(Gate("metrics", ok=True, why="NO METRICS: no verdict gate", hard=False))
    if state.reached == 0:
        return found
    finishing = state.promoting is not None
    if not finishing:
        found.append(_bake_gate(state))
    if not state.exposing:
        return found
    together = state.stage_verdict
    if together is not None and together.mismatch is not None:
        given = deploy_share(state)
        why = f"TRAFFIC MISMATCH: {together.mismatch * 100:.2g} % of the requests reach the canary, {given:g} % should"
        found.append(_soft("traffic", why))
    for name, entry in state.metrics.items():
        verdict, critical = entry.verdict, entry.metric.role is Role.CRITICAL
        if verdict is None:
            found += [_soft("verdict", f"{name} was not judged yet")] if critical else []
        elif critical and not finishing:
            ok = verdict.state is VerdictState.PASS
            word = "passes" if ok else "FAIL" if entry.is_failing else verdict.detail or verdict.state.value
            found.append(Gate("verdict", ok=ok, why=f"{name} {word}: {verdict.reason}", hard=False))
        elif entry.is_failing:
            found.append(_soft("verdict", f"{name} FAIL: {verdict.reason}"))
    return found


def _bake_gate(state: State) -> Gate:
    wanted = state.current.stage.bake_s if state.current is not None else 0.0
    ok = state.baked_s >= wanted
    why = f"baked {_clock_text(min(state.baked_s, wanted))} of {_clock_text(wanted)}" if wanted else "no bake time"
    return Gate("bake", ok=ok, why=why, hard=False)


def _clock_text(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _rollback_gates(state: State) -> tuple[Gate, ...]:
    if state.mode is Mode.ROLLED_BACK:
        return (Gate("rollback", ok=False, why="everything is rolled back: close the rollout (c)"),)
    if state.local.running and not any(entry.mark in TROUBLED for entry in state.checklist):
        return (Gate("rollback", ok=False, why="the rollback is under way"),)
    return (Gate("rollback", ok=True, why="always allowed"),)


def _recovery_gates(state: State) -> list[Gate]:
    """Whether a rollback really took everything back: what was skipped, and the metrics against what they were."""
    skipped = [entry for entry in state.checklist if entry.mark is StepMark.SKIPPED]
    left = [entry for entry in skipped if entry.step.manual is not None or not reads_back(entry, state)]
    found = [_soft("skipped", f"{entry.step.id} {entry.detail or 'skipped'}") for entry in left]
    for each in recoveries(state):
        word = "is back" if each.back else "NOT BACK" if each.back is False else "recovery not known yet"
        found.append(Gate("recovery", ok=each.back is True, why=f"{each.metric} {word}: {each.why}", hard=False))
    return found


def _close_gates(state: State) -> tuple[Gate, ...]:
    flying = [f"{request.target} is still in flight" for request in state.in_flight]
    whole = state.mode in (Mode.COMPLETE, Mode.ROLLED_BACK)
    found = [
        _gate("in flight", not flying, "nothing in flight", "; ".join(flying)),
        _gate("finished", whole, state.mode.value, f"{state.mode.value}: not complete, not rolled back", hard=False),
    ]
    failing = [name for name, entry in state.metrics.items() if entry.is_failing]
    rolled_back = state.mode is Mode.ROLLED_BACK
    found += _recovery_gates(state) if rolled_back else [_soft("verdict", f"{name} FAIL") for name in failing]
    if not rolled_back:
        kept = [(name, entry.reading) for name, entry in state.targets.items() if entry.target.kept]
        found += [_soft("kept", f"{name} of an earlier plan reads {reads or 'nothing yet'}") for name, reads in kept]
    doubtful = [request for request in state.requests.values() if request.in_doubt]
    return (*found, *(_soft("in doubt", f"{request.target} is in doubt") for request in doubtful))
