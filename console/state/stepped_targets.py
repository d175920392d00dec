"""Targets whose backend owns the steps: tell its controller's own progress from external changes. Pure.

A controller climbs: that is not drift, and the stage that is reached follows it. It never ends a pause without an end,
never goes back but for an abort, and never sets another version: where that happens and was not ours, it is drift.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from adapters.contract import Outcome, Phase, StepsReading, TargetReading, Wait
from console.state.requests import RequestState
from console.state.values import Drift, NoteState, RolloutState, TargetState

_NO_STEPS = StepsReading(step=0, count=0)
_FORWARD = frozenset({"set", "skip", "accept", "promote-full"})
_BACK = frozenset({"abort", "undo", "restart"})


def observe(state: RolloutState, entry: TargetState, at: datetime) -> tuple[TargetState, NoteState | None]:
    """The target after a reading of a backend that owns its steps, and the log line about it, if any."""
    now, was = entry.reading, entry.confirmed
    if now is None or was is None:
        return replace(confirm_reading(state, entry, at), drift=entry.drift), None
    swapped = _swapped_release(was, now, _own_requests(state, entry), known=entry.drift is not None)
    if _place(now) == _place(was) and swapped is None:
        return confirm_reading(state, entry, at), _pause_line(state, entry, now, at)
    why = None if _is_going_back(state, now) else swapped or _external_change(state, entry, was, now)
    if why is not None:
        return drifted_target(entry, was, now, at, why)
    moved = confirm_reading(state, entry, at)
    aborted = was.phase is Phase.ABORTED and now.phase is Phase.ABORTED  # one abort, read before and after its end
    if not aborted:
        moved = replace(moved, step_since=at, step_after=len(state.requests))
    return moved, NoteState(at=at, who=None, kind="step", text=f"{now.target}: {_step_text(was, now)}")


def drifted_target(
    entry: TargetState, was: TargetReading, now: TargetReading, at: datetime, why: str
) -> tuple[TargetState, NoteState]:
    """The target with a drift, which began when it was first read, and the log line about it."""
    drift = Drift(was=was, now=now, since=entry.drift.since if entry.drift is not None else at)
    text = f"{now.target} moved outside warroom{f' by {now.changed_by}' if now.changed_by else ''}: {why}"
    return replace(entry, drift=drift), NoteState(at=at, who=None, kind="drift", text=text)


def confirm_reading(state: RolloutState, entry: TargetState, at: datetime) -> TargetState:
    """The target with its reading confirmed, and from which request on a resume explains the end of a pause by hand."""
    now, was = entry.reading, entry.confirmed
    here = now is not None and was is not None and _place(was) == _place(now)
    paused, before = _is_paused(now), _is_paused(was)
    after = entry.hand_after
    if before and not paused:
        after = len(state.requests)
    elif paused and (not before or (not here and _may_have_resumed(state, entry))):
        after = max(after, _first_after(state, entry.target.name, at))
    hidden = (was is not None and _steps(was).waits is Wait.JUDGEMENT) or entry.hides_judgement
    return replace(entry, confirmed=now, drift=None, hand_after=after, hides_judgement=paused and here and hidden)


def _first_after(state: RolloutState, target: str, at: datetime) -> int:
    """From which request on a resume ends a pause by hand that is read at `at` for the first time.

    A read that was under way while our resume arrived may still show the pause that this one took back.
    """
    last = _last_by_hand(state, target)
    if last is None or last.action == "pause":
        return len(state.requests)
    ended_s = 0.0 if last.settled_at is None else (at - last.settled_at).total_seconds()
    late = ended_s > state.plan.timing.read_deadline_s
    return len(state.requests) if late else tuple(state.requests).index(last.id)


def _steps(reading: TargetReading) -> StepsReading:
    """The steps of a reading; none at all for a backend that owned none when it was read."""
    return reading.steps or _NO_STEPS


def _is_paused(reading: TargetReading | None) -> bool:
    return reading is not None and _steps(reading).waits is Wait.MANUAL


def _place(reading: TargetReading) -> tuple[object, ...]:
    """Where it stands, whatever the pods and the clock say."""
    steps = _steps(reading)
    return (reading.versions.canary, steps.step, reading.phase is Phase.ABORTED, steps.at_rest, steps.skipped)


def _own_requests(state: RolloutState, entry: TargetState) -> list[RequestState]:
    """Our own requests that may explain where it stands: those since it came to the step it was confirmed at.

    By the order in which they were recorded: the clocks of two consoles may differ.
    """
    return [
        request
        for place, request in enumerate(state.requests.values())
        if request.target == entry.target.name
        and (request.answers or (request.known_outcome is not Outcome.REFUSED and place >= entry.step_after))
    ]


def _effective_requests(state: RolloutState, target: str, first: int = 0) -> list[RequestState]:
    """Our requests to a target that were not refused, from the one at `first` on."""
    ours = [request for request in tuple(state.requests.values())[first:] if request.target == target]
    return [request for request in ours if request.known_outcome is not Outcome.REFUSED]


def _may_have_resumed(state: RolloutState, entry: TargetState) -> bool:
    """Whether a resume of ours may have ended the pause by hand that it was confirmed at."""
    return any(each.action == "resume" for each in _effective_requests(state, entry.target.name, entry.hand_after))


def _is_going_back(state: RolloutState, now: TargetReading) -> bool:
    """Whether the version that it goes to is the one that our rollback has sent it to, however long it climbs."""
    if now.versions.canary is None:  # it has no name yet
        return False
    return any(each.setting.version == now.versions.canary for each in _effective_requests(state, now.target))


def _external_change(state: RolloutState, entry: TargetState, was: TargetReading, now: TargetReading) -> str | None:
    """A change by neither the controller nor us, in words; None where it was one of the two."""
    ours, before, after = _own_requests(state, entry), _steps(was), _steps(now)
    back = any(request.action.split()[0] in _BACK for request in ours)
    if now.versions.canary != was.versions.canary:
        begun = (before.at_rest and not was.percent) or was.versions.canary is None  # it had no name yet
        if begun and not back and after.asks_s is not None and not after.at_rest:
            return _unanswered_gate(replace(before, step=0, own=after.own), after, ours)
        return None if back or begun else f"version {now.versions.canary} was set instead of {was.versions.canary}"
    if now.phase is Phase.ABORTED:
        return None
    if was.phase is Phase.ABORTED:
        return None if any(request.action == "retry" for request in ours) else "its abort was taken back"
    if after.skipped not in (None, before.skipped) and not any(request.action == "skip" for request in ours):
        return after.skipped
    if after.step < before.step:
        return None if back else f"step {before.step} -> {after.step}"
    judgement = before.waits is Wait.JUDGEMENT or entry.hides_judgement
    why = _ended_pause(was, now, [request for request in ours if request.action in _FORWARD], judgement=judgement)
    resumed = _may_have_resumed(state, entry) or any(request.action == "promote-full" for request in ours)
    return why or _ended_hand_pause(before, after, resumed=resumed)


def _swapped_release(was: TargetReading, now: TargetReading, ours: list[RequestState], *, known: bool) -> str | None:
    """That something else was set while the waiting release was let in: before it was begun, or as it began.

    `known`: that it drifted was seen before; it stays so though the promote has lapsed by now.
    """
    before, after = was.versions, now.versions
    if before.canary is not None or None in (before.release, after.release) or before.release == after.release:
        return None
    step, steps = _steps(was).step, _steps(now)
    let_in = any(
        request.known_outcome is Outcome.ACCEPTED and any(answer.step == step for answer in request.answers)
        for request in ours
    )
    begun = after.canary is not None and steps.asks_s is not None and not steps.at_rest
    return f"{after.release} was set while {before.release} was let in" if let_in or begun or known else None


def _ended_pause(was: TargetReading, now: TargetReading, ours: list[RequestState], *, judgement: bool) -> str | None:
    """Which pause was ended that never ends by itself; each of our requests ends one.

    One that was decided on the reading `was` ends the pause at its step, of whatever kind, and none further on.
    `judgement`: an analysis at that step was inconclusive; a pause by hand may hide it.
    """
    before, after = _steps(was), _steps(now)
    if any(request.action == "promote-full" for request in ours):
        return None
    if now.changed_by is not None and not ours:
        return f"step {before.step} -> {after.step}"
    if after.asks_s is not None:
        return _unanswered_gate(before, after, ours)
    passed = range(before.step, after.step)
    endless = [step for step in passed if _is_endless(before, step) or (judgement and step == before.step)]
    free = [request for request in ours if request.seen is None or request.seen != was.versions.revision]
    first = int(before.step in endless and len(free) < len(ours))
    if len(endless) - first <= len(free):
        return None
    return f"step {before.step} -> {after.step}, past the pause at step {endless[-1]}"


def _is_endless(steps: StepsReading, step: int) -> bool:
    own = steps.own[step] if step < len(steps.own) else None
    return own is not None and own.waits and own.lasts_s is None


def _ended_hand_pause(before: StepsReading, after: StepsReading, *, resumed: bool) -> str | None:
    """That a pause by hand was taken back outside this rollout, as shown by how far the target has gone on.

    A controller that was at it when the pause by hand came still finishes the step it was at.
    """
    if before.waits is not Wait.MANUAL or resumed or after.asks_s is not None:
        return None
    passed = after.step - before.step
    if after.waits is Wait.MANUAL and passed <= 1:
        return None
    gone_on = passed > 0 or (after.at_rest and not before.at_rest)
    return f"step {before.step} -> {after.step}, past the pause by hand at step {before.step}" if gone_on else None


def _unanswered_gate(before: StepsReading, after: StepsReading, ours: list[RequestState]) -> str | None:
    """The first gate that a backend which asks has passed without our answer; each is answered once per step."""
    answered = {answer.step for request in ours for answer in request.answers}
    for step in range(before.step, min(after.step, len(before.own))):
        if before.own[step].waits and step not in answered:
            return f"step {before.step} -> {after.step}, past the gate at step {step}, which warroom did not answer"
    return None


def _pause_line(state: RolloutState, entry: TargetState, now: TargetReading, at: datetime) -> NoteState | None:
    """A log line for a pause by hand that was set or taken back outside this rollout."""
    paused = _is_paused(now)
    if paused is _is_paused(entry.confirmed or now):
        return None
    if _was_paused_by_us(state, entry, at) if paused else _may_have_resumed(state, entry):
        return None
    verb = "paused" if paused else "resumed"
    return NoteState(at=at, who=None, kind="drift", text=f"{now.target} was {verb} by hand outside warroom")


def _was_paused_by_us(state: RolloutState, entry: TargetState, at: datetime) -> bool:
    """Whether a pause by hand that is read at `at` for the first time is our own, perhaps one that we took back."""
    last = _last_by_hand(state, entry.target.name)
    if last is None or last.action == "pause":
        return last is not None
    resume = _first_after(state, entry.target.name, at)
    earlier = tuple(state.requests.values())[entry.hand_after : resume]
    ours = any(request.target == entry.target.name and request.action == "pause" for request in earlier)
    return ours and resume < len(state.requests)


def _last_by_hand(state: RolloutState, target: str) -> RequestState | None:
    """Our last pause or resume of a target that was not refused."""
    by_hand = [each for each in _effective_requests(state, target) if each.action in ("pause", "resume")]
    return by_hand[-1] if by_hand else None


def _version(now: TargetReading) -> str:
    """The version that is rolled out; until its backend has begun with it, it may have no name."""
    return "a new version" if now.versions.canary is None else f"version {now.versions.canary}"


def _step_text(was: TargetReading, now: TargetReading) -> str:
    steps = _steps(now)
    if now.versions.canary != was.versions.canary:
        return f"{_version(now)} is wanted"
    if now.phase is Phase.ABORTED:
        return f"aborted: {now.detail}"
    if steps.at_rest:
        return f"{_version(now)} has everything"
    there = steps.own[steps.step].text if steps.step < len(steps.own) else "the last step"
    return f"step {_steps(was).step} -> {steps.step} of {steps.count}: {there}"


def goes_on(reading: TargetReading | None) -> bool:
    """Whether a target that owns its steps goes on by itself."""
    if reading is None or reading.steps is None or reading.steps.at_rest:
        return False
    return reading.phase is Phase.PROGRESSING or reading.steps.waits is Wait.TIMER


def has_to_ask(reading: TargetReading | None) -> bool:
    """Whether an accepted promote waits for the target's own question; without one it lapses (`gate_answers`)."""
    steps = None if reading is None else reading.steps
    if reading is None or steps is None or steps.asks_s is None or steps.at_rest:
        return False
    return reading.phase is not Phase.ABORTED and steps.waits is not Wait.MANUAL


def stands_still(state: RolloutState, entry: TargetState) -> bool:
    """Whether a target would go nowhere even without a pause by hand: finished, aborted, or paused by hand already."""
    reading = entry.reading
    if reading is None or reading.steps is None:
        return False
    finished = reading.steps.at_rest and bool(reading.percent)
    return finished or reading.phase is Phase.ABORTED or _paused_by_hand(state, entry, reading, doubt=False)


def may_be_paused(state: RolloutState, entry: TargetState) -> bool:
    """Whether there is a pause by hand to take back, as far as is known."""
    reading = entry.reading
    return reading is None or reading.steps is None or _paused_by_hand(state, entry, reading, doubt=True)


def _paused_by_hand(state: RolloutState, entry: TargetState, reading: TargetReading, *, doubt: bool) -> bool:
    """Whether it is paused by hand, as read or as asked for since; `doubt` where neither is sure.

    A read that was under way while our call arrived may not show it yet.
    """
    last, paused = _last_by_hand(state, entry.target.name), _is_paused(reading)
    if last is None or paused is (last.action == "pause"):
        return paused
    if last.settled_at is None or entry.read_at is None or last.settled_at >= entry.read_at:
        return last.action == "pause" if last.known_outcome is Outcome.ACCEPTED else doubt
    late = (entry.read_at - last.settled_at).total_seconds() > state.plan.timing.read_deadline_s
    return paused if late else doubt


def stages_reached_alone(state: RolloutState) -> int:
    """The number of further stages that the controllers reached without a promote: their targets read as set."""
    if state.promoting is not None or state.reached is None or state.rollback is not None or state.closed is not None:
        return 0
    found = 0
    for stage in state.stages[state.reached :]:
        entries = [(state.targets[name], setting) for name, setting in stage.stage.sets.items()]
        owned = any(entry.steps is not None for entry, _ in entries)
        if not owned or not all(entry.drift is None and entry.satisfies(setting) for entry, setting in entries):
            break
        found += 1
    return found
