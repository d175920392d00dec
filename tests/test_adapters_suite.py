"""The contract suite finds what it is there for: an adapter with one fault fails the check of that fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from adapters.contract import BadReply, Context, Forbidden, Missing, ServerFailed
from adapters.testing import (
    BAD,
    EVIL,
    NEVER_ANSWERS,
    SECRET,
    AdapterContract,
    Bad,
    ContractCall,
    check_call,
    check_cancel,
)
from adapters.transport import HttpOptions, Transport
from tests import test_adapters_contract as ours

NAMED = {bad.name: bad for bad in BAD}
BROKEN = NAMED["500"]


class Backend:
    """A backend that does what its test says when it is called."""

    def __init__(self, url: str, context: Context, call: Callable[[Backend], Awaitable[object]]) -> None:
        self.source = context.source
        self.url = url
        self.client = httpx.AsyncClient(trust_env=False, headers={"authorization": SECRET})
        self.call = call

    async def aclose(self) -> None:
        await self.client.aclose()


async def run(bad: Bad, call: Callable[[Backend], Awaitable[object]]) -> None:
    await check_call(bad, lambda url, context: Backend(url, context, call), lambda backend: backend.call(backend))


async def says_nothing(backend: Backend) -> object:
    return (await backend.client.get(backend.url)).status_code


async def raises_something_else(backend: Backend) -> object:
    return (await backend.client.get(backend.url)).raise_for_status()


async def raises_another_kind(backend: Backend) -> object:
    await backend.client.get(backend.url)
    raise Missing(backend.source, "read", "not found")


async def repeats_what_it_read(backend: Backend) -> object:
    await backend.client.get(backend.url)
    raise Forbidden(backend.source, "read", EVIL)


async def names_the_secret(backend: Backend) -> object:
    await backend.client.get(backend.url)
    raise ServerFailed(backend.source, "read", f"answered 500 to {SECRET}")


async def names_another_source(backend: Backend) -> object:
    await backend.client.get(backend.url)
    raise ServerFailed("elsewhere", "read", "")


async def writes_twice(backend: Backend) -> object:
    for _ in range(2):
        await backend.client.put(backend.url, json={"weight": 5})
    raise ServerFailed(backend.source, "set_weight", "answered 500")


@pytest.mark.parametrize(
    ("bad", "call", "said"),
    [
        (BROKEN, says_nothing, "500: no BackendError, but 500"),
        (BROKEN, raises_another_kind, "500: ServerFailed expected, got Missing"),
        (NAMED["403"], repeats_what_it_read, "control characters in"),
        (BROKEN, names_the_secret, "the secret is in"),
        (BROKEN, names_another_source, "a reason has 1 to 650 characters, not 0"),
        (BROKEN, writes_twice, "500: a write was sent again"),
    ],
)
async def test_an_adapter_with_a_fault_fails(bad: Bad, call: Callable[[Backend], Awaitable[object]], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        await run(bad, call)


async def test_an_error_of_another_library_is_not_caught_by_the_suite() -> None:
    with pytest.raises(httpx.HTTPStatusError):
        await run(BROKEN, raises_something_else)


async def test_a_cancellation_that_is_swallowed_fails() -> None:
    async def swallows(backend: Backend) -> object:
        try:
            return await backend.client.get(backend.url)
        except asyncio.CancelledError:
            return None

    with pytest.raises(AssertionError, match="must end with CancelledError"):
        await check_cancel(lambda url, context: Backend(url, context, swallows), swallows)


async def test_a_server_that_is_reached_late_is_no_fault_of_the_adapter() -> None:
    """A deadline that was too short for a busy machine is doubled."""
    tried = []

    def connect(url: str, context: Context) -> Transport:
        tried.append(context.read_deadline_s)
        late = url if len(tried) > 1 else "http://127.0.0.1:9"  # refused, as if the request had not arrived in time
        return Transport(
            context.source, HttpOptions(url=late), read_deadline_s=context.read_deadline_s, write_deadline_s=1.0
        )

    await check_call(NEVER_ANSWERS, connect, lambda transport: transport.read("GET", "/"))
    assert tried == [0.4, 0.8]


def test_the_suite_wants_an_answer_that_succeeds_and_the_right_names() -> None:
    class Lacking(AdapterContract):
        spec = ours.TestUnleash.spec
        calls = (ContractCall("read", lambda one, _: one.read_target(None)),)

    with pytest.raises(AssertionError, match="give at least one call its proper answers"):
        Lacking().test_a_call_to_a_server_that_is_well_succeeds()

    class Nameless(AdapterContract):
        spec = ours.TestUnleash.spec
        calls = ()

        def connect(self, url: str, context: Context) -> Transport:
            return Transport(context.source, HttpOptions(url=url), read_deadline_s=1.0, write_deadline_s=1.0)

    with pytest.raises(AssertionError, match="set_flag is missing"):
        Nameless().test_the_backend_is_what_its_kinds_say()


def test_every_behavior_has_a_name_of_its_own() -> None:
    assert len(NAMED) == len(BAD) >= 21
    assert all(issubclass(bad.expected, BadReply) for bad in BAD if "200" in bad.name)
