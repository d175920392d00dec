"""The decision card as text: what an operator reads before a decision, and a colleague a year later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.events.evidence import Card, Gate, MetricEvidence, PlannedCall, TargetEvidence, Verb
from console.state.card import card_for
from tests import states
from widgets.card import card_lines, heading, plain
from widgets.line import length, text_of
from widgets.sheet import page

CALL = PlannedCall("edge-lb", "edge", "0 %", "PUT /v3/services/haproxy/configuration/backends/be_checkout", "edge-zero")


def told(card: Card, width: int = 76, height: int | None = None) -> str:
    """The card on one line of single spaces, so that a wrap does not hide a phrase."""
    return " ".join(" ".join(plain(card_lines(card, width, height))).split())


def test_the_heading_says_what_from_where_to_where_and_as_of_when() -> None:
    assert text_of(heading(states.card())) == "PROMOTE  one → five   as of 03:07:40Z"


def test_a_halt_goes_nowhere() -> None:
    assert "HALT  at five" in text_of(heading(card_for(states.healthy(), Verb.HALT)))


def test_a_metric_shows_verdict_levels_with_n_ratio_odds_and_age() -> None:
    text = told(card_for(states.healthy(), Verb.PROMOTE), 130)
    assert "✓ pass (<2x) errors 0.41 % of 4,310 vs 0.4 % of 81,900 1.0x (0.71-1.4) 26:1 4s old" in text


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("failing", "✗ FAIL errors 4.1 % of 4,310 vs 0.4 % of 81,900 10x (7.4-14) 340:1 worse 4s old 11x since 03:08Z"),
        ("fallen_silent", "✗ FAIL silent errors 4.1 % of 4,310 vs 0.4 % of 81,900 10x (7.4-14) 340:1 worse 95s old"),
        (
            "suspected",
            "! WARN errors 0.48 % of 512 vs 0.4 % of 9,800 2.4x (0.60-2.3) 14:1 worse 4s old verdict in ~4 min",
        ),
        ("warming_up", "? WARMING UP errors 0.48 % of 512 vs 0.4 % of 9,800 1.0:1 worse 4s old 2x shows in ~32 min"),
        ("undecided", "? WATCHING errors 0.48 % of 512 vs 0.4 % of 9,800 1.2x (0.60-2.3) 1.3:1 worse 4s old 2x shows"),
        (
            "inconclusive",
            "? INCONCLUSIVE errors 0.48 % of 512 vs 0.4 % of 9,800 1.2x (0.60-2.3) 1.3:1 worse 4s old needs",
        ),
    ],
)
def test_each_kind_of_verdict_is_told_with_its_evidence(name: str, line: str) -> None:
    assert line in told(card_for(states.STATES[name](), Verb.ROLLBACK), 130)


def test_a_card_of_before_evidence_was_kept_is_drawn_as_it_was() -> None:
    old = MetricEvidence("errors", "critical", "unsure", "too few", "1 % of 90", "1 % of 900", 90, 4.0, 1.0, 0.1, 9.0)
    assert "? unsure errors 1 % of 90 vs 1 % of 900 1.0x (0.10-9.0) 4s old too few" in told(
        replace(states.card(), metrics=(old,)), 130
    )


def test_a_verdict_that_is_no_pass_gives_its_reason() -> None:
    assert "newest sample 95 s old, limit 30 s" in told(card_for(states.stale(), Verb.PROMOTE))


def test_a_closed_gate_says_whether_it_can_be_overridden() -> None:
    gates = (Gate("bake", False, "baked 1:00 of 5:00", hard=False), Gate("halt", False, "halted"))
    text = told(replace(states.card(), gates=gates))
    assert "✗ CLOSED baked 1:00 of 5:00 (can be overridden)" in text
    assert "✗ CLOSED halted metrics" in text


def test_every_call_names_backend_target_setting_step_and_words() -> None:
    text = told(replace(states.card(Verb.ROLLBACK), calls=(CALL,)))
    assert "1 step edge-zero: edge-lb: edge to 0 %: PUT /v3/services/haproxy/configuration/backends/be_checkout" in text


def test_going_safer_shows_what_is_done_before_the_evidence() -> None:
    text = told(replace(states.card(Verb.ROLLBACK), calls=(CALL,)))
    assert text.index("calls") < text.index("metrics")


def test_a_call_that_names_target_and_setting_itself_is_told_once() -> None:
    call = PlannedCall("edge", "api", "5 %", "embedded: api -> 5 %")
    text = told(replace(states.card(), calls=(call,)))
    assert "1 edge: embedded: api -> 5 %" in text


def test_what_needs_no_call_says_so() -> None:
    text = told(replace(states.card(), skipped=("new-checkout already reads 5 %",)))
    assert "no call needed: new-checkout already reads 5 %" in text


def test_a_tight_card_with_a_closed_gate_shows_targets_and_calls_before_the_metrics() -> None:
    closed = replace(states.card(), gates=(Gate("bake", False, "baked 1:00 of 5:00", hard=False),))
    text = told(closed, height=5)
    assert text.index("CLOSED") < text.index("targets") < text.index("calls") < text.index("metrics")


def test_going_forward_shows_the_evidence_first() -> None:
    text = told(states.card(Verb.PROMOTE))
    assert text.index("metrics") < text.index("calls")


def test_calls_that_no_backend_has_told_are_not_called_nothing() -> None:
    text = told(replace(states.card(), calls=()))
    assert "not known yet" in text
    assert "no call is made" not in text


def test_a_halt_that_calls_nothing_says_so() -> None:
    assert "no call is made" in told(card_for(states.healthy(), Verb.HALT))


def test_skipped_and_warnings_are_told_whole() -> None:
    skipped, warning = "new-checkout already reads 5 %, " * 8, "edge cannot pause, " * 8
    text = told(replace(states.card(), skipped=(skipped,), warnings=(warning,)), 40)
    assert skipped.strip() in text
    assert warning.strip() in text


def test_a_card_without_height_drops_no_call() -> None:
    calls = tuple(replace(CALL, target=f"target{number}") for number in range(30))
    text = told(replace(states.card(), calls=calls), 60, 10)
    assert all(f"edge-lb: target{number} " in text for number in range(30))


def test_a_call_longer_than_a_row_is_folded_and_never_cut() -> None:
    path = "/v3/" + "very-long-segment/" * 12
    card = replace(states.card(), calls=(replace(CALL, text=path),))
    assert path in "".join("".join(plain(card_lines(card, 50))).split())


def test_a_roomy_place_gets_blank_lines_and_a_tight_one_does_not() -> None:
    card = card_for(states.healthy(), Verb.PROMOTE)
    assert "" in plain(card_lines(card, 110, 60))
    assert "" not in plain(card_lines(card, 76, 12))


@pytest.mark.parametrize("width", [20, 56, 76, 108])
@pytest.mark.parametrize("verb", list(Verb))
def test_no_line_is_wider_than_it_may_be(verb: Verb, width: int) -> None:
    for made in states.STATES.values():
        for line in card_lines(card_for(made(), verb), width, 18):
            assert length(line) <= max(width, 60)
            assert width < 56 or length(line) <= width


def test_an_empty_card_and_odd_numbers_are_drawn() -> None:
    metric = MetricEvidence("m", "guard", "later-version", "", "", "", float("nan"), None, float("inf"))
    target = TargetEvidence("t", "?", None, None)
    text = told(Card(Verb.CLOSE, "", "", 0, states.NOW, metrics=(metric,), targets=(target,)))
    assert "? later-version" in text
    assert "no sample" in text
    assert "never read" in text


def test_a_page_counts_what_it_hides() -> None:
    lines = card_lines(card_for(states.failing(), Verb.PROMOTE), 76)
    first, last = page(lines, 6, 2)[0], page(lines, 6, 2)[-1]
    assert text_of(first) == "▲ 3 more above: page up"
    assert text_of(last) == f"▼ {len(lines) - 7} more below: page down"


def test_a_page_that_fits_hides_nothing() -> None:
    lines = card_lines(states.card(), 76)
    assert page(lines, len(lines), 5) == lines


@pytest.mark.parametrize("width", [66, 76, 100])
def test_what_was_counted_of_an_arm_stays_in_one_piece(width: int) -> None:
    card = card_for(states.failing(), Verb.ROLLBACK)
    seen = [replace(each, metric="page-errors-by-host", canary="0.982 % of 62,453") for each in card.metrics]
    many = replace(card, metrics=tuple(replace(each, baseline="0.342 % of 1,189,307") for each in seen))
    rows = [text_of(line) for line in card_lines(many, width)]
    assert sum("0.982 % of 62,453 vs 0.342 % of 1,189,307" in row for row in rows) == len(seen)
    assert any("10x (7.4-14)" in row for row in rows)


def test_what_is_decided_after_a_rollback_is_not_decided_at_a_stage() -> None:
    assert text_of(heading(card_for(states.rolled_back(), Verb.CLOSE))).startswith("CLOSE  rolled back  ")
