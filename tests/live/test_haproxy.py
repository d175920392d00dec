"""The HAProxy adapter against a real HAProxy that splits real requests between two small web servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.contract import (
    BackendError,
    Forbidden,
    HalfDone,
    Missing,
    Permit,
    Phase,
    Rejected,
    Setting,
    TargetReading,
    TargetRef,
)
from adapters.deploy.haproxy import HAProxy, Options, connect
from adapters.testing import context
from tests.live.backends_haproxy import LiveHAProxy, haproxy

pytestmark = pytest.mark.live

CHECKOUT = TargetRef("checkout", "checkout", canary="canary", baseline="stable")
LEAVE = Permit("00-0-0-00")


def adapter(*sockets: Path | str) -> HAProxy:
    return connect(Options(socket=[str(socket) for socket in sockets]), context(source="edge"))


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveHAProxy]:
    async with haproxy(tmp_path / "a") as running:
        yield running


async def until_degraded(backend: HAProxy) -> TargetReading:
    """Read until a health check has noticed; a test that waits for ever fails at this deadline."""
    async with asyncio.timeout(5):
        while (reading := await backend.read_target(CHECKOUT)).phase is not Phase.DEGRADED:  # noqa: ASYNC110 - it polls
            await asyncio.sleep(0.05)
    return reading


@pytest.mark.parametrize(("percent", "least", "most"), [(0, 0, 0), (25, 9, 11), (50, 19, 21), (100, 40, 40)])
async def test_requests_follow_the_weights(live: LiveHAProxy, percent: int, least: int, most: int) -> None:
    backend = adapter(live.admin)
    await backend.set_weight(CHECKOUT, percent, LEAVE)
    assert (await backend.read_target(CHECKOUT)).satisfies(Setting(percent))
    assert least <= (await live.served(40))["canary"] <= most


async def test_an_abort_from_everything_that_stops_halfway_still_serves_everybody(live: LiveHAProxy) -> None:
    backend = adapter(live.admin)
    await backend.set_weight(CHECKOUT, 100, LEAVE)
    await backend.read_target(CHECKOUT)
    looks = iter([None])
    with pytest.raises(HalfDone, match="stable 100 set; then not sent: overtaken"):
        await backend.set_weight(CHECKOUT, 0, Permit(LEAVE.trace, lambda: next(looks, "overtaken")))
    assert set(await live.served(20)) == {"canary", "stable"}


async def test_two_weights_of_nothing_serve_nobody_which_is_why_the_order_matters(live: LiveHAProxy) -> None:
    for server in ("stable", "canary"):
        await live.say(f"set weight checkout/{server} 0")
    assert "503" in await live.get()
    reading = await adapter(live.admin).read_target(CHECKOUT)
    assert reading.problem == "neither canary nor stable takes traffic"


async def test_a_backend_as_configured_reads_as_nothing_and_young(live: LiveHAProxy) -> None:
    reading = await adapter(live.admin).read_target(CHECKOUT)
    assert (reading.percent, reading.phase, reading.problem) == (0.0, Phase.PENDING, None)
    assert reading.detail.startswith("weights 0/100; haproxy started ")


async def test_a_backup_server_takes_no_share(live: LiveHAProxy) -> None:
    reading = await adapter(live.admin).read_target(TargetRef("t", "spare", canary="canary", baseline="stable"))
    assert (reading.percent, reading.problem) == (20.0, None)


async def test_a_restart_that_loses_the_weights_is_told(live: LiveHAProxy) -> None:
    backend = adapter(live.admin)
    await backend.set_weight(CHECKOUT, 25, LEAVE)
    assert (await backend.read_target(CHECKOUT)).detail == "weights 25/75"
    live.restart()
    reading = await backend.read_target(CHECKOUT)
    assert reading.percent == 0.0
    assert "weights are the configured ones" in reading.detail


async def test_a_socket_of_level_user_reads_and_is_forbidden_to_write(live: LiveHAProxy) -> None:
    backend = adapter(live.user)
    assert (await backend.read_target(CHECKOUT)).percent == 0.0
    with pytest.raises(Forbidden, match="Permission denied"):
        await backend.set_weight(CHECKOUT, 25, LEAVE)
    assert (await backend.read_target(CHECKOUT)).percent == 0.0


async def test_a_tcp_socket_does_the_same(live: LiveHAProxy) -> None:
    backend = adapter(f"tcp://127.0.0.1:{live.cli}")
    await backend.set_weight(CHECKOUT, 25, LEAVE)
    assert (await backend.read_target(CHECKOUT)).percent == 25.0


NOT_THERE: list[tuple[TargetRef, str, str]] = [
    (TargetRef("t", "nope", canary="canary", baseline="stable"), r"Can't find backend\.", r"No such backend\."),
    (TargetRef("t", "checkout", canary="v9", baseline="stable"), "no server v9", r"No such server\."),
]


@pytest.mark.parametrize(("target", "read", "written"), NOT_THERE)
async def test_a_name_haproxy_does_not_know_is_missing(
    live: LiveHAProxy, target: TargetRef, read: str, written: str
) -> None:
    with pytest.raises(Missing, match=read):
        await adapter(live.admin).read_target(target)
    with pytest.raises(BackendError, match=written):
        await adapter(live.admin).set_weight(target, 25, LEAVE)


async def test_a_static_algorithm_refuses_in_its_own_words(live: LiveHAProxy) -> None:
    with pytest.raises(Rejected, match="static LB algorithm"):
        await adapter(live.admin).set_weight(TargetRef("t", "fixed", canary="canary", baseline="stable"), 25, LEAVE)


@pytest.mark.parametrize(("state", "word"), [("drain", "drained"), ("maint", "in maintenance")])
async def test_a_canary_taken_out_by_hand_reads_as_it_serves(live: LiveHAProxy, state: str, word: str) -> None:
    backend = adapter(live.admin)
    await backend.set_weight(CHECKOUT, 25, LEAVE)
    assert await live.say(f"set server checkout/canary state {state}") == ""
    reading = await backend.read_target(CHECKOUT)
    assert (reading.percent, reading.phase) == (0.0, Phase.ABORTED)
    assert f"canary is {word}" in reading.detail
    assert (await live.served(20))["canary"] == 0
    await live.say("set server checkout/canary state ready")
    assert (await backend.read_target(CHECKOUT)).percent == 25.0


async def test_a_canary_that_is_down_is_degraded_and_says_why(live: LiveHAProxy) -> None:
    backend = adapter(live.admin)
    await backend.set_weight(CHECKOUT, 25, LEAVE)
    live.arms["canary"].close()
    reading = await until_degraded(backend)
    assert reading.percent == 25.0
    assert "canary DOWN: Layer4 connection problem, Connection refused" in reading.detail


async def test_two_nodes_are_set_together_and_a_hand_on_one_is_seen(live: LiveHAProxy, tmp_path: Path) -> None:
    async with haproxy(tmp_path / "b") as other:
        backend = adapter(live.admin, other.admin)
        await backend.set_weight(CHECKOUT, 25, LEAVE)
        assert (await backend.read_target(CHECKOUT)).detail == "weights 25/75 on 2 nodes"
        await other.say("set weight checkout/canary 0")
        reading = await backend.read_target(CHECKOUT)
        assert reading.problem == f"nodes disagree: {live.admin} 25 %, {other.admin} 0 %"
