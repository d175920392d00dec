"""The HAProxy adapter's writes against a fake of its stats socket: order, refusals, what half done means, fleets.

What the real HAProxy says and does is in `tests/live/test_haproxy.py`; the fake repeats its words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adapters.contract import (
    BackendError,
    Cut,
    Forbidden,
    HalfDone,
    Missing,
    PausableBackend,
    Permit,
    Rejected,
    Setting,
    TargetRef,
    TimedOut,
    Withdrawn,
)
from tests.haproxy_fake import CHECKOUT, LEAVE, FakeHAProxy, FakeServer, adapter, fake_haproxy, hang, say


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


def lapses_after(checks: int) -> Permit:
    """A permit that is good for so many looks."""
    looks = iter([None] * checks)
    return Permit("00-0-0-00", lambda: next(looks, "a rollback overtook it"))


async def test_a_change_is_one_absolute_weight_per_server_canary_first(fake: FakeHAProxy) -> None:
    await adapter(fake.path).set_weight(CHECKOUT, 25, LEAVE)
    assert fake.sets == ["set weight checkout/canary 25", "set weight checkout/stable 75"]
    assert fake.weights() == {"stable": 75, "canary": 25}


async def test_a_repeat_is_sent_again_because_it_is_harmless(fake: FakeHAProxy) -> None:
    backend = adapter(fake.path)
    await backend.set_weight(CHECKOUT, 25, LEAVE)
    await backend.set_weight(CHECKOUT, 25, LEAVE)
    assert len(fake.sets) == 4


async def test_an_abort_takes_the_canary_first_while_the_baseline_serves(fake: FakeHAProxy) -> None:
    fake.servers |= {"canary": FakeServer(50, 0), "stable": FakeServer(50, 100)}
    backend = adapter(fake.path)
    await backend.read_target(CHECKOUT)
    await backend.set_weight(CHECKOUT, 0, LEAVE)
    assert fake.sets == ["set weight checkout/canary 0", "set weight checkout/stable 100"]


async def test_an_abort_from_everything_raises_the_baseline_first(fake: FakeHAProxy) -> None:
    fake.servers |= {"canary": FakeServer(100, 0), "stable": FakeServer(0, 100)}
    backend = adapter(fake.path)
    await backend.read_target(CHECKOUT)
    await backend.set_weight(CHECKOUT, 0, LEAVE)
    assert fake.sets == ["set weight checkout/stable 100", "set weight checkout/canary 0"]


async def test_an_abort_before_any_read_always_leaves_a_server(fake: FakeHAProxy) -> None:
    await adapter(fake.path).set_weight(CHECKOUT, 0, LEAVE)
    assert fake.sets[0] == "set weight checkout/stable 100"


@pytest.mark.parametrize("percent", [0, 1, 50, 100])
async def test_the_card_shows_exactly_what_is_sent(fake: FakeHAProxy, percent: int) -> None:
    backend = adapter(fake.path)
    await backend.read_target(CHECKOUT)
    shown = backend.calls(CHECKOUT, Setting(percent))
    await backend.set_weight(CHECKOUT, percent, LEAVE)
    assert list(shown) == fake.sets


async def test_the_card_names_the_nodes_of_a_fleet(fleet: tuple[FakeHAProxy, FakeHAProxy]) -> None:
    first, second = fleet
    assert adapter(first.path, second.path).calls(CHECKOUT, Setting(5)) == (
        f"{first.path}: set weight checkout/canary 5",
        f"{first.path}: set weight checkout/stable 95",
        f"{second.path}: set weight checkout/canary 5",
        f"{second.path}: set weight checkout/stable 95",
    )


REFUSALS: list[tuple[bytes, type[BackendError], str]] = [
    (b"Permission denied\n\n", Forbidden, r"Permission denied \(this socket is not of level admin\)"),
    (b"No such server.\n\n", Missing, r"No such server\."),
    (b"No such backend.\n\n", Missing, r"No such backend\."),
    (b"Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n\n", Rejected, "static LB"),
    (b"Unknown command, but maybe one of\n  help\n\n", Rejected, "does not know this command"),
    (b"<html>\x1b[2J\n", Rejected, "<html>"),
    (b"", Cut, "ended before HAProxy answered"),
]


@pytest.mark.parametrize(("answer", "error", "words"), REFUSALS)
async def test_any_words_after_a_set_are_a_refusal(
    fake: FakeHAProxy, answer: bytes, error: type[BackendError], words: str
) -> None:
    fake.said["set weight"] = say(answer)
    with pytest.raises(error, match=words) as raised:
        await adapter(fake.path).set_weight(CHECKOUT, 25, LEAVE)
    assert type(raised.value) is error
    assert str(raised.value).isprintable()
    assert len(fake.sets) == 1


async def test_a_set_that_is_never_answered_is_unknown(fake: FakeHAProxy) -> None:
    fake.said["set weight"] = hang
    with pytest.raises(TimedOut):
        await adapter(fake.path, deadline_s=0.3).set_weight(CHECKOUT, 25, LEAVE)


async def test_a_refused_second_write_is_half_done_and_says_what_is_set(fake: FakeHAProxy) -> None:
    fake.said["set weight checkout/stable"] = say(b"Permission denied\n\n")
    with pytest.raises(HalfDone, match="edge: canary 25 set; then Permission denied"):
        await adapter(fake.path).set_weight(CHECKOUT, 25, LEAVE)


async def test_a_second_write_that_hangs_is_half_done(fake: FakeHAProxy) -> None:
    fake.said["set weight checkout/stable"] = hang
    with pytest.raises(HalfDone, match="canary 25 set; then no whole answer within the deadline"):
        await adapter(fake.path, deadline_s=0.3).set_weight(CHECKOUT, 25, LEAVE)


async def test_a_permit_that_had_lapsed_sends_nothing(fake: FakeHAProxy) -> None:
    with pytest.raises(Withdrawn, match="not sent: a rollback overtook it"):
        await adapter(fake.path).set_weight(CHECKOUT, 25, lapses_after(0))
    assert fake.lines == []


async def test_a_permit_that_lapses_between_the_writes_is_half_done(fake: FakeHAProxy) -> None:
    with pytest.raises(HalfDone, match="canary 25 set; then not sent: a rollback overtook it"):
        await adapter(fake.path).set_weight(CHECKOUT, 25, lapses_after(1))
    assert fake.sets == ["set weight checkout/canary 25"]


async def test_a_write_that_was_accepted_but_reads_otherwise_is_half_done(fake: FakeHAProxy) -> None:
    fake.said["get weight checkout/canary"] = say(b"7 (initial 0)\n\n")
    with pytest.raises(HalfDone, match="canary reads 7 after it was set to 25"):
        await adapter(fake.path).set_weight(CHECKOUT, 25, LEAVE)


async def test_a_read_back_that_is_no_weight_is_half_done(fake: FakeHAProxy) -> None:
    fake.said["get weight"] = say(b"many\n\n")
    with pytest.raises(HalfDone, match="not a weight"):
        await adapter(fake.path).set_weight(CHECKOUT, 25, LEAVE)


async def test_a_dead_node_does_not_keep_an_abort_from_the_others(fleet: tuple[FakeHAProxy, FakeHAProxy]) -> None:
    first, second = fleet
    first.said["set"] = hang
    second.servers |= {"canary": FakeServer(50, 0), "stable": FakeServer(50, 100)}
    with pytest.raises(HalfDone) as raised:
        await adapter(first.path, second.path, deadline_s=0.4).set_weight(CHECKOUT, 0, LEAVE)
    assert second.weights() == {"stable": 100, "canary": 0}
    assert f"{first.path}: no whole answer" in raised.value.reason
    assert f"{second.path}: stable 100, canary 0 set" in raised.value.reason


async def test_a_fleet_that_refused_everywhere_is_refused(fleet: tuple[FakeHAProxy, FakeHAProxy]) -> None:
    for node in fleet:
        node.said["set"] = say(b"Permission denied\n\n")
    with pytest.raises(Forbidden):
        await adapter(*(node.path for node in fleet)).set_weight(CHECKOUT, 25, LEAVE)


async def test_a_fleet_of_which_one_hung_and_one_refused_is_unknown(fleet: tuple[FakeHAProxy, FakeHAProxy]) -> None:
    first, second = fleet
    first.said["set"], second.said["set"] = say(b"Permission denied\n\n"), hang
    with pytest.raises(TimedOut):
        await adapter(first.path, second.path, deadline_s=0.3).set_weight(CHECKOUT, 25, LEAVE)


BAD_NAMES = ["a b", "a;set weight x 1", "a\nb", "a/b", "a\x00", "", "a\u202eb", "a\\b"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("place", ["name", "canary", "baseline"])
async def test_a_name_that_could_be_another_command_is_not_sent(fake: FakeHAProxy, name: str, place: str) -> None:
    parts = {"name": "checkout", "canary": "canary", "baseline": "stable"} | {place: name}
    target = TargetRef("t", parts["name"], canary=parts["canary"], baseline=parts["baseline"])
    backend = adapter(fake.path)
    with pytest.raises(Rejected, match="not sent"):
        await backend.set_weight(target, 25, LEAVE)
    with pytest.raises(Rejected, match="not sent"):
        await backend.read_target(target)
    assert backend.calls(target, Setting(25))[0].startswith("not sent")
    assert fake.lines == []


@pytest.mark.parametrize("percent", [-1, 101])
async def test_a_share_outside_0_to_100_is_not_sent(fake: FakeHAProxy, percent: int) -> None:
    with pytest.raises(Rejected, match="not a percentage"):
        await adapter(fake.path).set_weight(CHECKOUT, percent, LEAVE)
    assert fake.lines == []


async def test_a_target_whose_two_servers_are_one_is_not_sent(fake: FakeHAProxy) -> None:
    with pytest.raises(Rejected, match="the same server"):
        await adapter(fake.path).set_weight(TargetRef("t", "checkout", canary="a", baseline="a"), 25, LEAVE)


async def test_there_is_nothing_to_pause_or_resume(fake: FakeHAProxy) -> None:
    backend = adapter(fake.path)
    assert not isinstance(backend, PausableBackend)
    assert not backend.capabilities(CHECKOUT).advances
