"""The holder of the backends: one at a time, swapped when a plan is accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from adapters.registry import ConnectError
from console.engine.backend_set import BackendSet
from console.engine.backends import Backends
from console.plan.loader import parse
from console.plan.nouns import Plan
from tests.engine_rig import ONE

PLAN = parse(ONE.replace("scripted", "embedded"), "plan.yaml")
EDITED = replace(PLAN, digest="edited")


class FakeBackends:
    """Closed or not."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True


def connect(plan: Plan) -> Backends:
    if plan is not PLAN and plan.digest != "edited":
        raise ConnectError("edge: the token is not set")
    return cast(Backends, FakeBackends(plan))


def closed(backends: Backends) -> bool:
    return cast(FakeBackends, backends).closed


async def test_a_swap_uses_the_new_backends_at_once_and_closes_the_old_ones_at_its_end() -> None:
    backends = BackendSet(connect, PLAN)
    old = backends.current
    async with backends.swapping(EDITED) as new:
        assert backends.current is new and new.plan is EDITED
        assert not closed(old)
    assert (closed(old), closed(new)) == (True, False)


async def test_backends_that_cannot_be_connected_leave_the_old_ones_in_use() -> None:
    backends = BackendSet(connect, PLAN)
    old = backends.current
    with pytest.raises(ConnectError):
        async with backends.swapping(replace(PLAN, digest="broken")):
            raise AssertionError("not reached")
    assert backends.current is old and not closed(old)


async def test_a_trial_says_why_a_plan_cannot_be_connected_and_changes_nothing() -> None:
    backends = BackendSet(connect, PLAN)
    old = backends.current
    assert await backends.connect_problem(replace(PLAN, digest="broken")) == "edge: the token is not set"
    assert await backends.connect_problem(EDITED) is None
    assert backends.current is old
