"""The metrics pane: verdict, age, ratio, evidence and both arms, readable at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from console.judge.verdict import VerdictState
from console.state.values import State
from tests.states import (
    METRICS,
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
from widgets.line import Line, fit, text_of
from widgets.metrics import metrics_lines

BLOCKS = set("▁▂▃▄▅▆▇█")


def said(lines: Sequence[Line], width: int = 80) -> list[str]:
    """What the lines show in `width` cells."""
    return [text_of(fit(line, width)) for line in lines]


def many(count: int) -> State:
    """A healthy state with `count` metrics."""
    state = healthy()
    return replace(state, metrics={f"m{index}": state.metrics["errors"] for index in range(count)})


def test_a_metric_at_80_columns_tells_all_in_two_rows() -> None:
    rows = said(metrics_lines(failing(), 80, 7))
    first = [word for word in ("✗ FAIL", "4s old", "errors", "canary", "4.10 %", "0-5 %") if word not in rows[1]]
    second = [word for word in ("10.2x (7.40-14.1)", "n 4.31k", "baseline", "0.40 %", "0-5 %") if word not in rows[2]]
    assert (first, second) == ([], [])


def test_three_metrics_fit_in_seven_rows() -> None:
    rows = said(metrics_lines(healthy(), 80, 7))
    assert [any(f" {name} " in row for row in rows) for name in METRICS] == [True] * 3


def test_the_trace_of_a_failing_canary_rises_over_its_baseline() -> None:
    rows = said(metrics_lines(failing(), 80, 7))
    canary, baseline = ([char for char in row if char in BLOCKS] for row in rows[1:3])
    assert (max(canary), max(baseline)) == ("▇", "▂")


def test_stale_data_is_named_dated_and_hatched() -> None:
    rows = said(metrics_lines(stale(), 80, 7))
    assert [word for word in ("~ STALE", "95s old", "░░░░") if word not in rows[1]] == []


def test_fresh_data_is_not_hatched() -> None:
    assert "░" not in "".join(said(metrics_lines(healthy(), 80, 7)))


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (VerdictState.PASS, "✓ pass"),
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


def test_more_rows_give_the_reason_in_full() -> None:
    rows = said(metrics_lines(failing(), 80, 12))
    assert "10x worse than baseline; limit 5.00 %" in rows[3]


def test_a_source_that_answered_in_part_is_told_below() -> None:
    state = with_metric(healthy(), "errors", partial="2 of 3 shards answered")
    assert "not whole: 2 of 3 shards answered" in said(metrics_lines(state, 80, 12))[3]


def test_decisions_and_drift_stand_on_the_time_axis() -> None:
    assert "p" in said(metrics_lines(rolling_back(), 80, 7))[0][49:69]
    assert "r" in said(metrics_lines(rolling_back(), 80, 7))[0][49:69]
    assert "!" in said(metrics_lines(drifted(), 80, 7))[0][49:69]


def test_the_title_says_since_when_evidence_counts_and_how_far_back_the_traces_go() -> None:
    title = said(metrics_lines(healthy(), 80, 7))[0]
    assert ("since five began 4:10 ago" in title, "last 7:00" in title) == (True, True)


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


def test_more_metrics_than_pairs_of_rows_get_one_row_of_numbers_each() -> None:
    rows = said(metrics_lines(many(6), 80, 7))
    assert sum("1.02x (0.71-1.44) n 4.31k" in row for row in rows) == 6


def test_metrics_that_do_not_fit_are_counted() -> None:
    assert "4 more not shown" in said(metrics_lines(many(10), 80, 7))[0]


def test_the_selected_metric_stays_in_view() -> None:
    lines = metrics_lines(many(10), 80, 7, selected="m9")
    assert any(row.startswith("▌") for row in said(lines))


def test_a_plan_without_metrics_says_that_nothing_will_warn() -> None:
    assert "NO METRICS" in said(metrics_lines(replace(healthy(), metrics={}), 80, 7))[0]


def test_at_60_columns_the_verdict_and_the_ratio_remain() -> None:
    rows = said(metrics_lines(failing(), 60, 7), 60)
    assert ("✗ FAIL" in rows[1], "10.2x (7.40-14.1)" in rows[2]) == (True, True)
