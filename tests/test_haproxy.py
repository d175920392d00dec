"""The HAProxy adapter against a fake of its stats socket: orders, refusals, broken answers, fleets.

What the real HAProxy says and does is in `tests/live/test_haproxy.py`; the fake repeats its words.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.contract import (
    BackendError,
    BadReply,
    Cut,
    Forbidden,
    Missing,
    Phase,
    Setting,
    TargetRef,
    TimedOut,
    Unreachable,
)
from adapters.deploy.haproxy import Options, connect
from adapters.registry import load
from tests.haproxy_fake import CHECKOUT, Answer, FakeHAProxy, FakeServer, adapter, drip, fake_haproxy, hang, say


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeHAProxy]:
    async with fake_haproxy(tmp_path / "a.sock") as running:
        yield running


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[tuple[FakeHAProxy, FakeHAProxy]]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(fake_haproxy(tmp_path / "a.sock"))
        second = await stack.enter_async_context(fake_haproxy(tmp_path / "b.sock"))
        yield first, second


# -- reading ---------------------------------------------------------------------------------------------------------


async def test_the_share_is_read_from_both_weights(fake: FakeHAProxy) -> None:
    fake.servers["canary"].weight, fake.servers["stable"].weight = 25, 100
    reading = await adapter(fake.path).read_target(CHECKOUT)
    assert (reading.percent, reading.phase, reading.detail) == (20.0, Phase.PROGRESSING, "weights 25/100")
    assert reading.problem is None


@pytest.mark.parametrize(("weight", "phase"), [(0, Phase.PENDING), (40, Phase.PROGRESSING), (100, Phase.HEALTHY)])
async def test_the_phase_follows_the_share(fake: FakeHAProxy, weight: int, phase: Phase) -> None:
    fake.servers["canary"].weight, fake.servers["stable"].weight = weight, 100 - weight
    assert (await adapter(fake.path).read_target(CHECKOUT)).phase is phase


async def test_a_canary_that_is_down_is_degraded_and_says_why(fake: FakeHAProxy) -> None:
    fake.servers["canary"] = FakeServer(10, 0, up=False, check="Layer4 connection problem")
    reading = await adapter(fake.path).read_target(CHECKOUT)
    assert reading.phase is Phase.DEGRADED
    assert "canary DOWN: Layer4 connection problem" in reading.detail


@pytest.mark.parametrize(("admin", "word"), [(0x01, "in maintenance"), (0x20, "in maintenance"), (0x08, "drained")])
async def test_a_canary_taken_out_by_hand_reads_as_nothing(fake: FakeHAProxy, admin: int, word: str) -> None:
    fake.servers["canary"] = FakeServer(10, 0, admin=admin)
    reading = await adapter(fake.path).read_target(CHECKOUT)
    assert (reading.percent, reading.phase) == (0.0, Phase.ABORTED)
    assert f"canary is {word}" in reading.detail
    assert reading.satisfies(Setting(0))


async def test_weights_lost_by_a_restart_are_noted(fake: FakeHAProxy) -> None:
    fake.uptime_s = 12
    reading = await adapter(fake.path).read_target(CHECKOUT)
    assert reading.detail == "weights 0/100; haproxy started 12 s ago, weights are the configured ones"


async def test_weights_that_outlived_a_restart_are_not_called_lost(fake: FakeHAProxy) -> None:
    fake.uptime_s = 12
    fake.servers["canary"].weight = 5
    assert (await adapter(fake.path).read_target(CHECKOUT)).detail == "weights 5/100"


async def test_a_third_server_counts_and_is_a_problem_once_the_canary_has_traffic(fake: FakeHAProxy) -> None:
    fake.servers |= {"canary": FakeServer(25, 0), "stable": FakeServer(75, 100), "other": FakeServer(100, 100)}
    reading = await adapter(fake.path).read_target(CHECKOUT)
    assert reading.percent == 12.5
    assert reading.problem == "servers outside the plan take traffic: other 100"


async def test_a_third_server_does_not_keep_a_rollback_from_being_confirmed(fake: FakeHAProxy) -> None:
    fake.servers["other"] = FakeServer(100, 100)
    reading = await adapter(fake.path).read_target(CHECKOUT)
    assert reading.satisfies(Setting(0))
    assert "outside the plan: other 100" in reading.detail


async def test_a_backup_server_takes_no_share(fake: FakeHAProxy) -> None:
    fake.servers |= {"canary": FakeServer(20, 0), "stable": FakeServer(80, 100)}
    fake.servers["sorry"] = FakeServer(100, 100, backup=True)
    assert (await adapter(fake.path).read_target(CHECKOUT)).percent == 20.0


async def test_no_server_with_traffic_is_a_problem(fake: FakeHAProxy) -> None:
    fake.servers["stable"].weight = 0
    reading = await adapter(fake.path).read_target(CHECKOUT)
    assert reading.problem == "neither canary nor stable takes traffic"


async def test_nodes_that_disagree_are_a_problem_that_lists_each(fleet: tuple[FakeHAProxy, FakeHAProxy]) -> None:
    first, second = fleet
    first.servers |= {"canary": FakeServer(25, 0), "stable": FakeServer(75, 100)}
    reading = await adapter(first.path, second.path).read_target(CHECKOUT)
    assert reading.percent is None
    assert reading.problem == f"nodes disagree: {first.path} 25 %, {second.path} 0 %"


async def test_nodes_that_agree_read_as_one(fleet: tuple[FakeHAProxy, FakeHAProxy]) -> None:
    reading = await adapter(*(node.path for node in fleet)).read_target(CHECKOUT)
    assert (reading.percent, reading.detail) == (0.0, "weights 0/100 on 2 nodes")


async def test_a_backend_haproxy_does_not_know_is_missing(fake: FakeHAProxy) -> None:
    with pytest.raises(Missing, match=r"edge: Can't find backend\."):
        await adapter(fake.path).read_target(TargetRef("t", "nope", canary="canary", baseline="stable"))


async def test_a_server_that_is_not_there_is_missing_and_the_others_are_named(fake: FakeHAProxy) -> None:
    with pytest.raises(Missing, match=r"no server v2 \(there are: canary, stable\)"):
        await adapter(fake.path).read_target(TargetRef("t", "checkout", canary="v2", baseline="stable"))


BROKEN_ANSWERS: list[tuple[str, Answer, type[BackendError]]] = [
    ("show servers", say(b"<html>\n\n"), BadReply),
    ("show servers", say(b"1\n# srv_name\n3 checkout\n\n"), BadReply),
    ("show servers", say(b"1\n# srv_name srv_admin_state\nstable lots\n\n"), BadReply),
    ("show servers", say(b"\xff\xfe\n\n"), BadReply),
    ("show servers", say(b"x" * (1 << 21)), BadReply),
    ("show servers", say(b"1\n# be_id"), Cut),
    ("show servers", say(b""), Cut),
    ("show servers", hang, TimedOut),
    ("show servers", drip, TimedOut),
    ("show stat", say(b"what?\n\n"), BadReply),
    ("show stat", say(b"# a,b\n1,2\n\n"), BadReply),
    ("show info", say(b"Name: x\n\n"), BadReply),
    ("show info", say(b"Permission denied\n\n"), Forbidden),
]


@pytest.mark.parametrize(("line", "answer", "error"), BROKEN_ANSWERS)
async def test_a_broken_answer_is_an_error_and_never_a_reading(
    fake: FakeHAProxy, line: str, answer: Answer, error: type[BackendError]
) -> None:
    fake.said[line] = answer
    with pytest.raises(error):
        await adapter(fake.path, deadline_s=0.5).read_target(CHECKOUT)


async def test_control_characters_in_an_answer_do_not_reach_the_screen(fake: FakeHAProxy) -> None:
    fake.servers["canary"] = FakeServer(10, 0, up=False, check="\x1b]52;c;eA==\x07bad")
    assert (await adapter(fake.path).read_target(CHECKOUT)).detail.isprintable()


async def test_a_drip_ends_at_the_deadline(fake: FakeHAProxy) -> None:
    fake.said["show"] = drip
    async with asyncio.timeout(30.0):
        with pytest.raises(TimedOut):
            await adapter(fake.path, deadline_s=0.3).read_target(CHECKOUT)


async def test_a_read_can_be_cancelled(fake: FakeHAProxy) -> None:
    fake.said["show"] = hang
    task = asyncio.create_task(adapter(fake.path).read_target(CHECKOUT))
    await fake.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# -- connecting ------------------------------------------------------------------------------------------------------


async def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=rf"{tmp_path}/gone.sock: no such socket \(is haproxy running\?\)"):
        await adapter(tmp_path / "gone.sock").read_target(CHECKOUT)


async def test_a_port_without_a_listener_is_refused() -> None:
    with pytest.raises(Unreachable, match=r"tcp://127\.0\.0\.1:1: connection refused"):
        await adapter("tcp://127.0.0.1:1").read_target(CHECKOUT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open any socket")
async def test_a_socket_of_another_user_is_permission_denied(fake: FakeHAProxy) -> None:
    fake.path.chmod(0)
    with pytest.raises(Unreachable, match="permission denied"):
        await adapter(fake.path).read_target(CHECKOUT)


@pytest.mark.parametrize(
    "socket", ["", "tcp://host", "tcp://host:99999", "http://host:1", "/a\nb", "/" + "a" * 200, []]
)
def test_a_socket_that_is_no_address_is_an_error_of_the_plan(socket: str | list[str]) -> None:
    with pytest.raises(ValidationError):
        Options(socket=socket)


def test_the_same_socket_twice_is_an_error_of_the_plan() -> None:
    with pytest.raises(ValidationError, match="given twice"):
        Options(socket=["/a", "/a"])


def test_the_registry_loads_it() -> None:
    assert load("haproxy").connect is connect
