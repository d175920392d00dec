"""Samples: one poll of one source goes into the ledgers, and moves the bake clock while everything is fresh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from adapters.contract import MetricReply, Reading
from console.state.judging import judge_final_ticks
from console.state.ledger import Ledger, place_from
from console.state.timeline import ORDER_S, not_after_poll
from console.state.values import AnyState, MetricState, Mode, Poll, RolloutState

if TYPE_CHECKING:
    from console.events.kinds import SourceRead

FUTURE_S = 2.0
"""How far a sample may be dated ahead of our clock and still be believed."""
LEDGER_TICKS = 8640
"""Ticks kept per metric in a RolloutState (a day of 10 s ticks); the journal keeps them all."""


def apply_samples(state: RolloutState, event: SourceRead) -> RolloutState:
    """The state after a poll that answered."""
    source = state.sources.get(event.source)
    if source is not None:
        source = replace(source, ok_at=event.at, skew_s=event.skew_s)
        state = replace(state, sources={**state.sources, event.source: source})
    if event.replies:
        metrics = dict(state.metrics)
        for reply in event.replies:
            if (entry := metrics.get(reply.metric)) is not None:
                metrics[reply.metric] = judge_final_ticks(state.boundaries, _with_reply(entry, reply, event.at))
        state = replace(state, metrics=metrics)
    if event.targets:
        read = {name: replace(state.targets[name], read_at=event.at) for name in event.targets if name in state.targets}
        state = replace(state, targets={**state.targets, **read})
    return state


def _with_reply(entry: MetricState, reply: MetricReply, at: datetime) -> MetricState:
    if reply.tick_s != entry.tick_s and entry.track is None:  # its scrape interval was learned, or has changed
        entry = replace(entry, ledger=(), tick_s=reply.tick_s)
    final = entry.track.judged_to if entry.track is not None else None
    news = tuple(reading for reading in reply.readings if final is None or reading.at.timestamp() > final)
    return replace(
        entry,
        ledger=merge_ledgers(entry.ledger, news),
        late=entry.late + len(reply.readings) - len(news),
        canary_at=_newest(entry.canary_at, reply.canary_at, [r.at for r in reply.readings if r.canary], at),
        baseline_at=_newest(entry.baseline_at, reply.baseline_at, [r.at for r in reply.readings if r.baseline], at),
        read_at=at,
        partial=reply.partial,
        problem=reply.problem,
        spacing_s=reply.spacing_s or entry.spacing_s,
    )


def _newest(known: datetime | None, said: datetime | None, ticks: list[datetime], at: datetime) -> datetime | None:
    """The newest sample's time. One dated in the future is not believed: it would look fresh until that day."""
    if said is not None and said > at + timedelta(seconds=FUTURE_S):
        said = max((tick for tick in ticks if tick <= at), default=None)
    return max((moment for moment in (known, said) if moment is not None), default=None)


def merge_ledgers(ledger: Sequence[Reading], news: tuple[Reading, ...]) -> Sequence[Reading]:
    """The ledger with `news` put in: one reading per tick start, the later one wins, oldest first."""
    if not news:
        return ledger
    split = place_from(ledger, min(reading.at for reading in news))
    tail = {reading.at: reading for reading in ledger[split:]}
    tail.update((reading.at, reading) for reading in news)
    known = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
    return known[:split].with_more([tail[at] for at in sorted(tail)])[-LEDGER_TICKS:]


def advance_bake(state: AnyState, at: datetime) -> AnyState:
    """Move the bake clock on to `at`: the time since it last moved counts if everything was fresh all along."""
    return _with_bake(state, at, math.inf)


def advance_bake_by_poll(state: RolloutState, event: SourceRead) -> RolloutState:
    """Move the bake clock on to a poll, and the time of the rollout with it.

    By the time since the boot of the polling console's machine: no wall clock stops it or moves it on. After a poll of
    another machine the time in between counts for nothing. A sample from an older console has no such time.
    """
    if event.mono_s is None:
        return extended_bake(state, event.at)
    poll = Poll(event.at, event.mono_s, event.boot)
    most_s = math.inf if state.polled is None else poll.since(state.polled)
    state = not_after_poll(state, event.at)
    return replace(
        state,
        polled=poll,
        latest_at=None,
        baked_s=state.baked_s + _gained_s(state, event.at, most_s),
        clocked_at=None if state.clocked_at is None else event.at,
    )


def extended_bake(state: AnyState, at: datetime) -> AnyState:
    """Move the bake clock on to `at`, which no poll vouches for: by no more than a poll may take."""
    return _with_bake(state, at, math.inf if state.polled is None else _patience_s(state))


def _with_bake(state: AnyState, at: datetime, most_s: float) -> AnyState:
    if state.clocked_at is None or at <= state.clocked_at:
        return state
    return replace(state, baked_s=state.baked_s + _gained_s(state, at, most_s), clocked_at=at)


def _gained_s(state: RolloutState, at: datetime, most_s: float) -> float:
    """The seconds of baking up to `at`: those since the clock last moved if everything was fresh, `most_s` at most."""
    if state.clocked_at is None or state.mode not in (Mode.BAKING, Mode.WATCHING, Mode.COMPLETE):
        return 0.0
    passed_s = min((at - state.clocked_at).total_seconds(), most_s)
    return passed_s if passed_s > 0.0 and stale_part(state, at) is None else 0.0


def _patience_s(state: RolloutState) -> float:
    """How old the last read of a target may be."""
    return 3 * state.plan.timing.poll_s + state.plan.timing.read_deadline_s


def stale_part(state: RolloutState, at: datetime) -> str | None:
    """The first thing that is not fresh, in words ("STALE: ..", "waiting: .."); None when all is.

    Fresh: every target was read lately, and every critical metric has new samples of the arms that flow.
    """
    patience = _patience_s(state)
    for name, target in state.targets.items():
        if target.target.kept:  # its old backend may be gone; its source says so
            continue
        if target.read_at is None:
            return f"waiting: {name} has not been read"
        if (age := (at - target.read_at).total_seconds()) > patience:
            return f"STALE: {name} was last read {age:.0f} s ago"
        if age < -ORDER_S and state.polled is not None:
            return f"STALE: {name} was last read by a clock that is {-age:.0f} s ahead of this one"
    for metric in state.plan.critical:
        entry = state.metrics[metric.name]
        newest = entry.canary_at if state.exposing else entry.baseline_at
        silent_s = None if newest is None else (at - newest).total_seconds()
        if silent_s is not None and silent_s <= entry.stale_after_s:
            continue
        since = state.stage_since  # the canary's first samples of a young stage may still be on their way
        if state.exposing and since is not None and (at - since).total_seconds() <= entry.stale_after_s:
            return f"waiting: no samples of {metric.name} in this stage yet"
        how = "has no data" if silent_s is None else f"has a newest sample {silent_s:.0f} s old"
        return f"STALE: {metric.name} {how}"
    return None
