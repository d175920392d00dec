"""The time that a rollout goes by: that of the console that polls, whatever the clocks of others show. Pure.

An event carries its author's time. Where that contradicts the order of the journal by more than a moment, the order
counts: an event happened after the poll recorded before it, and before the poll recorded after it. So a wait neither
ends too early nor lasts for as long as a clock is wrong. Recordings without `mono_s` in their samples keep the times
that their authors gave.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from console.state.ledger import place_after
from console.state.requests import DecisionState, RequestState
from console.state.values import AnyState, MetricState, RolloutState, TargetState

ORDER_S = 10.0
"""How far a time may contradict the order: events and samples are written at their own pace."""

_T = TypeVar("_T")


def event_time(state: RolloutState, at: datetime) -> datetime:
    """When an event that is dated `at` happened: not before the poll that was recorded before it."""
    polled = state.polled
    return at if polled is None or at >= polled.at - timedelta(seconds=ORDER_S) else polled.at


def after_event(state: AnyState, at: datetime) -> AnyState:
    """The state that remembers the latest time given since the last poll."""
    return state if state.latest_at is not None and at <= state.latest_at else replace(state, latest_at=at)


def not_after_poll(state: RolloutState, at: datetime) -> RolloutState:
    """The state in which no time lies beyond that of a poll: what was recorded before it happened before it."""
    limit, polled, latest = at + timedelta(seconds=ORDER_S), state.polled, state.latest_at
    if polled is None or polled.at > limit or (latest is not None and latest > limit):
        return _pull_back(state, at, limit)
    return state


def _pull_back(state: RolloutState, at: datetime, limit: datetime) -> RolloutState:
    """The state with `at` for every time beyond `limit`."""

    def back(moment: datetime | None) -> datetime | None:
        return at if moment is not None and moment > limit else moment

    pen = replace(state.pen, since=back(state.pen.since), seen_at=back(state.pen.seen_at))
    return replace(
        state,
        opened_at=back(state.opened_at),
        stage_since=back(state.stage_since),
        clocked_at=back(state.clocked_at),
        rolled_back_at=back(state.rolled_back_at),
        acted_at=back(state.acted_at),
        boundaries=tuple(each if each.at <= limit else replace(each, at=at) for each in state.boundaries),
        stages=tuple(_with_times(each, confirmed_at=back(each.confirmed_at)) for each in state.stages),
        checklist=tuple(_with_times(each, since=back(each.since)) for each in state.checklist),
        decisions=tuple(_decision_before(each, at, limit) for each in state.decisions),
        requests={key: _request_before(each, at, limit) for key, each in state.requests.items()},
        targets={key: _target_before(each, at, limit) for key, each in state.targets.items()},
        metrics={key: _metric_before(each, at, limit) for key, each in state.metrics.items()},
        sources={
            key: _with_times(each, ok_at=back(each.ok_at), failed_since=back(each.failed_since))
            for key, each in state.sources.items()
        },
        pen=pen,
    )


def _with_times(value: _T, **times: datetime | None) -> _T:
    """`value` with other times; the same object where they are the same."""
    same = all(getattr(value, name) == time for name, time in times.items())
    return value if same else replace(value, **times)  # type: ignore[type-var]


def _decision_before(entry: DecisionState, at: datetime, limit: datetime) -> DecisionState:
    return entry if entry.happened_at <= limit else replace(entry, recorded_at=at)


def _request_before(request: RequestState, at: datetime, limit: datetime) -> RequestState:
    if request.happened_at > limit:
        request = replace(request, recorded_at=at)
    if request.settled_at is not None and request.settled_at > limit:
        request = replace(request, settled_at=at)
    if any(answer.at > limit for answer in request.answers):
        request = replace(request, answers=tuple(_with_times(each, at=min(each.at, at)) for each in request.answers))
    return request


def _target_before(entry: TargetState, at: datetime, limit: datetime) -> TargetState:
    def back(moment: datetime | None) -> datetime | None:
        return at if moment is not None and moment > limit else moment

    if entry.drift is not None and entry.drift.since > limit:
        entry = replace(entry, drift=replace(entry.drift, since=at))
    times = {"read_at": back(entry.read_at), "held_since": back(entry.held_since), "step_since": back(entry.step_since)}
    return _with_times(entry, **times)


def _metric_before(entry: MetricState, at: datetime, limit: datetime) -> MetricState:
    """The metric without ticks of the future; judged anew where one of them was judged."""

    def back(moment: datetime | None) -> datetime | None:
        return at if moment is not None and moment > limit else moment

    if entry.track is not None and entry.track.judged_to > limit.timestamp():
        entry = replace(entry, track=None)
    if entry.ledger and entry.ledger[-1].at > limit:
        entry = replace(entry, ledger=entry.ledger[: place_after(entry.ledger, limit.timestamp())])
    if any(moment > limit for moment in entry.overrides):
        entry = replace(entry, overrides=tuple(min(moment, at) for moment in entry.overrides))
    names = ("canary_at", "baseline_at", "read_at", "said_at")
    return _with_times(entry, **{name: back(getattr(entry, name)) for name in names})
