"""The bell: what rings, once, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.contract import Outcome, Setting
from console.alarms import new_alarms
from console.judge.verdict import VerdictState
from console.state.values import State
from tests import states
from tests.engine_port_fake import war_room


async def test_the_bell_rings_once_for_a_new_failure() -> None:
    async with war_room(states.healthy) as table:
        rung: list[int] = []
        table.app.bell = lambda: rung.append(1)  # type: ignore[method-assign]
        await table.show(states.failing())
        await table.show(replace(states.failing(), baked_s=251.0))
        assert len(rung) == 1


def test_an_alarm_rings_again_only_after_it_was_over() -> None:
    healthy, failing = states.healthy(), states.failing()
    assert new_alarms(healthy, failing) == ("errors is fail", "the stage is FAIL")
    assert new_alarms(failing, failing) == ()
    assert new_alarms(failing, healthy) == ()


def test_what_stood_at_the_opening_does_not_ring() -> None:
    assert new_alarms(None, states.failing()) == ()


@pytest.mark.parametrize("made", [states.canary_silent, states.mismatched])
def test_a_stage_that_is_held_rings(made: Callable[[], State]) -> None:
    assert new_alarms(states.healthy(), made()) == ("the stage is HOLD",)


@pytest.mark.parametrize("made", [states.suspected, states.undecided, states.inconclusive, states.warming_up])
def test_what_is_not_proven_does_not_ring(made: Callable[[], State]) -> None:
    assert new_alarms(states.healthy(), made()) == ()


def test_a_metric_that_only_informs_does_not_ring() -> None:
    said = states.verdict("cpu", VerdictState.FAIL, "hot")
    assert new_alarms(states.healthy(), states.with_metric(states.healthy(), "cpu", verdict=said)) == ()


def test_a_request_newly_in_doubt_rings() -> None:
    lost = states.request("edge", Setting(5), Outcome.UNKNOWN)
    after = replace(states.healthy(), requests={lost.id: lost})
    assert new_alarms(states.healthy(), after) == ("request req-edge is in doubt",)
