"""The one sentence: what matters most comes first, and it names what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from adapters.contract import Outcome, Setting
from console.events.evidence import Actor, Verb
from console.judge.verdict import StageVerdict, StageWord, VerdictState
from console.plan.nouns import Role
from console.state.values import StageMark, State, StepMark
from tests.states import (
    ANA,
    BEN,
    STATES,
    ago,
    decision,
    drifted,
    failing,
    halted,
    healthy,
    past_one_way,
    request,
    rolling_back,
    stage_states,
    step_states,
    undecided,
    unjournaled,
    verdict,
    with_metric,
)
from tests.states.pieces import with_local
from widgets.advice import advice_for, advice_lines, shorten
from widgets.line import text_of


@pytest.mark.parametrize(
    ("name", "level", "words"),
    [
        ("opening", "calm", ["first time"]),
        ("healthy", "calm", ["PASS so far", "baked 4:10 of 5:00"]),
        ("watching", "warn", ["p goes to migrate", "ONE-WAY"]),
        ("failing", "alarm", ["errors FAIL 11x since 03:08Z, 340:1", "r rolls back"]),
        ("fallen_silent", "alarm", ["errors FAIL 11x since 03:08Z, 340:1, now silent", "r rolls back"]),
        ("stale", "warn", ["HOLD, STALE errors, slow", "no promote until fresh"]),
        ("canary_silent", "warn", ["HOLD, NO DATA errors: canary silent for 95 s", "h and r work"]),
        ("mismatched", "warn", ["HOLD, TRAFFIC MISMATCH", "2.1 % of the requests reach the canary, 5 % should"]),
        ("suspected", "warn", ["WARN errors 2.4x, 14:1 worse, verdict in ~4 min: h halts, r rolls back"]),
        ("warming_up", "calm", ["WATCHING errors", "1.2 of ~3 events needed", "baked 4:10 of 5:00"]),
        ("undecided", "calm", ["WATCHING errors", "a 2x would show in ~7 min", "baked 4:10 of 5:00"]),
        ("inconclusive", "warn", ["INCONCLUSIVE errors", "needs ~14 min more, or 5 %", "p needs an override"]),
        ("everything_on_the_canary", "calm", ["Complete"]),
        ("source_failed", "alarm", ["prom FAILED for 2:00", "no answer within 4 s"]),
        ("promoting", "warn", ["five requested", "0 of 2"]),
        ("partial", "alarm", ["PARTIAL five", "p finishes", "token may not write production"]),
        ("drifted", "alarm", ["DRIFTED edge 5 % → 20 %", "40s ago", "by carl"]),
        ("halted", "warn", ["HALTED by ben", "edge 5 %", "u resumes", "pages from payments"]),
        ("rolling_back", "alarm", ["1 of 3 done", "NOT RUNNING", "edge-zero IN DOUBT", "r continues"]),
        ("rolled_back", "calm", ["Rolled back"]),
        ("past_one_way", "alarm", ["PAST POINT OF NO RETURN (migrate)", "errors FAIL", "freeze (h)"]),
        ("unjournaled", "alarm", ["UNJOURNALED", "2 held in memory", "h and r work", "disk is full"]),
        ("unplaced", "warn", ["STAGE UNKNOWN", "one or five", "s chooses"]),
        ("complete", "calm", ["Complete"]),
        ("closed", "calm", ["Closed (complete)"]),
        ("edited", "warn", ["PLAN FILE EDITED"]),
    ],
)
def test_each_condition_is_told(name: str, level: str, words: list[str]) -> None:
    said = advice_for(STATES[name]())
    assert said[0] == level
    assert [word for word in words if word not in said[1]] == []


def test_no_state_is_calm() -> None:
    assert advice_for(None)[0] == "calm"


def test_an_open_promote_says_where_it_leads() -> None:
    state = replace(healthy(), reached=1, stages=stage_states(1), baked_s=300.0, stage_since=healthy().opened_at)
    assert advice_for(state) == ("calm", "p promotes to five (edge 5 %, new-checkout 5 %)")


def test_a_failing_metric_outranks_a_drift() -> None:
    state = replace(drifted(), metrics=failing().metrics, stage_verdict=failing().stage_verdict)
    assert "errors FAIL" in advice_for(state)[1]


def test_a_failing_metric_that_only_informs_does_not_alarm() -> None:
    state = failing()
    entry = replace(state.metrics["errors"], metric=replace(state.metrics["errors"].metric, role=Role.INFO))
    assert "FAIL" not in advice_for(replace(state, metrics={**state.metrics, "errors": entry}))[1]


def test_a_failure_by_the_limit_gives_its_reason_and_not_its_ratio() -> None:
    said = verdict(
        "errors",
        VerdictState.FAIL,
        "0.96 % is above the limit of 0.5 %, 120:1, since 03:08Z",
        ratio=(0.96, 0.8, 1.2),
        brief="above 0.5 % since 03:08Z",
        evidence=120.0,
    )
    text = advice_for(with_metric(failing(), "errors", verdict=said))[1]
    assert text == "errors FAIL above 0.5 % since 03:08Z, 120:1: r rolls back, h halts"


def test_a_metric_that_convicts_alone_but_not_with_the_others_is_a_warning() -> None:
    said = StageVerdict(StageWord.WARN, "errors: 10x (7.4-14), 340:1", 68.0, "errors")
    level, text = advice_for(replace(failing(), stage_verdict=said))
    assert level == "warn"
    lead = "WARN errors FAIL alone 11x since 03:08Z, 340:1"
    assert text.startswith(f"{lead} (whole stage 68:1, 100:1 is a FAIL): h halts")


def test_what_failed_is_still_said_when_nothing_is_exposed_any_more() -> None:
    assert advice_for(replace(failing(), stage_verdict=None))[1].startswith("errors FAIL 11x")


def test_the_metric_that_decided_is_named_first() -> None:
    state = failing()
    slow = replace(state.metrics["errors"].verdict or verdict("slow", VerdictState.FAIL, ""), metric="slow")
    both = with_metric(state, "slow", verdict=slow)
    decided = replace(both, stage_verdict=StageVerdict(StageWord.FAIL, "slow: worse", 340.0, "slow"))
    assert advice_for(decided)[1].startswith("slow FAIL 11x since 03:08Z, 340:1; errors FAIL")


def test_a_gate_that_time_does_not_open_is_told_instead_of_the_verdict() -> None:
    flying = replace(undecided(), requests={"r": request("edge", Setting(5))})
    assert "is still in flight" in advice_for(flying)[1]


def carried_out_by(who: Actor, seconds: float) -> State:
    """A rollback decided at `who`'s console, whose newest step changed `seconds` ago."""
    state = rolling_back()
    decisions = tuple(replace(entry, who=who, at=ago(90)) for entry in state.decisions)
    steps = [replace(entry, since=ago(seconds)) for entry in step_states((StepMark.DONE, ""), (StepMark.REQUESTED, ""))]
    return replace(state, decisions=decisions, checklist=tuple(steps), requests={})


def test_a_rollback_that_another_console_runs_is_no_alarm() -> None:
    level, text = advice_for(carried_out_by(BEN, 2))
    assert (level, text) == ("warn", "Rollback 1 of 3 done, run by ben@bastion-1 pid 4343: r takes over")


def test_a_rollback_of_another_console_that_does_not_move_is_an_alarm() -> None:
    level, text = advice_for(carried_out_by(BEN, 40))
    assert level == "alarm"
    assert text.startswith("Rollback 1 of 3 done, no progress for 0:40, edge-zero UNANSWERED: r continues, x skips")


def test_a_rollback_of_this_console_that_it_does_not_run_is_an_alarm_at_once() -> None:
    level, text = advice_for(carried_out_by(ANA, 2))
    assert (level, "NOT RUNNING" in text) == ("alarm", True)


def test_a_rollout_closed_in_the_middle_of_a_rollback_says_that_it_is_unfinished() -> None:
    assert "rollback UNFINISHED" in advice_for(replace(rolling_back(), closed="gave up"))[1]


def test_a_failing_metric_while_halted_does_not_offer_to_halt() -> None:
    state = replace(failing(), halted=halted().halted, decisions=halted().decisions)
    assert advice_for(state)[1] == "HALTED, errors FAIL 11x since 03:08Z, 340:1: r rolls back"


def test_a_call_in_doubt_outranks_a_halt() -> None:
    lost = request("edge", Setting(5), Outcome.UNKNOWN, reason="no answer within 5 s")
    said = advice_for(replace(halted(), requests={lost.id: lost}))
    assert said[0] == "alarm"
    assert said[1].startswith("IN DOUBT: edge may or may not have taken 5 % (no answer within 5 s)")


def test_a_rollback_under_way_outranks_everything_that_is_open() -> None:
    state = with_local(
        replace(rolling_back(), checklist=step_states((StepMark.REQUESTED, ""))),
        running=True,
        journal=unjournaled().local.journal,
    )
    assert advice_for(state) == ("warn", "Rollback 0 of 3 done, under way, UNJOURNALED (database or disk is full)")


def test_a_manual_step_says_that_it_waits_for_a_person() -> None:
    marks = ((StepMark.DONE, ""), (StepMark.DONE, ""), (StepMark.WAITING, ""))
    state = with_local(replace(rolling_back(), checklist=step_states(*marks), requests={}), running=True)
    assert "tell-data waits for you (tell the data team" in advice_for(state)[1]
    assert advice_for(state)[1].endswith("): r confirms")


def test_past_a_one_way_stage_calm_metrics_still_say_that_there_is_no_way_back() -> None:
    level, text = advice_for(replace(past_one_way(), metrics=healthy().metrics))
    assert (level, text.startswith("PAST POINT OF NO RETURN (migrate): freeze or roll forward.")) == ("warn", True)


def test_a_stage_of_which_every_call_was_refused_says_not_set() -> None:
    state = replace(
        healthy(),
        reached=1,
        stages=stage_states(1, {2: StageMark.FAILED}, "edge refused: 403"),
        promoting="promote-20",
        decisions=(decision(Verb.PROMOTE, 20, "refused"),),
    )
    assert advice_for(state) == ("alarm", "NOT SET five (edge refused: 403): p sends again, r rolls back")


def test_an_alarm_carries_a_glyph_besides_its_colour() -> None:
    assert text_of(advice_lines(failing(), 80, 1)[0]).startswith("✗ errors FAIL")


def test_a_fault_of_the_console_itself_is_said_with_what_still_works() -> None:
    level, text = advice_for(with_local(healthy(), fault="beat: KeyError: 'x'; restarted"))
    assert level == "alarm"
    assert "FAULT" in text
    assert "h and r work" in text


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("✗ page-errors FAIL 6.1x since 01:18Z, 8927:1; errors FAIL 6.2x since 01:18Z: r rolls back, h halts", None),
        ("→ WATCHING errors: 1 of 6 ticks; a 2x would show in ~35 min at 20 req/s; p needs an override", None),
        ("✗ PAST POINT OF NO RETURN (migrate), errors FAIL 11x since 03:08Z: freeze (h) or go on", None),
        ("→ p promotes to five (edge 5 %, new-checkout 5 %, search 5 %, basket 5 %)", "no keys"),
    ],
)
def test_a_sentence_that_is_cut_keeps_its_keys(text: str, because: str | None) -> None:
    """`because`: why one is cut plainly."""
    short = shorten(text, 60)
    assert cell_len(short) <= 60
    assert short.startswith(text[:12])
    assert short.endswith(text[-20:] if because is None else "…")
    assert shorten(text, 120) == text


def test_a_long_reason_gives_way_to_what_is_still_possible() -> None:
    text = "✗ edge FAILED for 0:32 (no answer within 4 s: connection refused): no promote until fresh, h and r work"
    short = shorten(text, 80)
    assert short.startswith("✗ edge FAILED for 0:32 (no answer within")
    assert short.endswith(": no promote until fresh, h and r work")
