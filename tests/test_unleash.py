"""The Unleash adapter on recorded answers: what a flag reads as, what is refused, and the shared contract suite."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from pydantic import ValidationError

from adapters.contract import (
    AuthFailed,
    BackendError,
    BadReply,
    Forbidden,
    Missing,
    NeedsApproval,
    Rejected,
    Setting,
    TargetRef,
)
from adapters.flags.unleash import Options, Unleash, connect
from adapters.registry import ConnectError, load
from adapters.secret import Secret
from adapters.testing import SECRET, TOKEN_ENV, context
from tests.unleash_fake import EVENTS, F1, LEAVE, FakeUnleash, adapter, at, error, options, strategy

ON_AT_25 = Setting(25, on=True)


@pytest.fixture
def fake() -> FakeUnleash:
    return FakeUnleash()


@pytest.fixture
def backend(fake: FakeUnleash, monkeypatch: pytest.MonkeyPatch) -> Unleash:
    return adapter(fake, monkeypatch)


# -- reading ---------------------------------------------------------------------------------------------------------


async def test_a_flag_reads_as_its_percentage_and_its_switch(fake: FakeUnleash, backend: Unleash) -> None:
    fake.on = True
    reading = await backend.read_target(F1)
    assert (reading.percent, reading.on, reading.problem, reading.detail) == (5.0, True, None, "strategy S1")
    assert reading.at == datetime(2026, 11, 23, 7, 14, 16, tzinfo=UTC)


async def test_a_flag_that_is_off_exposes_no_user(fake: FakeUnleash, backend: Unleash) -> None:
    assert (await backend.read_target(F1)).exposure == 0.0


async def test_a_flag_without_a_strategy_reads_as_nothing_yet(fake: FakeUnleash, backend: Unleash) -> None:
    fake.strategies = []
    reading = await backend.read_target(F1)
    assert (reading.percent, reading.on, reading.detail, reading.problem) == (0.0, False, "no strategy yet", None)


async def test_a_flag_switched_on_without_a_strategy_is_a_problem(fake: FakeUnleash, backend: Unleash) -> None:
    fake.strategies, fake.on = [], True
    reading = await backend.read_target(F1)
    assert (reading.exposure, reading.problem) == (100.0, "switched on without a strategy: every user is exposed")


@pytest.mark.parametrize(("stored", "percent"), [("0", 0.0), ("100", 100.0), ("33.5", 33.5)])
async def test_a_stored_percentage_is_read_as_it_is(
    fake: FakeUnleash, backend: Unleash, stored: str, percent: float
) -> None:
    fake.strategies = [strategy(stored)]
    assert (await backend.read_target(F1)).percent == percent


@pytest.mark.parametrize("stored", ["150", "-1", "abc", "", "1e1", "100.1", " 5", "٥", 25, None, "5\x1b[2J"])
async def test_a_stored_percentage_that_is_none_is_a_problem(
    fake: FakeUnleash, backend: Unleash, stored: object
) -> None:
    fake.strategies = [strategy(stored)]
    reading = await backend.read_target(F1)
    assert reading.percent is None
    assert reading.problem is not None
    assert "not 0 to 100" in reading.problem
    assert reading.problem.isprintable()


TWO = [strategy("10"), strategy(None, id="S2", name="userWithId", parameters={"userIds": "1,2"})]
PROBLEMS: list[tuple[list[dict[str, object]], str]] = [
    (TWO, "2 strategies: flexibleRollout 10 %, userWithId; name one with `rule:`"),
    ([strategy(name="default")], "its strategy is default, which has no percentage"),
    (
        [strategy("10", disabled=True)],
        "no strategy is enabled (flexibleRollout 10 % (disabled)); enable one in Unleash",
    ),
    ([strategy(constraints=[{}])], "its strategy has constraints: 5 % of an unknown share; name it with `rule:`"),
    ([strategy(segments=[1])], "its strategy has segments: 5 % of an unknown share; name it with `rule:`"),
]


@pytest.mark.parametrize(("strategies", "problem"), PROBLEMS)
async def test_a_share_that_is_not_one_number_is_a_problem_that_names_what_is_there(
    fake: FakeUnleash, backend: Unleash, strategies: list[dict[str, object]], problem: str
) -> None:
    fake.strategies = strategies
    assert (await backend.read_target(F1)).problem == problem


@pytest.mark.parametrize(("strategies", "problem"), PROBLEMS)
async def test_a_flag_with_a_problem_is_not_driven_but_can_be_switched_off(
    fake: FakeUnleash, backend: Unleash, strategies: list[dict[str, object]], problem: str
) -> None:
    fake.strategies, fake.on = strategies, True
    with pytest.raises(Rejected, match="not sent"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)
    assert fake.writes == []
    await backend.set_flag(F1, Setting(None, on=False), LEAVE)
    assert fake.writes == ["POST /environments/production/off"]


async def test_the_strategy_the_plan_names_is_the_one_that_is_read(fake: FakeUnleash, backend: Unleash) -> None:
    fake.strategies = TWO
    reading = await backend.read_target(TargetRef("t", "f1", rule="S1"))
    assert (reading.percent, reading.problem) == (10.0, None)
    assert reading.detail == "strategy S1, beside userWithId"


async def test_a_named_strategy_that_is_gone_is_a_problem_that_lists_the_others(
    fake: FakeUnleash, backend: Unleash
) -> None:
    reading = await backend.read_target(TargetRef("t", "f1", rule="S9"))
    assert reading.problem == "no strategy S9 (S1 flexibleRollout 5 %)"


async def test_a_parent_feature_is_shown(fake: FakeUnleash, backend: Unleash) -> None:
    fake.more = {"dependencies": [{"feature": "base", "enabled": True}]}
    assert (await backend.read_target(F1)).detail == "strategy S1, depends on base"


# -- who changed it --------------------------------------------------------------------------------------------------


async def test_who_changed_it_is_asked_only_when_it_reads_differently(fake: FakeUnleash, backend: Unleash) -> None:
    asked = []
    for author, on in (("ann", False), ("ann", False), ("bob", True), ("bob", True)):
        fake.author, fake.on = author, on
        assert (await backend.read_target(F1)).changed_by == author
        asked.append(sum(request.url.path == EVENTS for request in fake.requests))
    assert asked == [1, 1, 2, 2]


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_a_token_that_may_not_see_events_still_reads_the_flag(
    fake: FakeUnleash, backend: Unleash, status: int
) -> None:
    fake.instead = at("GET", EVENTS, lambda: error(status, "X", "no"))
    reading = await backend.read_target(F1)
    assert (reading.percent, reading.changed_by) == (5.0, None)


async def test_events_that_may_not_be_seen_are_not_asked_for_again(fake: FakeUnleash, backend: Unleash) -> None:
    fake.instead = at("GET", EVENTS, lambda: error(403, "PermissionError", "no"))
    for fake.on in (False, True, False):
        await backend.read_target(F1)
    assert sum(request.url.path == EVENTS for request in fake.requests) == 1


# -- refusals and answers that are none ------------------------------------------------------------------------------


REFUSALS: list[tuple[httpx.Response, type[BackendError], str]] = [
    (error(401, "UnauthorizedError", "You must log in to use Unleash."), AuthFailed, "You must log in"),
    (httpx.Response(403, json={"message": "invalid token: expected a different token type"}), Forbidden, "token type"),
    (error(404, "NotFoundError", "Could not find feature flag with name f1"), Missing, "Could not find feature flag"),
    (httpx.Response(200, json={"name": "f1"}), BadReply, "not what Unleash answers: environments: Field required"),
    (httpx.Response(200, json=[]), BadReply, "not what Unleash answers"),
]


@pytest.mark.parametrize(("answer", "raised", "words"), REFUSALS)
async def test_a_refused_read_carries_unleashs_own_words(
    fake: FakeUnleash, backend: Unleash, answer: httpx.Response, raised: type[BackendError], words: str
) -> None:
    fake.instead = lambda request: answer
    with pytest.raises(raised, match=words):
        await backend.read_target(F1)


async def test_an_environment_that_is_not_there_is_missing_and_the_others_are_named(
    fake: FakeUnleash, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_ENV, SECRET)
    elsewhere = Options(url="http://unleash.test", token=Secret(env=TOKEN_ENV), environment="staging")
    with pytest.raises(Missing, match=r"no environment staging \(there are: development, production\)"):
        await connect(elsewhere, context(), httpx.MockTransport(fake)).read_target(F1)


async def test_an_archived_feature_is_missing(fake: FakeUnleash, backend: Unleash) -> None:
    fake.more = {"archived": True}
    with pytest.raises(Missing, match="is archived"):
        await backend.read_target(F1)


async def test_switching_off_an_archived_feature_is_missing(fake: FakeUnleash, backend: Unleash) -> None:
    words = "Cannot perform this operation on archived features"
    fake.instead = at("POST", "/off", lambda: error(400, "ArchivedFeatureError", words))
    with pytest.raises(Missing, match=words):
        await backend.set_flag(F1, Setting(None, on=False), LEAVE)


async def test_a_change_request_wall_is_an_approval_and_says_where(fake: FakeUnleash, backend: Unleash) -> None:
    words = "You need permission=SKIP_CHANGE_REQUEST to perform this action on environment=production"
    fake.instead = at("PATCH", "S1", lambda: error(403, "PermissionError", words))
    with pytest.raises(NeedsApproval, match=f"{words}; make a change request in project default"):
        await backend.set_flag(F1, ON_AT_25, LEAVE)


async def test_a_missing_permission_is_shown_verbatim(fake: FakeUnleash, backend: Unleash) -> None:
    words = "You need permission=UPDATE_FEATURE_STRATEGY to perform this action on environment=production"
    fake.instead = at("PATCH", "S1", lambda: error(403, "PermissionError", words))
    with pytest.raises(Forbidden, match=words):
        await backend.set_flag(F1, ON_AT_25, LEAVE)


# -- connecting ------------------------------------------------------------------------------------------------------


def test_a_plan_without_a_token_is_an_error_of_the_plan() -> None:
    with pytest.raises(ValidationError, match="token"):
        Options.model_validate({"url": "http://u", "environment": "production"})


def test_a_token_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_ENV, raising=False)
    with pytest.raises(ConnectError, match=f"src: token: environment variable {TOKEN_ENV} is empty or not set"):
        connect(options("http://u"), context())


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb"])
def test_an_environment_that_is_no_name_is_an_error_of_the_plan(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a name"):
        Options(url="http://u", token=Secret(env="X"), environment=name)


async def test_the_token_is_sent_as_it_is(fake: FakeUnleash, backend: Unleash) -> None:
    await backend.read_target(F1)
    assert fake.requests[0].headers["authorization"] == SECRET


async def test_names_are_quoted_into_the_path(fake: FakeUnleash, backend: Unleash) -> None:
    with pytest.raises(Missing):
        await backend.read_target(TargetRef("t", "a/../b?x=ü"))
    assert fake.requests[0].url.raw_path == b"/api/admin/projects/default/features/a%2F..%2Fb%3Fx%3D%C3%BC"


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_a_name_that_would_be_another_path_is_not_sent(fake: FakeUnleash, backend: Unleash, name: str) -> None:
    with pytest.raises(Rejected, match="not sent"):
        await backend.read_target(TargetRef("t", name))
    assert fake.requests == []


def test_the_registry_loads_it() -> None:
    assert load("unleash").connect is connect
