"""The decision card: what it says about every verb, and that it can be stored and read again as it was."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from adapters.contract import Setting
from console.events.evidence import Card, PlannedCall, Verb
from console.judge.verdict import Verdict, VerdictState
from console.state.card import card_for, wanted_settings
from console.state.local import JournalHealth, Preview
from tests.rollout_rig import EDGE, FLAG, OFF, REFUSED, START, UNKNOWN, Story
from tests.states import PLAN, STATES
from tests.states.pieces import with_local

stored = TypeAdapter(Card)


def flowing(stages: int = 1) -> Story:
    """So many stages confirmed, with data."""
    story = Story().open()
    story.flow(20)
    for _ in range(stages):
        story.promote()
    story.flow(60)
    return story


def test_a_promote_card_names_both_stages_and_the_move_it_guards() -> None:
    card = card_for(flowing().seen, Verb.PROMOTE)
    assert (card.stage_from, card.stage_to, card.move) == ("one", "five", 1)


def test_a_promote_card_says_what_every_target_reads_and_becomes() -> None:
    card = card_for(flowing().seen, Verb.PROMOTE)
    assert [(entry.target, entry.reads, entry.becomes) for entry in card.targets] == [
        (EDGE, "1 %", "5 %"),
        (FLAG, "off", "5 %"),
    ]


def test_a_target_that_already_reads_as_set_is_skipped_and_said_to_be() -> None:
    story = flowing()
    story.observe(EDGE, 5)
    card = card_for(story.seen, Verb.PROMOTE)
    assert card.skipped == ("edge already reads 5 %",)
    assert wanted_settings(story.seen, Verb.PROMOTE) == {FLAG: Setting(5, on=True)}


def test_a_metric_on_the_card_has_value_count_age_and_verdict() -> None:
    story = flowing()
    story.flow(120)
    story.wait(3)
    errors = card_for(story.seen, Verb.PROMOTE).metrics[0]
    assert (errors.metric, errors.verdict, errors.age_s) == ("errors", "pass", 3.0)
    assert (errors.canary, errors.baseline, errors.n) == ("0.1 % of 1,700,000", "0.1 % of 168,300,000", 1_700_000)


def test_an_infinite_bound_is_stored_as_none() -> None:
    state = flowing().seen
    verdict = Verdict("errors", VerdictState.FAIL, "only the canary has errors", ratio=math.inf, low=4.0, high=math.inf)
    state = replace(state, metrics={**state.metrics, "errors": replace(state.metrics["errors"], verdict=verdict)})
    errors = card_for(state, Verb.PROMOTE).metrics[0]
    assert (errors.ratio, errors.low, errors.high) == (None, 4.0, None)


def test_the_card_into_a_one_way_stage_warns() -> None:
    assert (
        "migrate is ONE-WAY: after it, roll back is no longer safe" in card_for(flowing(2).seen, Verb.PROMOTE).warnings
    )


def test_a_rollback_card_past_a_one_way_stage_advises_against_itself() -> None:
    warnings = card_for(flowing(3).seen, Verb.ROLLBACK).warnings
    assert warnings[0].startswith("PAST THE POINT OF NO RETURN (migrate)")


def test_a_rollback_card_asks_only_for_what_does_not_read_as_rolled_back() -> None:
    story = flowing(1)
    assert wanted_settings(story.seen, Verb.ROLLBACK) == {EDGE: Setting(0)}
    assert card_for(story.seen, Verb.ROLLBACK).skipped == ("flag-off: new-checkout already reads off",)


def test_a_rollback_card_lists_manual_steps_as_by_hand_until_they_are_done() -> None:
    story = flowing(1)
    by_hand = "tell-data is done by hand: tell the data team that orders v1 is live again"
    assert by_hand in card_for(story.seen, Verb.ROLLBACK).warnings
    story.decide(Verb.ROLLBACK)
    story.decide(Verb.CONFIRM, "tell-data")
    assert by_hand not in card_for(story.seen, Verb.ROLLBACK).warnings
    assert "tell-data: done already" in card_for(story.seen, Verb.ROLLBACK).skipped


def test_a_rollback_of_everything_asks_for_every_step() -> None:
    assert wanted_settings(flowing(2).seen, Verb.ROLLBACK) == {FLAG: OFF, EDGE: Setting(0)}


def test_a_halt_card_says_how_much_traffic_stays_on_the_canary() -> None:
    assert card_for(flowing(2).seen, Verb.HALT).warnings == ("5 % of the traffic stays on the canary; r rolls back",)
    assert card_for(Story().open().seen, Verb.HALT).warnings == ("nothing is exposed",)


def test_what_is_in_flight_and_in_doubt_is_on_every_card() -> None:
    story = flowing()
    decision = story.decide(Verb.PROMOTE)
    story.settle(story.send(decision, EDGE, Setting(5)), UNKNOWN, "timeout")
    story.send(decision, FLAG, Setting(5, on=True))
    for verb in Verb:
        warnings = card_for(story.seen, verb).warnings
        assert {"edge -> 5 % is in doubt", "new-checkout -> 5 % is in flight"} <= set(warnings)


def test_a_broken_journal_is_on_the_card() -> None:
    state = with_local(flowing().seen, journal=JournalHealth("disk full", 1))
    assert "UNJOURNALED: disk full" in card_for(state, Verb.HALT).warnings


def test_the_backends_own_words_for_the_calls_are_on_the_card() -> None:
    call = PlannedCall("edge-lb", EDGE, "5 %", "set weight 5/95")
    state = with_local(flowing().seen, previews={"promote": Preview((call,), ("edge cannot pause",))})
    card = card_for(state, Verb.PROMOTE)
    assert (card.calls, card.warnings[-1]) == ((call,), "edge cannot pause")
    assert card_for(state, Verb.HALT).calls == ()


def test_the_card_of_a_partial_stage_leads_to_that_stage() -> None:
    story = flowing()
    decision = story.decide(Verb.PROMOTE)
    story.settle(story.send(decision, EDGE, Setting(5)), REFUSED, "403")
    card = card_for(story.seen, Verb.PROMOTE)
    assert (card.stage_from, card.stage_to) == ("one", "five")


@pytest.mark.parametrize(("subject", "name"), [("0", "start"), ("3", "migrate"), ("99", "unknown"), ("²", "unknown")])
def test_the_card_of_a_place_names_the_stage_if_there_is_one(subject: str, name: str) -> None:
    assert card_for(Story().open(reached=None).seen, Verb.PLACE, subject).stage_to == name


def test_a_card_overrides_what_is_closed_and_can_be_opened_and_nothing_behind_a_hard_gate() -> None:
    card = card_for(Story().open().seen, Verb.PROMOTE)
    assert (card.block_reason, card.override) == (None, "STALE: errors has no data")
    halted = replace(Story().open().seen, halted="d1")
    assert card_for(halted, Verb.PROMOTE).block_reason == "halted: resume first (u)"
    assert card_for(halted, Verb.PROMOTE).override is None


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("verb", list(Verb))
def test_every_card_is_read_from_the_journal_as_it_was_written(verb: Verb, name: str) -> None:
    card = card_for(STATES[name](), verb, "1")
    assert stored.validate_json(stored.dump_json(card)) == card


def test_a_card_without_any_moment_stands_at_the_epoch() -> None:
    state = Story(PLAN).open().state
    assert state.as_of is None
    assert card_for(state, Verb.HALT).as_of < START
