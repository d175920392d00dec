"""The bake clock: it runs only while data are fresh and nothing is halted, and survives a restart."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from console.events.evidence import Verb
from console.events.kinds import Noted, SourceFailed, SourceRead, decode, encode
from console.state.assessment import assess
from console.state.samples import stale_part
from console.state.values import Mode
from tests.plausible import happen, story
from tests.rollout_rig import EDGE, Story
from tests.states import PLAN


def baking() -> Story:
    """Stage one was confirmed just now, with fresh data; its bake is 300 s."""
    told = Story().open()
    told.flow(20)
    told.promote()
    told.flow(5)
    return told


def test_fresh_time_counts() -> None:
    told = baking()
    begun = told.seen.baked_s
    told.flow(100)
    assert told.seen.baked_s - begun == 100


def test_a_baked_stage_is_watched() -> None:
    told = baking()
    modes = [told.seen.mode, assess(told.flow(300), told.at).mode]
    assert modes == [Mode.BAKING, Mode.WATCHING]


def test_the_clock_begins_at_nothing_with_every_stage() -> None:
    told = baking()
    told.flow(300)
    told.promote()
    assert told.state.baked_s == 0.0


def test_halted_time_does_not_count_and_resume_goes_on_where_it_stood() -> None:
    told = baking()
    told.flow(50)
    told.decide(Verb.HALT)
    stood = told.state.baked_s
    told.flow(100)
    assert told.seen.baked_s == stood
    told.decide(Verb.RESUME)
    told.flow(10)
    assert told.seen.baked_s == stood + 10


def test_time_without_data_does_not_count_beyond_what_may_be_stale() -> None:
    told = baking()
    told.flow(50)
    stood = told.state.baked_s
    told.wait(3600)
    told.tell(Noted(at=told.at, text="nobody polled for an hour"))
    assert told.state.baked_s == stood


def test_time_with_old_samples_from_a_source_that_answers_does_not_count() -> None:
    told = baking()
    told.flow(50)
    metrics = {name: replace(entry, canary_at=told.at.replace(year=2025)) for name, entry in told.state.metrics.items()}
    told.state = replace(told.state, metrics=metrics)
    stood = told.state.baked_s
    told.wait(5).tell(Noted(at=told.at, text="five seconds later"))
    assert (told.state.baked_s, stale_part(told.state, told.at) is not None) == (stood, True)


def test_targets_that_are_not_read_any_more_stop_the_clock() -> None:
    told = baking()
    told.wait(20).tell(SourceFailed(at=told.at, source="edge-lb", reason="no answer"))
    assert (told.state.baked_s, stale_part(told.seen, told.at)) == (
        baking().state.baked_s,
        "STALE: edge was last read 20 s ago",
    )


def test_time_while_a_promote_is_under_way_does_not_count() -> None:
    told = baking()
    told.flow(300)
    told.decide(Verb.PROMOTE)
    stood = told.state.baked_s
    told.flow(60)
    assert told.seen.baked_s == stood


def test_time_after_a_rollback_began_does_not_count() -> None:
    told = baking()
    told.decide(Verb.ROLLBACK)
    stood = told.state.baked_s
    told.flow(60)
    assert told.seen.baked_s == stood


def test_an_event_from_a_clock_that_is_behind_takes_nothing_back() -> None:
    told = baking()
    told.flow(50)
    stood = told.state.baked_s
    told.tell(Noted(at=told.at.replace(year=2020), text="from another bastion"))
    assert told.state.baked_s == stood


def test_looking_does_not_wind_the_clock() -> None:
    told = baking()
    told.flow(50)
    before = told.state
    told.wait(10)
    assert told.seen.baked_s == before.baked_s + 10
    assert told.state is before


def test_the_clock_of_a_stage_inferred_at_the_opening_runs_too() -> None:
    told = Story().open(edge=1, reached=1)
    told.flow(30)
    assert told.seen.baked_s > 0


def test_the_clock_survives_a_restart_bit_for_bit() -> None:
    told = baking()
    told.flow(45)
    told.decide(Verb.HALT)
    told.decide(Verb.RESUME)
    told.observe(EDGE, 20)
    told.flow(35)
    again = Story(PLAN)
    for event in told.events:
        again.tell(decode(event.kind, encode(event)))
    assert again.state.baked_s == told.state.baked_s
    assert again.state == told.state


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_history_read_back_from_storage_makes_the_same_state(data: st.DataObject) -> None:
    told = story()
    happen(told, data)
    again = story()
    for event in told.events:
        if event.kind != "unrecognised":
            again.tell(decode(event.kind, encode(event)))
        else:
            again.tell(event)
    assert again.state == told.state


def test_the_clock_waits_for_the_first_samples_of_the_canary_and_says_so() -> None:
    told = Story().open()
    told.tell(SourceRead(at=told.at, source="edge-lb", targets=tuple(told.state.targets)))
    told.promote()
    assert told.state.reached == 1
    assert stale_part(told.seen, told.at) == "waiting: no samples of errors in this stage yet"


def test_a_stage_is_inconclusive_only_once_the_ticks_of_its_bake_were_judged() -> None:
    """They become final some seconds after the bake clock is through."""
    story = Story().open()
    story.flow(60)
    story.promote()
    stage = story.state.stages[0].stage
    while story.seen.baked_s < stage.bake_s:
        story.flow(5, bad=0.2, n=200)

    def said() -> tuple[str, str]:
        verdict, together = story.seen.metrics["errors"].verdict, story.seen.stage_verdict
        assert verdict is not None and together is not None
        return verdict.detail, together.word.value

    assert said() == ("WATCHING", "WATCHING")
    story.flow(20, bad=0.2, n=200)
    assert said() == ("INCONCLUSIVE", "INCONCLUSIVE")
