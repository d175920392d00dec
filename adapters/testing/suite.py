"""`AdapterContract`: the whole contract suite over one adapter, as a pytest class.

    class TestAcme(AdapterContract):
        spec = acme.ADAPTER
        calls = (ContractCall("read", lambda backend, permit: backend.read_target(API), ok=answers),)

        def options(self, url: str) -> dict[str, object]:
            return {"url": url, "token": {"env": TOKEN_ENV}}

docs/adapters.md has a whole example. Each test runs an event loop of its own, so that no asyncio plugin is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from adapters.conformance import backend_problems, connect_problems
from adapters.contract.backends import Backend, FlagBackend, MarkableBackend, RedactingBackend, WeightedBackend
from adapters.contract.context import Context, Permit
from adapters.contract.errors import BackendError, Withdrawn
from adapters.contract.spec import AdapterSpec
from adapters.contract.targets import Setting, TargetRef
from adapters.testing.behaviors import BAD, SECRET, TOKEN_ENV, Bad
from adapters.testing.checks import check_call, check_cancel, context
from adapters.testing.server import Good, Request, answer, serving

PERMIT = Permit("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
"""Permission for every write of the suite but the one that has lapsed."""
_LAPSED = Permit(PERMIT.trace, lapsed=lambda: "halted")


@dataclass(frozen=True)
class ContractCall:
    """One read or write of a backend that the suite runs against every behavior."""

    name: str
    run: Callable[[Any, Permit], Awaitable[object]]
    """Awaits the call for (backend, permit)."""
    writes: bool = False
    """It changes something: it needs the permit, and is never sent again."""
    first: Good | None = None
    """Proper answers to calls that come before the one that goes wrong (a write's own read)."""
    ok: Good | None = None
    """Proper answers to everything, where the call is to succeed too."""
    expected: Mapping[str, type[BackendError]] = field(default_factory=dict)
    """Behavior name -> the error of this call, where it is another than `BAD` says."""

    def __str__(self) -> str:
        return self.name


class AdapterContract:
    """Tests that every HTTP adapter must pass. Subclass it as `Test...` and set what is declared here."""

    spec: ClassVar[AdapterSpec[Any]]
    calls: ClassVar[Sequence[ContractCall]]
    targets: ClassVar[Sequence[TargetRef]] = ()
    """Targets whose capabilities are compared with the methods."""
    holds_secret: ClassVar[bool] = True
    """Whether the options name a secret by `TOKEN_ENV`."""

    def options(self, url: str) -> Mapping[str, object]:
        """Return the adapter's options for a server at `url`."""
        raise NotImplementedError("return the adapter's options, or override connect")

    def connect(self, url: str, context: Context) -> Backend:
        """Make the adapter's backend for a server at `url`."""
        return self.spec.connect(self.spec.options.model_validate(dict(self.options(url))), context)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test for the calls, and for the behaviors, that it is about."""
        if "call" in metafunc.fixturenames:
            metafunc.parametrize("call", self.calls, ids=str)
        if "bad" in metafunc.fixturenames:
            metafunc.parametrize("bad", BAD, ids=str)

    @pytest.fixture(autouse=True)
    def contract_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the suite's secret where the options look for it."""
        monkeypatch.setenv(TOKEN_ENV, SECRET)

    def test_the_backend_is_what_its_kinds_say(self) -> None:
        async def check() -> list[str]:
            async with aclosing(self.connect("http://127.0.0.1:9", context())) as backend:
                return backend_problems(backend, self.spec, self.targets)

        problems = [*connect_problems(self.spec.connect), *asyncio.run(check())]
        assert not problems, "; ".join(problems)

    def test_a_call_to_a_server_that_is_well_succeeds(self) -> None:
        async def check(call: ContractCall) -> list[Request]:
            async with serving(_nothing_else, call.ok) as server:
                async with aclosing(self.connect(server.url, context())) as backend:
                    await call.run(backend, PERMIT)
                return server.requests

        well = [call for call in self.calls if call.ok is not None]
        assert well, "give at least one call its proper answers: ContractCall(.., ok=..)"
        for call in well:
            assert asyncio.run(check(call)), f"{call}: no request reached the server"

    def test_a_bad_answer_is_one_plain_error(self, call: ContractCall, bad: Bad) -> None:
        first = call.first if bad.serve is not None else None
        asyncio.run(
            check_call(bad, self.connect, lambda one: call.run(one, PERMIT), good=first, expected=call.expected)
        )

    def test_a_canceled_call_ends_at_once(self, call: ContractCall) -> None:
        asyncio.run(check_cancel(self.connect, lambda one: call.run(one, PERMIT), good=call.first))

    def test_a_permit_that_has_lapsed_sends_no_write(self) -> None:
        async def check(call: ContractCall) -> list[Request]:
            async with serving(_nothing_else, call.first) as server:
                async with aclosing(self.connect(server.url, context())) as backend:
                    with pytest.raises(Withdrawn):
                        await call.run(backend, _LAPSED)
                return [one for one in server.requests if call.first is None or call.first(one) is None]

        for call in self.calls:
            if call.writes:
                assert asyncio.run(check(call)) == [], f"{call}: a write was sent although its permit had lapsed"

    def test_a_mark_whose_permit_has_lapsed_is_not_sent(self) -> None:
        async def check() -> list[Request]:
            async with serving(_nothing_else) as server:
                async with aclosing(self.connect(server.url, context())) as backend:
                    markable: object = backend
                    if isinstance(markable, MarkableBackend):
                        for target in self.targets:
                            with pytest.raises(BackendError):
                                await markable.mark(target, "0123456789ab rollout/1 host", _LAPSED)
                return [one for one in server.requests if one.method != "GET"]

        assert asyncio.run(check()) == [], "mark(..) sent a write although its permit had lapsed"

    def test_the_secret_is_hidden_in_foreign_text(self) -> None:
        async def check() -> str:
            async with aclosing(self.connect("http://127.0.0.1:9", context())) as backend:
                if not self.holds_secret:
                    return ""
                assert isinstance(backend, RedactingBackend), "a backend that holds a secret needs hide(text)"
                return backend.hide(f"before {SECRET} after")

        assert SECRET not in asyncio.run(check()), "hide(text) leaves the secret in"

    def test_the_calls_of_a_write_are_listed_without_sending_any(self) -> None:
        async def check() -> list[Request]:
            async with serving(_nothing_else) as server:
                async with aclosing(self.connect(server.url, context())) as backend:
                    for target in self.targets:
                        if isinstance(backend, WeightedBackend | FlagBackend):
                            on = True if isinstance(backend, FlagBackend) else None
                            lines = backend.calls(target, Setting(5, on=on))
                            assert all("\n" not in line and line.isprintable() for line in lines), lines
                return server.requests

        assert asyncio.run(check()) == [], "calls(..) sent a request"


async def _nothing_else(_: Request, writer: asyncio.StreamWriter) -> None:
    """Answer whatever was not expected with 404."""
    writer.write(answer(404, b"{}"))
    await writer.drain()
