"""Journals of every past format are read, replayed and resumed by this version, to the same last State."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.contract import Gauge, Outcome
from console.engine.opening import resume
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken, Event, RolloutOpened, SourceRead, decode, encode
from console.journal.sqlite import SqliteJournal
from console.judge.gauges import GaugeTrack
from console.judge.latency import LatencyTrack
from console.plan.loader import parse
from console.state.assessment import assess
from console.state.card import card_for
from console.state.folding import blank, fold
from console.state.values import Mode, StageMark, State, StepMark

FOLDER = Path(__file__).parent / "journals"
Line = tuple[int, Event]


def lines(name: str) -> list[Line]:
    """(seq, event) of every line of a recorded journal."""
    texts = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    entries = [json.loads(text) for text in texts]
    return [(entry["seq"], decode(entry["kind"], entry["body"])) for entry in entries]


@pytest.fixture(scope="module")
def recorded() -> list[Line]:
    return lines("rollout_v1.jsonl")


def states(recorded: list[Line]) -> Iterator[State]:
    """The state after every line."""
    opened = recorded[0][1]
    assert isinstance(opened, RolloutOpened)
    state = blank(parse(opened.plan_text, "plan.yaml"), "recorded/1")
    for seq, event in recorded:
        state = fold(state, event, None if isinstance(event, SourceRead) else seq)
        yield State.of(state)


def test_a_recorded_rollout_ends_as_it_ended(recorded: list[Line]) -> None:
    *_, last = states(recorded)
    assert (last.mode, last.closed, last.reached, last.move) == (Mode.CLOSED, "rolled_back", 2, 2)
    assert [entry.mark for entry in last.stages] == [StageMark.CONFIRMED, StageMark.CONFIRMED, StageMark.PLANNED]
    assert {entry.mark for entry in last.checklist} == {StepMark.DONE}
    assert {request.outcome for request in last.requests.values()} == {Outcome.ACCEPTED}


def test_a_recorded_rollout_went_through_its_modes(recorded: list[Line]) -> None:
    modes = list(dict.fromkeys(state.mode for state in states(recorded)))
    assert modes == [
        Mode.READY,
        Mode.PROMOTING,
        Mode.BAKING,
        Mode.HALTED,
        Mode.ROLLING_BACK,
        Mode.ROLLED_BACK,
        Mode.CLOSED,
    ]


def test_every_decision_of_a_recorded_rollout_carries_its_evidence(recorded: list[Line]) -> None:
    *_, last = states(recorded)
    assert [entry.verb for entry in last.decisions] == [
        Verb.PROMOTE,
        Verb.HALT,
        Verb.RESUME,
        Verb.PROMOTE,
        Verb.ROLLBACK,
        Verb.CLOSE,
    ]
    assert all(entry.card.targets and entry.card.metrics for entry in last.decisions)
    assert last.decisions[3].override is not None and "bake" in last.decisions[3].override


def test_no_moment_of_a_recorded_rollout_is_drift_or_doubt(recorded: list[Line]) -> None:
    for state in states(recorded):
        assert all(entry.drift is None for entry in state.targets.values())
        assert state.in_doubt == ()


def test_a_recorded_rollout_is_resumed_from_a_journal_as_it_is_folded_from_its_lines(
    recorded: list[Line], tmp_path: Path
) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    for _, event in recorded:
        if isinstance(event, SourceRead):
            journal.append_samples("recorded/1", [event])
        else:
            journal.append("recorded/1", event)
    *_, last = states(recorded)
    assert State.of(resume(journal, "recorded/1", "plan.yaml").rollout) == last
    journal.close()


def test_half_a_recorded_rollout_taken_up_later_has_baked_as_much(recorded: list[Line]) -> None:
    half = [line for line in recorded if line[0] <= 10]
    *_, state = states(half)
    later = assess(state, half[-1][1].at + timedelta(hours=1))
    assert (later.mode, later.baked_s) == (Mode.BAKING, state.baked_s)
    assert state.baked_s > 0


def test_a_recorded_journal_is_written_as_it_was_read(recorded: list[Line]) -> None:
    """Later versions may add a field that has a value by itself; what was recorded stays, word for word."""
    bodies = [
        json.loads(text)["body"] for text in (FOLDER / "rollout_v1.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for (_, event), body in zip(recorded, bodies, strict=True):
        assert kept(json.loads(body), json.loads(encode(event)))


def kept(was: object, now: object) -> bool:
    """Whether `now` says all that `was` says; later versions may have more to say beside it."""
    if isinstance(was, dict) and isinstance(now, dict):
        return all(key in now and kept(value, now[key]) for key, value in was.items())
    if isinstance(was, list) and isinstance(now, list):
        return len(was) == len(now) and all(kept(*pair) for pair in zip(was, now, strict=True))
    return was == now


# -- two people, format 2 ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared() -> list[Line]:
    return lines("rollout_v2.jsonl")


def told(shared: list[Line]) -> Iterator[State]:
    opened = shared[0][1]
    assert isinstance(opened, RolloutOpened)
    state = blank(parse(opened.plan_text, "plan.yaml"), "shared/1")
    for seq, event in shared:
        state = fold(state, event, None if isinstance(event, SourceRead) else seq)
        yield State.of(state)


def test_a_shared_rollout_ends_as_it_ended(shared: list[Line]) -> None:
    *_, last = told(shared)
    assert (last.closed, last.reached, last.move, last.pen.number) == ("rolled_back", 2, 2, 6)
    assert last.pen.holder is not None and last.pen.holder.user == "ben"
    assert [entry.void for entry in last.decisions] == [""] * 11


def test_the_pen_of_a_shared_rollout_went_from_hand_to_hand(shared: list[Line]) -> None:
    hands = [state.pen.holder.user if state.pen.holder else None for state in told(shared)]
    changes = [hand for hand, before in zip(hands[1:], hands, strict=False) if hand != before]
    assert changes == ["ana", "ben", None, "ana", "ben"]


def test_the_newer_verbs_of_a_shared_rollout_are_of_shape_two_and_nothing_else_is(shared: list[Line]) -> None:
    shapes = {event.verb: event.v for _, event in shared if event.kind == "decision_taken"}
    assert {verb for verb, shape in shapes.items() if shape == 2} == {
        Verb.APPROVE,
        Verb.OFFER,
        Verb.TAKE,
        Verb.HANDOFF,
    }


def test_a_rung_of_a_shared_rollout_was_reached_once(shared: list[Line]) -> None:
    *_, last = told(shared)
    assert [(called.rung, called.call, called.trouble) for called in last.called] == [
        (1, "payments on call", "the halt")
    ]


# -- every shape of metric, judged -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged() -> list[Line]:
    return lines("rollout_judged.jsonl")


def replayed(judged: list[Line], until: Verb | None = None) -> State:
    """The state after all lines, or just before the first decision of `until`."""
    opened = judged[0][1]
    assert isinstance(opened, RolloutOpened)
    state = blank(parse(opened.plan_text, "plan.yaml"), "judged/1")
    for seq, event in judged:
        if isinstance(event, DecisionTaken) and event.verb is until:
            break
        state = fold(state, event, None if isinstance(event, SourceRead) else seq)
    return State.of(state)


def test_what_a_card_said_of_its_metrics_is_reckoned_again_bit_for_bit(judged: list[Line]) -> None:
    """Of counts and buckets; the two hours from which a gauge's spread was learned are not in the file."""
    [card] = [event.card for _, event in judged if isinstance(event, DecisionTaken) and event.verb is Verb.ROLLBACK]
    again = card_for(assess(replayed(judged, Verb.ROLLBACK), card.as_of), Verb.ROLLBACK)
    assert [replace(said, reason="") for said in again.metrics[:2]] == [
        replace(said, reason="")
        for said in card.metrics[:2]  # how it is put in words may change, the numbers may not
    ]
    errors = card.metrics[0]
    assert (errors.metric, errors.verdict) == ("errors", "fail")
    assert errors.evidence is not None and errors.evidence >= 100


def test_the_buckets_and_the_instances_of_a_judged_rollout_are_read_as_they_were(judged: list[Line]) -> None:
    last = replayed(judged)
    latency, cpu = last.metrics["latency"].track, last.metrics["cpu"].track
    assert latency is not None and isinstance(latency.model, LatencyTrack) and latency.model.edges == (0.25, 1.0)
    assert cpu is not None and isinstance(cpu.model, GaugeTrack)
    told = [tick.baseline for tick in last.metrics["cpu"].ledger if isinstance(tick.baseline, Gauge)]
    assert told and all(len(gauge.instances) == 4 for gauge in told)


def test_a_judged_rollout_is_resumed_as_it_is_folded(judged: list[Line], tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    for _, event in judged:
        if isinstance(event, SourceRead):
            journal.append_samples("judged/1", [event])
        else:
            journal.append("judged/1", event)
    assert resume(journal, "judged/1", "plan.yaml").rollout.metrics == replayed(judged).metrics
    journal.close()


# -- an order and a skipped step ---------------------------------------------------------------------------------------


def test_an_order_and_a_skipped_step_of_a_recorded_rollout_are_read_as_they_were() -> None:
    ordered = lines("rollout_orders.jsonl")
    shapes = {(event.kind, event.v) for _, event in ordered if event.v > 1}
    assert shapes == {("decision_taken", 2), ("request_made", 2)}
    opened = ordered[0][1]
    assert isinstance(opened, RolloutOpened)
    state = blank(parse(opened.plan_text, "plan.yaml"), "orders/1")
    for seq, event in ordered:
        state = fold(state, event, seq)
    assert (state.closed, state.unrecognised) == ("rolled_back", 0)
    told = [(entry.verb, entry.subject, entry.outcome) for entry in state.decisions]
    assert told[0] == (Verb.ORDER, "api promote-full", "accepted")
    assert (Verb.SKIP, "tell", "recorded") in told
    assert [request.action for request in state.requests.values()] == ["promote-full", "set"]
    assert [entry.mark for entry in state.checklist] == [StepMark.DONE, StepMark.SKIPPED]


def test_answers_at_gates_and_a_promote_that_lapsed_are_read_as_they_were() -> None:
    asked = lines("rollout_gates.jsonl")
    opened = asked[0][1]
    assert isinstance(opened, RolloutOpened)
    state = blank(parse(opened.plan_text, "plan.yaml"), "gates/1")
    for seq, event in asked:
        state = fold(state, event, seq)
    assert (state.closed, state.unrecognised) == ("rolled_back", 0)
    first, lapsed, back = state.requests.values()
    assert [(given.gate, given.step) for given in first.answers] == [
        ("confirm-rollout", 0),
        ("confirm-traffic-increase", 1),
    ]
    assert (lapsed.outcome, lapsed.answers) == (Outcome.REFUSED, ())
    assert [(given.gate, given.step) for given in back.answers] == [("rollback", None)]
