"""A checkpoint and the events give the state of a full replay, bit for bit; anything odd gives none."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Buckets, Gauge, MetricReply, Reading, Setting, Shape
from console.engine.replay import ReplayPoint, checkpoint_at, digest_of, point_after, readable_parts
from console.events.evidence import Verb
from console.events.kinds import Event, Noted, SourceRead
from console.journal.contract import JournalEntry
from console.judge.latency import LatencyTrack
from console.plan.nouns import Metric, Plan
from console.state.checkpoint import difference, sample_parts, with_sample_parts
from console.state.checkpoint_codec import decode_parts, encode_parts
from console.state.checkpoint_types import BadCheckpoint, slots_of, stored_slots
from console.state.folding import blank
from console.state.rules import RULES
from console.state.values import StageMark
from tests.plausible import happen, story
from tests.rollout_rig import EDGE, Story
from tests.rules_digest import rules_digest
from tests.states import PLAN


def entries_of(events: list[Event]) -> tuple[list[JournalEntry], list[JournalEntry]]:
    """(events, samples) as a journal numbers them."""
    facts: list[JournalEntry] = []
    samples: list[JournalEntry] = []
    for event in events:
        if isinstance(event, SourceRead):
            samples.append(JournalEntry(len(facts), event, len(samples) + 1))
        else:
            facts.append(JournalEntry(len(facts) + 1, event))
    return facts, samples


def replayed(told: Story, events: list[Event]) -> ReplayPoint:
    start = blank(PLAN, "checkout-v42/1", told.state.plans)
    return point_after(ReplayPoint(start, 0, start), *entries_of(events))


def restored(at: ReplayPoint) -> ReplayPoint:
    """The same place by its checkpoint and the events alone."""
    made = checkpoint_at(at, "chain")
    assert made is not None and at.bare is not None
    parts = readable_parts(made.body, at.bare, None)
    assert parts is not None
    return ReplayPoint(with_sample_parts(at.bare, parts), made.sample, at.bare)


def judged(shape: Shape = Shape.COUNTS) -> ReplayPoint:
    """A rollout whose metrics of `shape` were judged for a while."""
    told = Story()
    told.open()
    told.flow(200)
    told.promote()
    told.flow(600, bad=130)
    told.decide(Verb.HALT)
    return replayed(told, told.events)


def timed(events: list[Event]) -> list[Event]:
    """The events with the samples of today, which carry the time since a boot."""
    return [
        event.model_copy(update={"mono_s": event.at.timestamp() % 1e6, "boot": "b"})
        if isinstance(event, SourceRead)
        else event
        for event in events
    ]


@settings(max_examples=120, deadline=None)
@given(st.data(), st.integers(0, 60), st.booleans())
def test_a_replay_from_a_checkpoint_is_a_full_replay_bit_for_bit(data: st.DataObject, cut: int, is_timed: bool) -> None:
    told = story()
    happen(told, data, at_most=35)
    events = timed(told.events) if is_timed else told.events
    facts, samples = entries_of(events)
    whole = replayed(told, events)
    again = restored(replayed(told, events[:cut]))
    left = [entry for entry in samples if (entry.sample or 0) > again.sample]
    assert difference(point_after(again, facts, left).state, whole.state) is None


@settings(max_examples=30, deadline=None)
@given(st.data(), st.lists(st.integers(0, 40), max_size=4))
def test_a_checkpoint_made_from_a_checkpoint_is_the_same(data: st.DataObject, cuts: list[int]) -> None:
    told = story()
    happen(told, data, at_most=35)
    facts, samples = entries_of(told.events)
    at = replayed(told, [])
    for cut in sorted(cuts):
        known, polled = entries_of(told.events[:cut])
        fresh = [entry for entry in polled if (entry.sample or 0) > at.sample]
        at = restored(point_after(at, known, fresh))
    left = [entry for entry in samples if (entry.sample or 0) > at.sample]
    assert difference(point_after(at, facts, left).state, replayed(told, told.events).state) is None


def test_a_judged_rollout_comes_back_with_tracks_that_go_on_alike() -> None:
    at = judged()
    again = restored(at)
    assert again.state.metrics["errors"].track is not None
    assert again.state == at.state


def test_a_checkpoint_of_the_newest_ticks_judges_on_as_the_whole_one_does() -> None:
    told = Story()
    told.open()
    told.flow(200)
    told.promote()
    told.flow(900, bad=130)
    at = replayed(told, told.events)
    told.flow(60, bad=130)
    assert at.bare is not None
    parts = decode_parts(encode_parts(sample_parts(at.state)), at.bare.metrics, 20)
    short = ReplayPoint(with_sample_parts(at.bare, parts), at.sample)
    facts, samples = entries_of(told.events)
    left = [entry for entry in samples if (entry.sample or 0) > at.sample]
    went_on, whole = point_after(short, facts, left).state, replayed(told, told.events).state
    assert len(parts.metrics["errors"].ledger) == 20
    assert went_on.metrics["errors"].track == whole.metrics["errors"].track != at.state.metrics["errors"].track


def with_metric(shape: Shape, sample: Callable[[int, float], Any]) -> ReplayPoint:
    """A rollout whose metric "errors" has another shape; `sample`: of (tick, factor of the arm)."""
    metric = PLAN.metrics["errors"]
    query = replace(metric.query, shape=shape)
    changed: Metric = replace(metric, query=query)
    plan: Plan = replace(PLAN, metrics={**PLAN.metrics, "errors": changed})
    told = Story(plan)
    told.open()
    for number in range(200):
        if number == 60:
            told.promote()
        told.wait(10)
        tick = told.at - timedelta(seconds=told.at.timestamp() % 10)
        reading = Reading(tick, sample(number, 1.1), sample(number, 1.0))
        reply = MetricReply("errors", (reading,), told.at, told.at)
        told.tell(SourceRead(at=told.at, source="prom", replies=(reply,), targets=tuple(told.state.targets)))
    start = blank(plan, "checkout-v42/1", told.state.plans)
    return point_after(ReplayPoint(start, 0, start), *entries_of(told.events))


def test_a_gauge_comes_back_with_its_instances() -> None:
    at = with_metric(Shape.GAUGE, lambda tick, factor: Gauge(factor * (1 + tick % 7), (0.1 * tick, factor)))
    assert at.state.metrics["errors"].track is not None
    assert restored(at).state == at.state


def test_a_histogram_comes_back_with_its_edges() -> None:
    def buckets(tick: int, factor: float) -> Buckets:
        return Buckets(1000.0, ((0.1, 700.0 + tick % 3), (0.5, 950.0 - factor), (1.0, 990.0)))

    at = with_metric(Shape.HISTOGRAM, buckets)
    track = at.state.metrics["errors"].track
    assert track is not None and isinstance(track.model, LatencyTrack) and track.model.edges
    assert restored(at).state == at.state


def test_every_part_of_a_stored_class_is_stored() -> None:
    assert {kind: set(slots) for kind, slots in stored_slots().items()} == {
        kind: set(slots_of(kind)) for kind in stored_slots()
    }


def test_the_version_of_fold_and_judge_is_that_of_the_code() -> None:
    """After a change of these rooms `python -m tests.rules_digest` writes the new version."""
    assert rules_digest() == RULES


@pytest.mark.parametrize("changes", [{"seq": 1}, {"sample": 3}, {"chain": "other"}, {"body": b"x"}])
def test_a_checkpoint_of_something_else_has_another_digest(changes: dict[str, Any]) -> None:
    made = checkpoint_at(judged(), "chain")
    assert made is not None
    assert digest_of(replace(made, **changes), "checkout-v42/1") != made.digest


def test_a_checkpoint_of_another_rollout_has_another_digest() -> None:
    made = checkpoint_at(judged(), "chain")
    assert made is not None
    assert digest_of(made, "checkout-v42/2") != made.digest == digest_of(made, "checkout-v42/1")


def edited(edit: Callable[[Any], None]) -> bytes:
    """The bytes of a checkpoint after `edit`."""
    stored = json.loads(zlib.decompress(encode_parts(sample_parts(judged().state))))
    edit(stored)
    return zlib.compress(json.dumps(stored).encode())


def _set(*path: Any) -> Callable[[Any], None]:
    """An edit that puts the last of `path` to the place that the others name."""

    def edit(stored: Any) -> None:
        for name in path[:-2]:
            stored = stored[name]
        stored[path[-2]] = path[-1]

    return edit


EDITS = {
    "no metric": lambda stored: stored["metrics"].clear(),
    "a metric too many": _set("metrics", "more", {}),
    "a field too many": _set("more", 1),
    "a field too few": lambda stored: stored.pop("baked_s"),
    "text for a number": _set("baked_s", "1"),
    "a flag for a number": _set("baked_s", True),
    "a number beyond all floats": _set("baked_s", 10**400),
    "another class": _set("metrics", "errors", "track", 0, "Popen"),
    "a class in another place": _set("metrics", "errors", "track", 4, ["Mixture", 0.0, [1.0], 1.0]),
    "a part too few": lambda stored: stored["metrics"]["errors"]["track"].pop(),
    "an unknown stage mark": _set("stages", 0, ["shiny", ""]),
    "a time beyond the calendar": _set("clocked_at", 10**30),
    "ticks out of order": lambda stored: stored["metrics"]["errors"]["ledger"]["at"].reverse(),
    "columns of different lengths": lambda stored: stored["metrics"]["errors"]["ledger"]["canary"][1].pop(),
    "an unknown sample": _set("metrics", "errors", "ledger", "canary", 0, "x" * 80),
    "a list for the whole": lambda stored: stored.clear(),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_checkpoint_with_anything_odd_is_none(edit: Callable[[Any], None]) -> None:
    at = judged()
    assert at.bare is not None
    assert readable_parts(edited(edit), at.bare, None) is None


@pytest.mark.parametrize(
    "body", [b"", b"{}", zlib.compress(b"[]"), zlib.compress(b"[" * 100_000), zlib.compress(b'{"metrics": 1}')]
)
def test_bytes_that_are_no_checkpoint_are_none(body: bytes) -> None:
    with pytest.raises(BadCheckpoint):
        decode_parts(body, blank(PLAN, "checkout-v42/1").metrics)


def test_numbers_that_no_judge_makes_end_in_no_checkpoint_or_in_a_state_that_can_be_shown() -> None:
    at = judged()
    assert at.bare is not None
    for number in (float("nan"), float("inf"), -1e308, 0.0):
        body = edited(_set("metrics", "errors", "track", 4, 1, number))
        parts = readable_parts(body, at.bare, None)
        assert parts is None or set(parts.metrics) == set(at.state.metrics)


def test_a_checkpoint_changes_nothing_that_events_make() -> None:
    at = judged()
    assert at.bare is not None
    other = with_sample_parts(at.bare, sample_parts(at.state))
    names = ("decisions", "requests", "halted", "rollback", "reached", "boundaries", "checklist", "log", "move")
    assert [getattr(other, name) for name in names] == [getattr(at.bare, name) for name in names]
    assert other.targets[EDGE].opening == at.bare.targets[EDGE].opening


def test_a_stage_that_is_partial_by_what_polls_read_comes_back_as_it_was() -> None:
    told = Story()
    told.open()
    told.flow(60)
    decision = told.decide(Verb.PROMOTE)
    told.settle(told.send(decision, EDGE, Setting(1)))
    told.flow(60)
    told.tell(Noted(at=told.at, text="the target still reads nothing"))
    at = replayed(told, told.events)
    assert at.bare is not None
    assert (at.state.stages[0].mark, at.bare.stages[0].mark) == (StageMark.PARTIAL, StageMark.REQUESTED)
    assert restored(at).state == at.state


def test_the_bake_clock_and_the_sources_come_back() -> None:
    at = judged()
    assert at.bare is not None
    assert at.state.baked_s > at.bare.baked_s
    assert at.state.sources["prom"].ok_at != at.bare.sources["prom"].ok_at
    again = restored(at).state
    assert (again.baked_s, again.clocked_at, again.sources) == (
        at.state.baked_s,
        at.state.clocked_at,
        at.state.sources,
    )
