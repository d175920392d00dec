"""The Unleash adapter's writes on recorded answers: their order, what half done means, what is never sent."""

from __future__ import annotations

import json

import httpx
import pytest

from adapters.contract import (
    HalfDone,
    Moved,
    NotSent,
    Permit,
    Rejected,
    ServerFailed,
    Setting,
    Withdrawn,
)
from adapters.flags.unleash import Unleash, connect
from adapters.testing import NEVER_ANSWERS, SECRET, TOKEN_ENV, check_call
from tests.unleash_fake import F1, FEATURE, LEAVE, FakeUnleash, adapter, at, error, options, strategy

ON_AT_25 = Setting(25, on=True)
OFF = Setting(None, on=False)
PATCHED = (
    "PATCH /environments/production/strategies/S1 "
    '[{"op":"test","path":"/parameters/rollout","value":"5"},'
    '{"op":"replace","path":"/parameters/rollout","value":"25"}]'
)
SWITCHED_ON = "POST /environments/production/on"


@pytest.fixture
def fake() -> FakeUnleash:
    return FakeUnleash()


@pytest.fixture
def backend(fake: FakeUnleash, monkeypatch: pytest.MonkeyPatch) -> Unleash:
    return adapter(fake, monkeypatch)


async def test_the_percentage_is_set_and_read_back_before_the_switch(fake: FakeUnleash, backend: Unleash) -> None:
    await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert [request.method for request in fake.requests] == ["GET", "PATCH", "GET", "POST", "GET"]
    assert fake.writes == [PATCHED, SWITCHED_ON]


async def test_a_flag_that_is_on_is_not_switched_on_again(fake: FakeUnleash, backend: Unleash) -> None:
    fake.on = True
    await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert fake.writes == [PATCHED]


async def test_a_percentage_that_is_there_is_not_sent_again(fake: FakeUnleash, backend: Unleash) -> None:
    fake.strategies = [strategy("25")]
    await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert fake.writes == [SWITCHED_ON]


async def test_a_percentage_alone_leaves_the_switch(fake: FakeUnleash, backend: Unleash) -> None:
    await backend.set_flag(F1, Setting(25), LEAVE)
    assert fake.writes == [PATCHED]


async def test_off_is_one_call_that_reads_nothing_first(fake: FakeUnleash, backend: Unleash) -> None:
    fake.on = True
    await backend.set_flag(F1, Setting(25, on=False), LEAVE)
    assert fake.calls == [f"POST {FEATURE}/environments/production/off"]
    assert fake.rollout() == "5"


async def test_a_flag_without_a_strategy_gets_one_with_the_percentage_before_the_switch(
    fake: FakeUnleash, backend: Unleash
) -> None:
    fake.strategies = []
    await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert [write.split(" ")[1] for write in fake.writes] == [
        "/environments/production/strategies",
        "/environments/production/on",
    ]
    created = json.loads(fake.writes[0].split(" ", 2)[2])
    assert created == {
        "name": "flexibleRollout",
        "parameters": {"rollout": "25", "stickiness": "default", "groupId": "f1"},
    }


async def test_a_flag_without_a_strategy_is_never_only_switched_on(fake: FakeUnleash, backend: Unleash) -> None:
    fake.strategies = []
    with pytest.raises(Rejected, match="switching on would expose every user"):
        await backend.set_flag(F1, Setting(None, on=True), LEAVE)
    assert fake.writes == []


@pytest.mark.parametrize("percent", [-1, 101])
async def test_a_share_outside_0_to_100_is_not_sent(fake: FakeUnleash, backend: Unleash, percent: int) -> None:
    with pytest.raises(Rejected, match="not a percentage"):
        await backend.set_flag(F1, Setting(percent, on=True), LEAVE)
    assert fake.writes == []


# -- the card --------------------------------------------------------------------------------------------------------


async def test_the_card_shows_what_is_sent_to_the_flag_as_it_was_read(fake: FakeUnleash, backend: Unleash) -> None:
    await backend.read_target(F1)
    assert backend.calls(F1, ON_AT_25) == (
        "PATCH .../environments/production/strategies/S1 rollout 25",
        "POST .../environments/production/on",
    )


async def test_the_card_shows_one_call_where_the_flag_is_on(fake: FakeUnleash, backend: Unleash) -> None:
    fake.on = True
    await backend.read_target(F1)
    assert backend.calls(F1, ON_AT_25) == ("PATCH .../environments/production/strategies/S1 rollout 25",)


async def test_the_card_shows_a_strategy_that_will_be_created(fake: FakeUnleash, backend: Unleash) -> None:
    fake.strategies = []
    await backend.read_target(F1)
    assert backend.calls(F1, ON_AT_25)[0] == "POST .../environments/production/strategies flexibleRollout 25"


async def test_the_card_of_off_is_one_call(backend: Unleash) -> None:
    assert backend.calls(F1, OFF) == ("POST .../environments/production/off",)


async def test_the_card_of_a_flag_that_cannot_be_driven_says_why(fake: FakeUnleash, backend: Unleash) -> None:
    fake.strategies = [strategy("abc")]
    await backend.read_target(F1)
    assert backend.calls(F1, ON_AT_25) == ("not sent: its percentage is 'abc', not 0 to 100",)


# -- moved by somebody else ------------------------------------------------------------------------------------------


async def test_a_percentage_changed_since_the_read_is_moved(fake: FakeUnleash, backend: Unleash) -> None:
    fake.instead = at("PATCH", "S1", lambda: fake.strategies.__setitem__(0, strategy("50")))
    with pytest.raises(Moved, match="its percentage has changed since it was read"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert SWITCHED_ON not in fake.writes


async def test_a_percentage_that_reads_otherwise_afterwards_is_half_done_and_never_switched_on(
    fake: FakeUnleash, backend: Unleash
) -> None:
    fake.instead = at("PATCH", "S1", lambda: _accepted(fake, strategy("50")))
    with pytest.raises(HalfDone, match=r"strategies/S1 rollout 25 accepted; then it reads 50 %, off now"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert SWITCHED_ON not in fake.writes


async def test_a_second_strategy_that_appears_meanwhile_is_never_switched_on(
    fake: FakeUnleash, backend: Unleash
) -> None:
    fake.instead = at("PATCH", "S1", lambda: _accepted(fake, strategy("25"), strategy("100", id="S2")))
    with pytest.raises(HalfDone, match="2 strategies"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert SWITCHED_ON not in fake.writes


async def test_a_switch_that_reads_off_afterwards_is_half_done(fake: FakeUnleash, backend: Unleash) -> None:
    fake.instead = at("POST", "/on", lambda: httpx.Response(200))
    with pytest.raises(HalfDone, match="rollout 25, on accepted; then it reads 25 %, off now"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)


def _accepted(fake: FakeUnleash, *strategies: dict[str, object]) -> httpx.Response:
    """Accept a write, and let somebody else overwrite it at once."""
    fake.strategies = list(strategies)
    return httpx.Response(200, json={})


# -- failures on the way ---------------------------------------------------------------------------------------------


async def test_a_permit_that_had_lapsed_sends_no_write(fake: FakeUnleash, backend: Unleash) -> None:
    with pytest.raises(Withdrawn, match="a rollback overtook it"):
        await backend.set_flag(F1, ON_AT_25, Permit("00-0-0-00", lambda: "a rollback overtook it"))
    assert fake.writes == []


async def test_a_permit_that_lapses_before_the_switch_is_half_done(fake: FakeUnleash, backend: Unleash) -> None:
    once = Permit("00-0-0-00", lambda: "a rollback overtook it" if fake.writes else None)
    with pytest.raises(HalfDone, match="rollout 25 accepted; then not sent: a rollback overtook it"):
        await backend.set_flag(F1, ON_AT_25, once)
    assert fake.writes == [PATCHED]


SECOND_FAILURES = [
    error(500, "UnknownError", "boom"),
    error(403, "PermissionError", "You need permission=UPDATE_FEATURE_ENVIRONMENT"),
    httpx.Response(302, headers={"location": "http://sso.test/"}),
]


@pytest.mark.parametrize("answer", SECOND_FAILURES)
async def test_a_switch_that_fails_after_the_percentage_was_accepted_is_half_done(
    fake: FakeUnleash, backend: Unleash, answer: httpx.Response
) -> None:
    fake.instead = at("POST", "/on", lambda: answer)
    with pytest.raises(HalfDone, match=f"rollout 25 accepted; then answered {answer.status_code}"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)


async def test_a_read_back_that_fails_is_half_done_and_nothing_is_switched_on(
    fake: FakeUnleash, backend: Unleash
) -> None:
    fake.instead = lambda request: error(500, "X", "boom") if request.method == "GET" and fake.writes else None
    with pytest.raises(HalfDone, match="rollout 25 accepted; then answered 500: boom"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert fake.writes == [PATCHED]


async def test_a_first_write_that_fails_is_that_failure(fake: FakeUnleash, backend: Unleash) -> None:
    fake.instead = at("PATCH", "S1", lambda: error(500, "UnknownError", "boom"))
    with pytest.raises(ServerFailed, match="boom"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)


async def test_a_flag_that_cannot_be_read_first_is_not_sent(fake: FakeUnleash, backend: Unleash) -> None:
    fake.instead = lambda request: error(500, "X", "boom")
    with pytest.raises(NotSent, match="not sent: it could not be read first: answered 500: boom"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert fake.writes == []


async def test_a_read_that_hangs_before_any_write_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, SECRET)
    not_sent = {NEVER_ANSWERS.name: NotSent}
    await check_call(
        NEVER_ANSWERS,
        lambda url, lent: connect(options(url), lent),
        lambda backend: backend.set_flag(F1, ON_AT_25, LEAVE),
        expected=not_sent,
    )
