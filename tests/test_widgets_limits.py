"""Drawing never raises and never exceeds its width in cells, whatever it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from adapters.contract import Counts, Gauge, Reading, Sample
from console.judge.verdict import ArmTotals, Verdict, VerdictState
from console.state.values import NoteState, State
from tests.states import ANA, NOW, STATES, ago, healthy, with_metric
from tests.states.pieces import with_local
from widgets.advice import advice_lines
from widgets.checklist import checklist_lines
from widgets.exposure import exposure_lines
from widgets.header import header_lines
from widgets.line import Line, align_left, align_right, changed_cells, fit, length, truncate, wrap
from widgets.log import log_lines
from widgets.metrics import metrics_lines
from widgets.sources import sources_lines
from widgets.timeline import timeline_lines

DRAWN: Sequence[Callable[[State | None, int, int], list[Line]]] = (
    header_lines,
    advice_lines,
    metrics_lines,
    exposure_lines,
    timeline_lines,
    checklist_lines,
    sources_lines,
    log_lines,
)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
WORDS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs", "M")), max_size=40)


def check(state: State | None, width: int, height: int) -> None:
    """Every pane draws at most `height` lines, which fit into exactly `width` cells."""
    for draw in DRAWN:
        lines = draw(state, width, height)
        assert len(lines) <= max(height, 0)
        assert {length(fit(line, width)) for line in lines} <= {max(width, 0)}


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 16), (40, 6), (20, 3), (1, 1), (0, 0), (300, 100)])
@pytest.mark.parametrize("name", STATES)
def test_every_sample_is_drawn_at_every_size(name: str, size: tuple[int, int]) -> None:
    check(STATES[name](), *size)


@pytest.mark.parametrize("size", [(80, 24), (1, 1)])
def test_no_state_is_drawn(size: tuple[int, int]) -> None:
    check(None, *size)


def samples() -> st.SearchStrategy[Sample | None]:
    """A tick's sample: nothing, counts of any kind, a level of any kind."""
    return st.none() | st.builds(Counts, FLOATS, FLOATS) | st.builds(Gauge, FLOATS)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(samples(), samples()), max_size=30),
    st.tuples(FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS),
    st.sampled_from(VerdictState),
    WORDS,
    st.integers(1, 160),
)
def test_any_numbers_are_drawn(
    ticks: list[tuple[Sample | None, Sample | None]],
    numbers: tuple[float, ...],
    state: VerdictState,
    reason: str,
    width: int,
) -> None:
    ledger = tuple(Reading(ago(10 * index), *pair) for index, pair in enumerate(ticks))
    arms = ArmTotals(numbers[0], numbers[1], numbers[2])
    said = Verdict("errors", state, reason, arms, arms, numbers[3], numbers[4], numbers[5], age_s=numbers[0])
    check(with_metric(healthy(), "errors", ledger=ledger, verdict=said), width, 9)


@settings(max_examples=60)
@given(WORDS, st.integers(1, 130), st.integers(1, 12))
def test_any_words_are_drawn(words: str, width: int, height: int) -> None:
    state = healthy()
    stages = tuple(replace(entry, stage=replace(entry.stage, name=words), trouble=words) for entry in state.stages)
    steps = tuple(replace(entry, step=replace(entry.step, id=words), detail=words) for entry in state.checklist)
    sources = {
        name: replace(entry, name=words, failed_since=NOW, reason=words) for name, entry in state.sources.items()
    }
    check(
        with_local(
            replace(
                state,
                plan=replace(state.plan, title=words, risk=words),
                stages=stages,
                checklist=steps,
                sources=sources,
                log=(NoteState(NOW, replace(ANA, user=words), words, words),),
            ),
            operator=replace(ANA, user=words),
        ),
        width,
        height,
    )


@given(st.sampled_from([0.0, 1e12, -5.0]), st.sampled_from(list(STATES)))
def test_a_strange_bake_clock_is_drawn(baked_s: float, name: str) -> None:
    check(replace(STATES[name](), baked_s=baked_s), 80, 7)


@given(WORDS, st.integers(0, 30))
def test_cutting_and_filling_take_exactly_the_width(words: str, width: int) -> None:
    assert cell_len(truncate(words, width)) <= width
    assert (cell_len(align_left(words, width)), cell_len(align_right(words, width))) == (width, width)


@given(WORDS, st.integers(0, 30), st.integers(0, 5))
def test_wrapping_stays_within_its_rows_and_width(words: str, width: int, rows: int) -> None:
    made = wrap(words, width, rows)
    assert len(made) <= rows
    assert all(cell_len(row) <= width for row in made)


def test_a_wide_character_is_never_cut_in_half() -> None:
    assert truncate("漢字漢字", 4) == "漢…"


def test_two_equal_lines_need_no_repaint() -> None:
    line = fit(log_lines(healthy(), 80, 2)[1], 80)
    assert changed_cells(line, line) == 0


def test_a_changed_age_needs_no_repaint_to_its_right() -> None:
    old, new = (header_lines(state, 80, 1)[0] for state in (healthy(), replace(healthy(), as_of=ago(-1))))
    assert changed_cells(fit(old, 80), fit(new, 80)) == len("03:12:00Z")
