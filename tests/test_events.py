"""The events: every kind is read again as it was written, an unknown one is kept, what fits no shape is an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.contract import (
    Counts,
    Gauge,
    MetricReply,
    Outcome,
    OwnStep,
    Phase,
    Reading,
    Setting,
    StepsReading,
    TargetReading,
    VersionsReading,
    Wait,
)
from console.events import kinds
from console.events.evidence import Actor, Verb
from console.events.kinds import (
    KINDS,
    DecisionTaken,
    Escalated,
    Event,
    GateAnswered,
    GateLapsed,
    Noted,
    PenReleased,
    RequestMade,
    RequestReconciled,
    RequestSettled,
    RolloutClosed,
    RolloutOpened,
    SourceFailed,
    SourceRead,
    SourceRecovered,
    StepDone,
    TargetObserved,
    Unrecognized,
    VerdictChanged,
    decode,
    encode,
)
from tests.states import PLAN, card

AT = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
ANA = Actor(1001, "ana", "bastion-1", 42, {"SSH_CLIENT": "10.0.0.7"})
READING = TargetReading(
    "flag",
    AT,
    33.4,
    True,
    Phase.PAUSED,
    "weights 5/95",
    "2 strategies",
    VersionsReading("v2", "v1", "cart:2", "r7", ("r6", "r5")),
    "carl",
    StepsReading(
        1, 2, (OwnStep("pause", 20.0, waits=True, lasts_s=90.0),), False, Wait.TIMER, AT, 20.0, "step 0", 30.0
    ),
    {"skip": "you lack patch"},
    ("kept by Argo CD",),
    ("0123456789ab checkout/3 ops-1",),
)
SAMPLE = MetricReply(
    "errors", (Reading(AT, Counts(100, 2.5), None), Reading(AT, None, Gauge(0.25))), AT, None, "cut", "no", 15.0
)
EVENTS: tuple[Event, ...] = (
    RolloutOpened(
        at=AT,
        who=ANA,
        plan_digest="ab",
        plan_text="warroom: 1\n",
        readings=(READING,),
        unread={"x": "401"},
        reached=None,
    ),
    TargetObserved(at=AT, reading=READING),
    SourceFailed(at=AT, source="prom", reason="no answer"),
    SourceRecovered(at=AT, source="prom"),
    VerdictChanged(at=AT, metric="errors", was="pass", became="fail", reason="10x"),
    DecisionTaken(
        at=AT, who=ANA, verb=Verb.PROMOTE, stage=1, move=2, reason="fine", override="bake", card=card(), subject="plan"
    ),
    RequestMade(
        at=AT,
        decision="d",
        backend="b",
        target="t",
        setting=Setting(None, on=False),
        action="pause",
        step="s",
        send_by=AT + timedelta(seconds=5),
        deadline_s=5.0,
        calls=("PUT /x",),
    ),
    RequestSettled(at=AT, request="r", outcome=Outcome.UNKNOWN, reason="timeout"),
    RequestReconciled(at=AT, request="r", took_effect=True, reads="t reads 5 %"),
    GateAnswered(at=AT, who=ANA, target="t", gate="confirm-rollout", request="r", step=2),
    GateLapsed(at=AT, request="r", reason="t did not ask in 60 s"),
    StepDone(at=AT, step="s", how="reads off"),
    Noted(at=AT, who=ANA, text="hällo\u2028"),
    RolloutClosed(at=AT, how="decision"),
    PenReleased(at=AT, pen=1, reason="ana was seen 3 min ago"),
    Escalated(at=AT, rung=1, call="payments on call", trouble="errors FAIL", since=AT),
    SourceRead(at=AT, source="prom", replies=(SAMPLE,), targets=("t",), skew_s=-0.5),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.kind))
def test_every_kind_is_read_as_it_was_written(event: Event) -> None:
    again = decode(event.kind, encode(event))
    assert (again, type(again)) == (event, type(event))


def test_the_table_above_has_every_kind_and_so_has_the_reader() -> None:
    made = {member.model_fields["kind"].default for member in get_args(kinds.Event)} - {"unrecognised", "unbelieved"}
    assert {event.kind for event in EVENTS} == KINDS == made


@given(
    st.text(max_size=200),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_any_note_at_any_moment_is_read_as_it_was_written(text: str, at: datetime) -> None:
    note = Noted(at=at, text=text)
    assert decode("noted", encode(note)) == note


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e15))
def test_samples_are_read_back_bit_for_bit(bad: float, total: float) -> None:
    read = SourceRead(at=AT, source="s", replies=(MetricReply("m", (Reading(AT, Counts(total, bad), None),)),))
    assert decode("source_read", encode(read)) == read


def test_ids_are_fresh() -> None:
    assert Noted(at=AT, text="a").id != Noted(at=AT, text="a").id


def test_an_event_of_an_unknown_kind_is_kept_with_its_id_and_its_body() -> None:
    body = {"id": "f" * 32, "at": AT.isoformat(), "v": 3, "siren": "loud"}
    event = decode("alarm_rung", json.dumps(body))
    assert isinstance(event, Unrecognized)
    assert (event.said_kind, event.id, event.at, event.v, event.body) == ("alarm_rung", "f" * 32, AT, 3, body)


@pytest.mark.parametrize("body", ["", "[]", "null", "{}", '{"at": "yesterday"}', '{"at": 5', '"\\ud800"'])
def test_an_unknown_kind_without_a_moment_does_not_fit(body: str) -> None:
    with pytest.raises(ValidationError):
        decode("alarm_rung", body)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.kind))
def test_a_known_kind_with_a_body_of_another_shape_does_not_fit(event: Event) -> None:
    body = json.loads(encode(event))
    for broken in ({**body, "at": "noon"}, {"kind": event.kind}, [body]):
        with pytest.raises(ValidationError):
            decode(event.kind, json.dumps(broken))


def test_a_moment_without_a_zone_does_not_fit() -> None:
    with pytest.raises(ValidationError):
        decode("noted", '{"kind": "noted", "at": "2026-03-02T12:00:00", "text": "local time"}')


def test_a_field_that_a_newer_version_added_is_ignored() -> None:
    body = {**json.loads(encode(Noted(id="a", at=AT, text="hi"))), "mood": "calm"}
    assert decode("noted", json.dumps(body)) == Noted(id="a", at=AT, text="hi")


def test_a_plan_text_is_stored_to_the_letter() -> None:
    event = RolloutOpened(at=AT, plan_digest=PLAN.digest, plan_text="a:\r\n\t'b'\n", readings=(), reached=0)
    again = decode("rollout_opened", encode(event))
    assert isinstance(again, RolloutOpened) and again.plan_text == "a:\r\n\t'b'\n"


def test_a_newer_shape_of_a_known_kind_is_kept_and_not_guessed_at() -> None:
    body = json.dumps({"id": "x", "v": 2, "at": AT.isoformat(), "text": {"lines": ["not", "what", "v1", "says"]}})
    event = decode("noted", body)
    assert isinstance(event, Unrecognized)
    assert event.said_kind == "noted"


STEPS_JSON = (
    '"step":1,"steps":2,"own_steps":[{"text":"pause","percent":20.0,"waits":true,"lasts_s":90.0}],"at_rest":false,'
    '"waits":"timer","until":"2026-03-02T12:00:00.123456Z","desired":20.0,"skipped":"step 0"'
)
NO_STEPS_JSON = (
    '"step":null,"steps":null,"own_steps":[],"at_rest":false,"waits":null,"until":null,"desired":null,"skipped":null'
)


@pytest.mark.parametrize(
    ("reading", "stored"),
    [
        (
            READING,
            '{"target":"flag","at":"2026-03-02T12:00:00.123456Z","percent":33.4,"on":true,"phase":"paused",'
            '"detail":"weights 5/95","problem":"2 strategies","canary_version":"v2","baseline_version":"v1",'
            '"release":"cart:2","revision":"r7","changed_by":"carl",'
            + STEPS_JSON
            + ',"cannot":{"skip":"you lack patch"},"revisions":["r6","r5"],"notes":["kept by Argo CD"],"asks_s":30.0,'
            '"marks":["0123456789ab checkout/3 ops-1"]}',
        ),
        (
            TargetReading("edge", AT, 0),
            '{"target":"edge","at":"2026-03-02T12:00:00.123456Z","percent":0.0,"on":null,"phase":"unknown",'
            '"detail":"","problem":null,"canary_version":null,"baseline_version":null,"release":null,'
            '"revision":null,"changed_by":null,'
            + NO_STEPS_JSON
            + ',"cannot":{},"revisions":[],"notes":[],"asks_s":null,"marks":[]}',
        ),
    ],
    ids=["everything", "nothing"],
)
def test_a_reading_is_stored_flat_by_the_keys_of_the_first_journals(reading: TargetReading, stored: str) -> None:
    event = TargetObserved(id="x", at=AT, reading=reading)
    head = '{"id":"x","v":1,"at":"2026-03-02T12:00:00.123456Z","who":null,"kind":"target_observed","reading":'
    assert encode(event) == f"{head}{stored}}}"
    assert decode("target_observed", encode(event)) == event


def test_a_reading_of_an_old_journal_may_lack_the_keys_that_came_later() -> None:
    stored = {"target": "edge", "at": AT.isoformat(), "percent": 5, "canary_version": "v2"}
    event = decode("target_observed", json.dumps({"kind": "target_observed", "at": AT.isoformat(), "reading": stored}))
    assert isinstance(event, TargetObserved)
    assert event.reading == TargetReading("edge", AT, 5.0, versions=VersionsReading("v2"))
