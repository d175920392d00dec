"""The Unleash adapter against a real Unleash on a real PostgreSQL; one server a session, a fresh feature a test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest

from adapters.contract import (
    AuthFailed,
    Forbidden,
    HalfDone,
    Missing,
    Moved,
    Permit,
    Rejected,
    Setting,
    TargetRef,
)
from adapters.flags.unleash import Options, Unleash, connect
from adapters.secret import Secret
from adapters.testing import TOKEN_ENV, context
from tests.live.backends_unleash import ADMIN_TOKEN, BACKEND_TOKEN, EDITOR, VIEWER, LiveUnleash, unleash

pytestmark = pytest.mark.live

LEAVE = Permit("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
ON_AT_25 = Setting(25, on=True)
OFF = Setting(None, on=False)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveUnleash]:
    with unleash(tmp_path_factory.mktemp("unleash")) as running:
        yield running


@pytest.fixture
def target() -> TargetRef:
    return TargetRef("flag", f"f-{uuid.uuid4().hex[:12]}")


@pytest.fixture
async def connected(live: LiveUnleash, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Unleash]:
    async with with_token(live, monkeypatch, ADMIN_TOKEN) as backend:
        yield backend


def with_token(live: LiveUnleash, monkeypatch: pytest.MonkeyPatch, token: str) -> aclosing[Unleash]:
    monkeypatch.setenv(TOKEN_ENV, token)
    options = Options(url=live.url, token=Secret(env=TOKEN_ENV), environment="production")
    return aclosing(connect(options, context(source="flags")))


async def test_a_percentage_is_set_and_then_switched_on(
    live: LiveUnleash, connected: Unleash, target: TargetRef
) -> None:
    live.feature(target.name, "5")
    before = await connected.read_target(target)
    assert (before.percent, before.on, before.problem) == (5.0, False, None)
    await connected.set_flag(target, ON_AT_25, LEAVE)
    after = await connected.read_target(target)
    assert (after.percent, after.on) == (25.0, True)
    assert after.satisfies(ON_AT_25)


async def test_setting_it_again_sends_nothing_new(live: LiveUnleash, connected: Unleash, target: TargetRef) -> None:
    live.feature(target.name, "5")
    await connected.set_flag(target, ON_AT_25, LEAVE)
    events = live.events(target.name)
    await connected.set_flag(target, ON_AT_25, LEAVE)
    assert live.events(target.name) == events


async def test_the_percentage_keeps_stickiness_and_group(
    live: LiveUnleash, connected: Unleash, target: TargetRef
) -> None:
    (strategy,) = live.feature(target.name, "5")
    kept = {"groupId": "of-our-own", "stickiness": "userId"}
    live.admin.put(
        f"{live.path(target.name)}/strategies/{strategy}",
        json={"name": "flexibleRollout", "parameters": {"rollout": "5", **kept}, "constraints": []},
    )
    await connected.set_flag(target, ON_AT_25, LEAVE)
    assert live.strategies(target.name)[0]["parameters"] == {"rollout": "25", **kept}


async def test_off_is_off_and_keeps_the_percentage(live: LiveUnleash, connected: Unleash, target: TargetRef) -> None:
    live.feature(target.name, "5")
    await connected.set_flag(target, ON_AT_25, LEAVE)
    await connected.set_flag(target, OFF, LEAVE)
    reading = await connected.read_target(target)
    assert (reading.on, reading.percent, reading.exposure) == (False, 25.0, 0.0)


async def test_a_flag_without_strategies_never_gets_the_default_of_everybody(
    live: LiveUnleash, connected: Unleash, target: TargetRef
) -> None:
    live.feature(target.name)
    reading = await connected.read_target(target)
    assert (reading.percent, reading.detail) == (0.0, "no strategy yet")
    with pytest.raises(Rejected, match="would expose every user"):
        await connected.set_flag(target, Setting(None, on=True), LEAVE)
    await connected.set_flag(target, ON_AT_25, LEAVE)
    (strategy,) = live.strategies(target.name)
    assert strategy["parameters"] == {"rollout": "25", "stickiness": "default", "groupId": target.name}
    assert (await connected.read_target(target)).satisfies(ON_AT_25)


async def test_two_strategies_are_refused_until_one_is_named(
    live: LiveUnleash, connected: Unleash, target: TargetRef
) -> None:
    first, _ = live.feature(target.name, "10", "20")
    reading = await connected.read_target(target)
    assert reading.problem == "2 strategies: flexibleRollout 10 %, flexibleRollout 20 %; name one with `rule:`"
    with pytest.raises(Rejected, match="not sent: 2 strategies"):
        await connected.set_flag(target, ON_AT_25, LEAVE)
    named = TargetRef("flag", target.name, rule=first)
    await connected.set_flag(named, ON_AT_25, LEAVE)
    assert sorted(str(strategy["parameters"]["rollout"]) for strategy in live.strategies(target.name)) == ["20", "25"]


@pytest.mark.parametrize("stored", ["150", "-1", "abc"])
async def test_a_percentage_unleash_should_not_have_stored_is_a_problem(
    live: LiveUnleash, connected: Unleash, target: TargetRef, stored: str
) -> None:
    live.feature(target.name, stored)
    reading = await connected.read_target(target)
    assert reading.problem == f"its percentage is {stored!r}, not 0 to 100"


async def test_a_change_by_somebody_else_is_seen_with_their_name(
    live: LiveUnleash, connected: Unleash, target: TargetRef
) -> None:
    (strategy,) = live.feature(target.name, "5")
    assert (await connected.read_target(target)).changed_by == "admin"
    with live.person(f"ann{uuid.uuid4().hex[:6]}", EDITOR) as ann:
        live.patch(target.name, strategy, "50", by=ann)
        name = ann.get("/api/admin/user").json()["user"]["username"]
    reading = await connected.read_target(target)
    assert (reading.percent, reading.changed_by) == (50.0, name)


async def test_a_percentage_moved_between_read_and_write_is_moved(
    live: LiveUnleash, connected: Unleash, target: TargetRef
) -> None:
    (strategy,) = live.feature(target.name, "5")
    # The permit is looked at after the adapter's read and before its write: the moment somebody else gets in between.
    meanwhile = iter([lambda: live.patch(target.name, strategy, "50")])
    permit = Permit(LEAVE.trace, lambda: next(meanwhile, lambda: None)())
    with pytest.raises(Moved):
        await connected.set_flag(target, ON_AT_25, permit)
    reading = await connected.read_target(target)
    assert (reading.percent, reading.on) == (50.0, False)


async def test_a_permit_that_lapses_before_the_switch_leaves_it_off(
    live: LiveUnleash, connected: Unleash, target: TargetRef
) -> None:
    live.feature(target.name, "5")
    looks = iter([None, None])  # the transport looks twice for one write
    with pytest.raises(HalfDone, match="rollout 25 accepted; then not sent: overtaken"):
        await connected.set_flag(target, ON_AT_25, Permit(LEAVE.trace, lambda: next(looks, "overtaken")))
    assert (await connected.read_target(target)).on is False


async def test_a_viewer_is_forbidden_and_the_permission_is_named(
    live: LiveUnleash, target: TargetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.feature(target.name, "5")
    with live.person(f"v{uuid.uuid4().hex[:6]}", VIEWER) as viewer:
        token = viewer.headers["Authorization"]
    async with with_token(live, monkeypatch, token) as backend:
        assert (await backend.read_target(target)).percent == 5.0
        with pytest.raises(Forbidden, match="UPDATE_FEATURE_STRATEGY"):
            await backend.set_flag(target, ON_AT_25, LEAVE)
        with pytest.raises(Forbidden, match="UPDATE_FEATURE_ENVIRONMENT"):
            await backend.set_flag(target, OFF, LEAVE)


async def test_a_wrong_token_is_told(live: LiveUnleash, target: TargetRef, monkeypatch: pytest.MonkeyPatch) -> None:
    async with with_token(live, monkeypatch, "*:*.wrong") as backend:
        with pytest.raises(AuthFailed):
            await backend.read_target(target)


async def test_a_token_for_applications_is_forbidden(
    live: LiveUnleash, target: TargetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_token(live, monkeypatch, BACKEND_TOKEN) as backend:
        with pytest.raises(Forbidden, match="expected a different token type"):
            await backend.read_target(target)


async def test_a_feature_that_is_not_there_is_missing(connected: Unleash, target: TargetRef) -> None:
    with pytest.raises(Missing, match="no feature named"):
        await connected.read_target(target)


async def test_an_archived_feature_is_missing_to_read_and_to_write(
    live: LiveUnleash, connected: Unleash, target: TargetRef
) -> None:
    live.feature(target.name, "5")
    live.admin.delete(f"/api/admin/projects/default/features/{target.name}")
    with pytest.raises(Missing):
        await connected.read_target(target)
    with pytest.raises(Missing, match="archived"):
        await connected.set_flag(target, OFF, LEAVE)


async def test_a_mark_is_a_tag_that_is_read_back_and_removed(
    live: LiveUnleash, connected: Unleash, target: TargetRef
) -> None:
    live.feature(target.name, "5")
    mark = "0123456789ab checkout/3 a-host-with-a-name-that-is-long.example"
    await connected.mark(target, mark, LEAVE)
    await connected.mark(target, mark, LEAVE)
    (shown,) = (await connected.read_target(target)).marks
    assert mark.startswith(shown)
    await connected.unmark(target, shown, LEAVE)
    await connected.unmark(target, shown, LEAVE)
    assert (await connected.read_target(target)).marks == ()
