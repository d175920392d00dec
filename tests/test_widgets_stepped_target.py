"""How a target whose backend owns the steps is drawn: its share, its step, what it waits for, what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.contract import OwnStep, Phase, StepsReading, TargetReading, Wait
from tests import states
from tests.reading_rig import varied
from widgets.exposure import exposure_lines
from widgets.line import text_of
from widgets.stepped_target import stepped_target_text
from widgets.timeline import timeline_lines

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
STEPS = (OwnStep("set weight 20 %", 20.0), OwnStep("pause", 20.0, waits=True), OwnStep("analysis rate", 20.0))


def reading(**more: object) -> TargetReading:
    base = TargetReading("edge", NOW, 20.0, phase=Phase.PAUSED, steps=StepsReading(1, 3, STEPS, desired=20.0))
    return varied(base, **more)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"waits": Wait.GATE}, "api 20 %, step 1/3 pause, waits for a promote"),
        (
            {"waits": Wait.GATE, "release": "cart:2 (template 5d4)"},
            "api 20 %, step 1/3 pause, waits for a promote: cart:2 (template 5d4)",
        ),
        (
            {"waits": Wait.GATE, "release": "cart:2 (template 5d4)", "canary": "abc"},
            "api 20 %, step 1/3 pause, waits for a promote",
        ),
        (
            {"waits": Wait.TIMER, "until": NOW + timedelta(seconds=95)},
            "api 20 %, step 1/3 pause, continues in 1:35",
        ),
        ({"waits": Wait.MANUAL}, "api 20 %, step 1/3 pause, PAUSED BY HAND"),
        ({"waits": Wait.JUDGEMENT}, "api 20 %, step 1/3 pause, INCONCLUSIVE: accept or roll back"),
        (
            {"phase": Phase.ABORTED, "percent": 0.0, "desired": 0.0, "step": 0},
            "api 0 %, step 0/3 set weight 20 %, ABORTED",
        ),
        ({"phase": Phase.PROGRESSING, "percent": 33.3, "step": 2}, "api 33.3 % of 20 %, step 2/3 analysis rate"),
        ({"percent": None}, "api ?, step 1/3 pause"),
        ({"at_rest": True, "percent": 100.0, "desired": 100.0, "step": 3}, "api 100 %"),
        ({"count": 0, "own": (), "step": 0, "waits": Wait.MANUAL}, "api 20 %, PAUSED BY HAND"),
    ],
)
def test_where_it_stands_is_told_in_words(more: dict[str, object], told: str) -> None:
    assert text_of(stepped_target_text("api", reading(**more), NOW)) == told


def test_the_line_of_what_is_exposed_now_tells_it_and_the_stages_tell_what_is_said_of_it() -> None:
    state = states.healthy()
    name = next(iter(state.targets))
    said = reading(target=name, waits=Wait.GATE, notes=("analysis step 2 rate: Running, 3 ok",))
    state = replace(state, targets={**state.targets, name: replace(state.targets[name], reading=said)})
    assert "waits for a promote" in text_of(exposure_lines(state, 200, 1)[0])
    drawn = [text_of(line) for line in timeline_lines(state, 80, 20)]
    assert any(f"{name}: analysis step 2 rate: Running, 3 ok" in line for line in drawn)


def test_a_promote_that_was_given_is_not_waited_for() -> None:
    told = text_of(stepped_target_text("api", reading(waits=Wait.GATE), NOW, promoted=True))
    assert told == "api 20 %, step 1/3 pause, promoted, still at its gate"
