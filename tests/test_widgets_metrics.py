"""The metrics pane: verdict, age, ratio, evidence and both arms, readable at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from console.judge.verdict import VerdictState
from console.state.values import State
from tests.rollout_rig import Story
from tests.states import (
    METRICS,
    STATES,
    counts_ledger,
    drifted,
    failing,
    healthy,
    opening,
    rolling_back,
    stale,
    verdict,
    with_metric,
)
from widgets.evidence import ratio_of
from widgets.line import Line, Look, fit, text_of
from widgets.metrics import metrics_lines

BLOCKS = set("▁▂▃▄▅▆▇█")


def said(lines: Sequence[Line], width: int = 80) -> list[str]:
    """What the lines show in `width` cells."""
    return [text_of(fit(line, width)) for line in lines]


def many(count: int) -> State:
    """A healthy state with `count` metrics."""
    state = healthy()
    return replace(state, metrics={f"m{index}": state.metrics["errors"] for index in range(count)})


def test_verdict_name_ratio_interval_and_odds_stand_on_one_line_at_80_columns() -> None:
    row = said(metrics_lines(failing(), 80, 7))[1]
    assert row.startswith(" ✗ FAIL       errors      10x (7.4-14)       340:1 canary ")


def test_age_both_levels_since_when_and_the_axis_stand_on_the_next() -> None:
    row = said(metrics_lines(failing(), 80, 7))[2]
    assert row.startswith("  4s old  4.10 % vs 0.40 %  11x since 03:08Z")
    assert row.rstrip().endswith("0-5 %")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("failing", "✗ FAIL       errors      10x (7.4-14)       340:1"),
        ("fallen_silent", "✗ FAIL silent errors     10x (7.4-14)       340:1"),
        ("suspected", "! WARN       errors      2.4x (0.60-2.3)     14:1"),
        ("warming_up", "? WARMING UP errors                         1.0:1"),
        ("undecided", "? WATCHING   errors      1.2x (0.60-2.3)    1.3:1"),
        ("inconclusive", "? INCONCLUSIVE errors    1.2x (0.60-2.3)    1.3:1"),
        ("healthy", "✓ pass (<2x) errors      1.0x (0.71-1.4)     26:1"),
        ("everything_on_the_canary", "✓ pass (<5 %) errors                       >1e6:1"),
        ("canary_silent", "∅ no data    errors      1.0x (0.71-1.4)         "),
        ("stale", "~ STALE      errors      1.0x (0.71-1.4)  no sign"),
    ],
)
@pytest.mark.parametrize("metrics", [3, 8])
def test_each_state_is_told_by_words_on_one_line_with_three_and_with_eight_metrics(
    name: str, line: str, metrics: int
) -> None:
    state = STATES[name]()
    more = {f"m{index}": state.metrics["slow"] for index in range(metrics - 3)}
    rows = said(metrics_lines(replace(state, metrics={**state.metrics, **more}), 80, 10 if metrics == 8 else 7))
    assert rows[1].startswith(f" {line}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("failing", "11x since 03:08Z"),
        ("fallen_silent", "95s old"),
        ("suspected", "verdict in ~4 min"),
        ("warming_up", "2x shows in ~32 min"),
        ("undecided", "2x shows in ~7 min"),
        ("inconclusive", "needs ~14 min more"),
        ("everything_on_the_canary", "no baseline"),
        ("canary_silent", "canary silent for 95 s, the other"),
    ],
)
def test_what_follows_from_the_verdict_stands_below_it_at_80_columns(name: str, words: str) -> None:
    assert words in said(metrics_lines(STATES[name](), 80, 7))[2]


def test_the_forecast_is_on_the_line_where_each_metric_has_only_one() -> None:
    state = STATES["undecided"]()
    eight = {f"m{index}": state.metrics["errors"] for index in range(8)}
    rows = said(metrics_lines(replace(state, metrics=eight), 80, 10))
    assert sum("4s  2x shows in ~7 min" in row for row in rows) == 8


def test_the_number_of_events_is_told_where_there_is_room() -> None:
    assert "n 4.31k" in said(metrics_lines(healthy(), 80, 7))[2]
    assert "n 4.31k" in said(metrics_lines(failing(), 120, 7), 120)[2]


def test_a_spare_row_gives_the_reason_of_the_selected_metric() -> None:
    rows = said(metrics_lines(STATES["undecided"](), 80, 8, selected="errors"))
    assert rows[7].startswith(" errors:  1.2x (0.60-2.3), a 2x would show in ~7 min; limit 5.00 %")


def test_the_likeliest_beginning_of_a_regression_stands_on_the_time_axis() -> None:
    title = said(metrics_lines(failing(), 80, 7))[0]
    assert "↓" in title
    assert "↓" not in said(metrics_lines(healthy(), 80, 7))[0]


def test_a_gauge_has_no_interval_and_shows_none() -> None:
    assert said(metrics_lines(healthy(), 80, 7))[5].startswith(" ? unsure     cpu info    1.1x        ")


def test_an_info_metric_that_stands_out_is_named_quietly() -> None:
    state = healthy()
    together = state.stage_verdict
    assert together is not None
    flagged = replace(state, stage_verdict=replace(together, flagged=("cpu",)))
    lines = metrics_lines(flagged, 120, 7)
    assert [piece.look for piece in lines[0] if "stands out: cpu" in piece.text] == [Look.MUTED]


def test_three_metrics_fit_in_seven_rows() -> None:
    rows = said(metrics_lines(healthy(), 80, 7))
    assert [any(f" {name} " in row for row in rows) for name in METRICS] == [True] * 3


def test_the_trace_of_a_failing_canary_rises_over_its_baseline() -> None:
    rows = said(metrics_lines(failing(), 80, 7))
    canary, baseline = ([char for char in row if char in BLOCKS] for row in rows[1:3])
    assert (max(canary), max(baseline)) == ("▇", "▂")


def test_stale_data_is_named_dated_and_hatched() -> None:
    rows = said(metrics_lines(stale(), 80, 7))
    assert ("~ STALE" in rows[1], "░░░░" in rows[1], "95s old" in rows[2]) == (True, True, True)


def test_fresh_data_is_not_hatched() -> None:
    assert "░" not in "".join(said(metrics_lines(healthy(), 80, 7)))


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (VerdictState.PASS, "✓ pass "),
        (VerdictState.FAIL, "✗ FAIL"),
        (VerdictState.UNSURE, "? unsure"),
        (VerdictState.STALE, "~ STALE"),
        (VerdictState.NO_DATA, "∅ no data"),
    ],
)
def test_every_verdict_is_a_word_and_a_glyph(state: VerdictState, word: str) -> None:
    shown = with_metric(healthy(), "errors", verdict=verdict("errors", state, ""))
    assert word in said(metrics_lines(shown, 80, 7))[1]


def test_a_metric_never_judged_has_no_data_and_says_so() -> None:
    rows = said(metrics_lines(opening(), 80, 7))
    assert ("∅ no data" in rows[1], "not assessed yet" in rows[2]) == (True, True)


def test_without_a_ratio_the_reason_stands_in_its_place() -> None:
    told = verdict("errors", VerdictState.UNSURE, "no baseline traffic", ratio=(None, None, None))
    assert "no baseline traffic" in said(metrics_lines(with_metric(healthy(), "errors", verdict=told), 80, 7))[2]


def test_a_metric_that_only_informs_is_labelled() -> None:
    assert "cpu info" in said(metrics_lines(healthy(), 80, 7))[5]


def test_a_role_gives_way_to_a_long_name() -> None:
    state = healthy()
    cpu = state.metrics["cpu"]
    named = replace(cpu, metric=replace(cpu.metric, query=replace(cpu.metric.query, metric="saturation")))
    rows = said(metrics_lines(replace(state, metrics={**state.metrics, "cpu": named}), 80, 7))
    assert " saturati… i 1.1x" in rows[5]


def test_more_rows_give_the_reason_in_full() -> None:
    rows = said(metrics_lines(failing(), 80, 12))
    assert "10x (7.4-14), 340:1, since 03:08Z; limit 5.00 %" in rows[3]


def test_a_source_that_answered_in_part_is_told_below() -> None:
    state = with_metric(healthy(), "errors", partial="2 of 3 shards answered")
    assert "incomplete: 2 of 3 shards answered" in said(metrics_lines(state, 80, 12))[3]


def test_decisions_and_drift_stand_on_the_time_axis() -> None:
    assert "p" in said(metrics_lines(rolling_back(), 80, 7))[0][58:71]
    assert "r" in said(metrics_lines(rolling_back(), 80, 7))[0][58:71]
    assert "!" in said(metrics_lines(drifted(), 80, 7))[0][58:71]


def test_the_title_explains_the_marks_on_the_time_axis_as_far_as_they_fit() -> None:
    assert "↓ likely start, r rollback, p promote" in said(metrics_lines(rolling_back(), 140, 7))[0]
    assert "! drift" in said(metrics_lines(drifted(), 80, 7))[0]
    assert "rollback" not in said(metrics_lines(healthy(), 140, 7))[0]


def test_the_title_says_since_when_evidence_counts_and_how_far_back_the_traces_go() -> None:
    title = said(metrics_lines(healthy(), 80, 7))[0]
    assert ("in five for 4:10" in title, "last 6:30" in title) == (True, True)


def test_a_gap_of_the_canary_is_a_gap_in_its_trace_only() -> None:
    rows = said(metrics_lines(with_metric(healthy(), "errors", ledger=counts_ledger(gap=range(20, 30))), 80, 7))
    assert ("··" in rows[1], "·" in rows[2]) == (True, False)


def test_a_wide_screen_gets_a_longer_trace() -> None:
    spans = [
        sum(
            char in BLOCKS
            for char in said(
                metrics_lines(with_metric(healthy(), "errors", ledger=counts_ledger(400)), width, 7), width
            )[1]
        )
        for width in (80, 120, 200)
    ]
    assert spans == sorted(set(spans))


def test_metrics_that_do_not_fit_are_counted() -> None:
    assert "4 more not shown" in said(metrics_lines(many(10), 80, 7))[0]


def test_the_selected_metric_stays_in_view() -> None:
    lines = metrics_lines(many(10), 80, 7, selected="m9")
    assert any(row.startswith("▌") for row in said(lines))


def test_a_plan_without_metrics_says_that_nothing_will_warn() -> None:
    assert "NO METRICS" in said(metrics_lines(replace(healthy(), metrics={}), 80, 7))[0]


def test_at_60_columns_the_verdict_and_the_ratio_remain() -> None:
    rows = said(metrics_lines(failing(), 60, 7), 60)
    assert rows[1].startswith(" ✗ FAIL       errors      10x (7.4-14)       340:1")


def test_the_forecast_on_the_screen_moves_with_the_traffic_and_with_the_evidence() -> None:
    told = Story().open()
    told.flow(60)
    told.promote()

    def forecast() -> str:
        rows = said(metrics_lines(told.seen, 80, 7))
        return next(row for row in rows if "shows in" in row).partition("2x shows in ")[2][:8].strip()

    seen = []
    for _ in range(4):
        told.flow(60, bad=0.2, n=200)
        seen.append(forecast())
    told.flow(30, bad=2, n=2_000)
    seen.append(forecast())
    assert len(set(seen)) >= 3


@pytest.mark.parametrize(
    ("state", "low", "high", "brief", "shown"),
    [
        (VerdictState.FAIL, 0.71, 2.3, "5.6x since 02:43Z", "2.3x over stage"),
        (VerdictState.FAIL, 1.1, 2.3, "5.6x since 02:43Z", "2.3x (1.1-2.3)"),
        (VerdictState.FAIL, 0.71, 2.3, "", "2.3x (0.71-2.3)"),
        (VerdictState.UNSURE, 0.71, 2.3, "needs 4 min more", "2.3x (0.71-2.3)"),
        (VerdictState.FAIL, None, None, "5.6x since 02:43Z", "2.3x"),
    ],
)
def test_a_fail_that_began_late_is_not_shown_beside_an_interval_that_holds_one(
    state: VerdictState, low: float | None, high: float | None, brief: str, shown: str
) -> None:
    assert ratio_of(state, 2.3, low, high, brief) == shown
