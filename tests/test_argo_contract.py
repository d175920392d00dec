"""Argo Rollouts through every bad behaviour of a server: one plain line, one write at most, no secret."""

from __future__ import annotations

import pytest

from adapters.contract import Context, Moved, Permit, Setting, TargetRef
from adapters.deploy.argo.backend import Argo
from adapters.deploy.argo.guard import GuardToken
from adapters.kube import Access
from tests.adapters_contract import BAD, SECRET, Bad, check_call, check_cancel
from tests.loopback import Request

WEB = TargetRef("api", "web")
SEEN = str(GuardToken(1, "new", "old", (("CanaryPauseStep", "2026-01-01T10:00:00Z"),)))
ROLLOUT = {
    "metadata": {"name": "web", "uid": "u", "resourceVersion": "5", "generation": 1},
    "spec": {"strategy": {"canary": {"steps": [{"setWeight": 5}, {"pause": {}}]}}},
    "status": {"phase": "Paused", "currentPodHash": "new", "stableRS": "old", "currentStepIndex": 1},
}


def connect(url: str, lent: Context) -> Argo:
    return Argo(lent, Access("prod", url, "default", token=SECRET), None, None)


def reads(request: Request) -> object | None:
    """Proper answers to everything that is only asked."""
    if request.method == "PATCH":
        return None
    if "/rollouts/web" in request.path:
        return ROLLOUT
    if request.path.endswith("selfsubjectaccessreviews"):
        return {"status": {"allowed": True}}
    return {"metadata": {"resourceVersion": "5"}, "items": []}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
async def test_a_read_that_fails(bad: Bad) -> None:
    await check_call(bad, connect, lambda backend: backend.read_target(WEB))


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
async def test_a_promote_that_fails(bad: Bad) -> None:
    await check_call(bad, connect, lambda backend: backend.advance(WEB, Setting(None, step=2), SEEN, Permit("")))


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
async def test_a_rollback_that_fails(bad: Bad) -> None:
    unreached = bad.serve is None
    await check_call(
        bad, connect, lambda backend: backend.withdraw(WEB, "old", Permit("")), good=None if unreached else reads
    )


async def test_a_promote_that_is_cut_off() -> None:
    await check_cancel(connect, lambda backend: backend.advance(WEB, Setting(None, step=2), SEEN, Permit("")))


async def test_a_conflict_is_moved() -> None:
    error = await check_call(
        next(bad for bad in BAD if bad.name == "409"), connect, lambda backend: backend.pause(WEB, Permit(""))
    )
    assert isinstance(error, Moved)
