"""Targets whose backend owns the steps: what its controller does by itself, and what somebody else did. Pure.

A controller climbs: that is not drift, and the stage that is reached follows it. It never ends a pause without an end,
never goes back but for an abort, and never sets another version: whoever did, and it was not us, is shown.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from adapters.contract import Outcome, Phase, TargetReading, Wait
from console.state.requests import RequestState
from console.state.values import Drift, NoteState, RolloutState, TargetState

_FORWARD = frozenset({"set", "skip", "accept", "promote-full"})
_BACK = frozenset({"abort", "undo", "restart"})


def observe(state: RolloutState, entry: TargetState, at: datetime) -> tuple[TargetState, NoteState | None]:
    """A target after a reading of a backend that owns its steps, and what there is to say about it in the log."""
    now, was = entry.reading, entry.confirmed
    if now is None or was is None:
        return replace(confirmed_now(state, entry, at), drift=entry.drift), None
    swapped = _swapped(was, now, _own_requests(state, entry), known=entry.drift is not None)
    if _place(now) == _place(was) and swapped is None:
        return confirmed_now(state, entry, at), _by_hand(state, entry, was, now, at)
    why = None if _going_back(state, now) else swapped or _external_change(state, entry, was, now)
    name = entry.target.name
    if why is None:
        aborted = was.phase is Phase.ABORTED and now.phase is Phase.ABORTED  # one abort, read before and after its end
        moved = confirmed_now(state, entry, at)
        if not aborted:
            moved = replace(moved, step_since=at, step_after=len(state.requests))
        return moved, NoteState(at=at, who=None, kind="step", text=f"{name}: {_news(was, now)}")
    drift = Drift(was=was, now=now, since=entry.drift.since if entry.drift is not None else at)
    by = f" by {now.changed_by}" if now.changed_by else ""
    return replace(entry, drift=drift), NoteState(
        at=at, who=None, kind="drift", text=f"{name} moved outside warroom{by}: {why}"
    )


def confirmed_now(state: RolloutState, entry: TargetState, at: datetime) -> TargetState:
    """The target with its reading confirmed, and from which request on a resume explains the end of a pause by hand."""
    now, was = entry.reading, entry.confirmed
    here = now is not None and was is not None and _place(was) == _place(now)
    paused, before = (reading is not None and reading.waits is Wait.MANUAL for reading in (now, was))
    after = entry.hand_after
    if before and not paused:
        after = len(state.requests)
    elif paused and (not before or (not here and _resumed(state, entry))):
        after = max(after, _first_after(state, entry.target.name, at))
    hidden = (was is not None and was.waits is Wait.JUDGEMENT) or entry.hides_judgement
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


def _place(reading: TargetReading) -> tuple[object, ...]:
    """Where it stands, whatever the pods and the clock say."""
    return (reading.canary_version, reading.step, reading.phase is Phase.ABORTED, reading.at_rest, reading.skipped)


def _own_requests(state: RolloutState, entry: TargetState) -> list[RequestState]:
    """Our own requests that may explain where it stands: those since it came to the step it was confirmed at.

    By the order in which they were recorded: the clocks of two consoles may differ.
    """
    return [
        request
        for place, request in enumerate(state.requests.values())
        if request.target == entry.target.name
        and (request.known_outcome is not Outcome.REFUSED or request.answers)
        and (place >= entry.step_after or request.answers)
    ]


def _resumed(state: RolloutState, entry: TargetState) -> bool:
    """Whether a resume of ours may have ended the pause by hand that it was confirmed at."""
    return any(
        request.target == entry.target.name
        and request.action == "resume"
        and request.known_outcome is not Outcome.REFUSED
        for request in tuple(state.requests.values())[entry.hand_after :]
    )


def _going_back(state: RolloutState, now: TargetReading) -> bool:
    """Whether the version that it goes to is the one that our rollback has sent it to, however long it climbs."""
    if now.canary_version is None:  # it has no name yet
        return False
    return any(
        request.target == now.target
        and request.setting.version == now.canary_version
        and request.known_outcome is not Outcome.REFUSED
        for request in state.requests.values()
    )


def _external_change(state: RolloutState, entry: TargetState, was: TargetReading, now: TargetReading) -> str | None:
    """What somebody else did, in words; None where it was the controller, or us."""
    ours = _own_requests(state, entry)
    back = any(request.action.split()[0] in _BACK for request in ours)
    if now.canary_version != was.canary_version:
        begun = (was.at_rest and not was.percent) or was.canary_version is None  # it had no name yet
        if begun and not back and now.asks_s is not None and not now.at_rest:
            return _unanswered(replace(was, step=0, own_steps=now.own_steps), now, ours)
        return None if back or begun else f"version {now.canary_version} was set instead of {was.canary_version}"
    if now.phase is Phase.ABORTED:
        return None
    if was.phase is Phase.ABORTED:
        return None if any(request.action == "retry" for request in ours) else "its abort was taken back"
    if now.skipped is not None and now.skipped != was.skipped and not any(r.action == "skip" for r in ours):
        return now.skipped
    if (now.step or 0) < (was.step or 0):
        return None if back else f"step {was.step} -> {now.step}"
    judgement = was.waits is Wait.JUDGEMENT or entry.hides_judgement
    why = _ended(was, now, [request for request in ours if request.action in _FORWARD], judgement=judgement)
    return why or _released(was, now, resumed=_resumed(state, entry) or any(r.action == "promote-full" for r in ours))


def _swapped(was: TargetReading, now: TargetReading, ours: list[RequestState], *, known: bool) -> str | None:
    """That something else was set while what waited to start was let in: before it was begun, or as it began.

    `known`: that it drifted was seen before; it stays so though the promote has lapsed by now.
    """
    if was.canary_version is not None or None in (was.release, now.release) or was.release == now.release:
        return None
    let_in = any(
        request.known_outcome is Outcome.ACCEPTED and any(answer.step == was.step for answer in request.answers)
        for request in ours
    )
    begun = now.canary_version is not None and now.asks_s is not None and not now.at_rest
    return f"{now.release} was set while {was.release} was let in" if let_in or begun or known else None


def _ended(was: TargetReading, now: TargetReading, ours: list[RequestState], *, judgement: bool) -> str | None:
    """Which pause was ended that never ends by itself; each of our requests ends one.

    One that was decided on the reading `was` ends the pause at its step, of whatever kind, and none further on.
    `judgement`: an analysis at that step was inconclusive; a pause by hand may hide it.
    """
    if any(request.action == "promote-full" for request in ours):
        return None
    if now.changed_by is not None and not ours:
        return f"step {was.step} -> {now.step}"
    if now.asks_s is not None:
        return _unanswered(was, now, ours)
    passed = range(was.step or 0, now.step or 0)
    endless = [step for step in passed if _endless(was, step) or (judgement and step == was.step)]
    free = [request for request in ours if request.seen is None or request.seen != was.revision]
    first = int(was.step in endless and len(free) < len(ours))
    if len(endless) - first <= len(free):
        return None
    return f"step {was.step} -> {now.step}, past the pause at step {endless[-1]}"


def _endless(reading: TargetReading, step: int) -> bool:
    """Whether a step is a pause without an end."""
    own = reading.own_steps[step] if step < len(reading.own_steps) else None
    return own is not None and own.waits and own.lasts_s is None


def _released(was: TargetReading, now: TargetReading, *, resumed: bool) -> str | None:
    """That a pause by hand was taken back by somebody else, told by how far it has gone on.

    A controller that was at it when the pause by hand came still finishes the step it was at.
    """
    if was.waits is not Wait.MANUAL or resumed or now.asks_s is not None:
        return None
    passed = (now.step or 0) - (was.step or 0)
    if now.waits is Wait.MANUAL and passed <= 1:
        return None
    gone_on = passed > 0 or (now.at_rest and not was.at_rest)
    return f"step {was.step} -> {now.step}, past the pause by hand at step {was.step}" if gone_on else None


def _unanswered(was: TargetReading, now: TargetReading, ours: list[RequestState]) -> str | None:
    """The same for a backend that asks: each gate that it passed was answered, once per step, whoever promoted when."""
    answered = {answer.step for request in ours for answer in request.answers}
    for step in range(was.step or 0, min(now.step or 0, len(was.own_steps))):
        if was.own_steps[step].waits and step not in answered:
            return f"step {was.step} -> {now.step}, past the gate at step {step}, which warroom did not answer"
    return None


def _by_hand(
    state: RolloutState, entry: TargetState, was: TargetReading, now: TargetReading, at: datetime
) -> NoteState | None:
    """A line for a pause by hand that somebody else set or took back."""
    if (now.waits is Wait.MANUAL) is (was.waits is Wait.MANUAL):
        return None
    last = _last_by_hand(state, now.target)
    paused = now.waits is Wait.MANUAL
    if _resumed(state, entry) if not paused else last is not None and last.action == "pause":
        return None
    verb = "paused" if paused else "resumed"
    return NoteState(at=at, who=None, kind="drift", text=f"{now.target} was {verb} by hand outside warroom")


def _last_by_hand(state: RolloutState, target: str) -> RequestState | None:
    """Our last pause or resume of a target that was not refused."""
    for request in reversed(tuple(state.requests.values())):
        by_hand = request.target == target and request.action in ("pause", "resume")
        if by_hand and request.known_outcome is not Outcome.REFUSED:
            return request
    return None


def _version(now: TargetReading) -> str:
    """What is rolled out; until its backend has begun with it, it may have no name."""
    return "a new version" if now.canary_version is None else f"version {now.canary_version}"


def _news(was: TargetReading, now: TargetReading) -> str:
    if now.canary_version != was.canary_version:
        return f"{_version(now)} is wanted"
    if now.phase is Phase.ABORTED:
        return f"aborted: {now.detail}"
    if now.at_rest:
        return f"{_version(now)} has everything"
    there = now.own_steps[now.step].text if now.step is not None and now.step < len(now.own_steps) else "the last step"
    return f"step {was.step} -> {now.step} of {now.steps}: {there}"


def on_its_way(reading: TargetReading | None) -> bool:
    """Whether a target that owns its steps goes on without anybody."""
    if reading is None or reading.steps is None or reading.at_rest:
        return False
    return reading.phase is Phase.PROGRESSING or reading.waits is Wait.TIMER


def has_to_ask(reading: TargetReading | None) -> bool:
    """Whether an accepted promote waits for the target's own question; one that never comes lapses (`asked`)."""
    if reading is None or reading.asks_s is None or reading.at_rest:
        return False
    return reading.phase is not Phase.ABORTED and reading.waits is not Wait.MANUAL


def stands_still(state: RolloutState, entry: TargetState) -> bool:
    """Whether a target would go nowhere even without a pause by hand: finished, aborted, or paused by hand already."""
    reading = entry.reading
    if reading is None or reading.steps is None:
        return False
    finished = reading.at_rest and bool(reading.percent)
    return finished or reading.phase is Phase.ABORTED or _paused_by_hand(state, entry, reading, doubt=False)


def held(state: RolloutState, entry: TargetState) -> bool:
    """Whether there is a pause to take back, as far as it can be told."""
    reading = entry.reading
    return reading is None or reading.steps is None or _paused_by_hand(state, entry, reading, doubt=True)


def _paused_by_hand(state: RolloutState, entry: TargetState, reading: TargetReading, *, doubt: bool) -> bool:
    """Whether it is paused by hand, as read or as asked for since; `doubt` where that call may not have arrived."""
    last = _last_by_hand(state, entry.target.name)
    if last is None or (last.settled_at is not None and entry.read_at is not None and last.settled_at < entry.read_at):
        return reading.waits is Wait.MANUAL
    return last.action == "pause" if last.known_outcome is Outcome.ACCEPTED else doubt


def reached_alone(state: RolloutState) -> int:
    """How many further stages the controllers reached by themselves: their targets read as set, and nobody promoted."""
    if state.promoting is not None or state.reached is None or state.rollback is not None or state.closed is not None:
        return 0
    found = 0
    for stage in state.stages[state.reached :]:
        entries = [(state.targets[name], setting) for name, setting in stage.stage.sets.items()]
        owned = any(entry.reading is not None and entry.reading.steps is not None for entry, _ in entries)
        there = all(entry.reading is not None and entry.reading.satisfies(setting) for entry, setting in entries)
        if not (owned and there) or any(entry.drift is not None for entry, _ in entries):
            break
        found += 1
    return found
