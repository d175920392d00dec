"""HTTP answers of every built-in adapter: recorded ones, mutated, then folded, judged and drawn as a console does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from adapters.contract import BackendError, MetricReply, TargetReading
from adapters.testing import SECRET, TOKEN_ENV, AdapterContract, ContractCall, Request, Serve, answer, context, serving
from adapters.testing.suite import PERMIT
from console.events.kinds import SourceRead, TargetObserved, decode, encode
from console.plan.loader import parse
from console.state.assessment import assess
from console.state.folding import blank, fold
from console.state.values import State
from tests import test_adapters_contract as contract
from tests.fuzz.door import Door
from tests.fuzz.mutation import json_bytes, mutated_json
from tests.prometheus_rig import ERRORS, LOAD, NOW, SLOW, WINDOW, series
from tests.unleash_fake import EVENTS, FEATURE, strategy
from widgets.metrics import metrics_lines

_DEADLINE_S = 4.0
_STATUSES = (200, 200, 200, 200, 200, 200, 201, 204, 206, 301, 400, 401, 404, 409, 418, 429, 500, 503)
_KINDS = ("application/json", "application/json", "text/html", "application/json; charset=utf-16", "", "x" * 300)
_HEADERS = (
    "",
    "",
    "Retry-After: 9999999999999\r\n",
    "Retry-After: x\r\n",
    "Date: never\r\n",
    "Content-Encoding: gzip\r\n",
)
_PLAN = """\
warroom: 1
rollout: fuzzed
backends: {edge: {adapter: embedded}, prom: {adapter: embedded}}
targets: {web: {backend: edge, kind: deploy}, f1: {backend: edge, kind: flag}, api: {backend: edge, kind: deploy}}
metrics:
  errors: {backend: prom, min_excess: 0}
  load: {backend: prom, shape: gauge}
  slow: {backend: prom, shape: histogram, role: guard}
stages:
  - {name: five, set: {api: 5}}
  - {name: full, set: {api: 100}}
"""


def _prometheus_answer(request: Request) -> object:
    body = request.body.decode("latin-1") + request.path
    if "query_range" not in body and "query" not in body:
        return {"status": "success", "data": []}
    found = [
        series([3, 5, 8, 13], version=version, code="500", le=edge)
        for version in ("v41", "v42")
        for edge in ("0.1", "0.25", "+Inf")
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": found}}


def _unleash_answer(request: Request) -> object:
    if request.path.startswith(EVENTS):
        event = {"id": 9, "type": "x", "createdBy": "admin", "createdAt": "2026-11-23T07:14:15.788Z"}
        return {"events": [event], "total": 1}
    if request.path == FEATURE:
        production = {"name": "production", "enabled": True, "strategies": [strategy()]}
        return {"name": "f1", "environments": [production], "dependencies": []}
    return {}


class _Prometheus(contract.TestPrometheus):
    calls = (ContractCall("read", lambda one, _: one.read_metrics([ERRORS, LOAD, SLOW], WINDOW)),)


_ADAPTERS: Mapping[str, tuple[type[AdapterContract], Callable[[Request], object]]] = {
    "argo": (contract.TestArgo, contract.everything),
    "deployment": (contract.TestDeployment, contract.everything),
    "flagger": (contract.TestFlagger, contract.everything),
    "unleash": (contract.TestUnleash, _unleash_answer),
    "prometheus": (_Prometheus, _prometheus_answer),
}


def mutating(chance: Random, good: Callable[[Request], object], *, least: int = 0) -> Serve:
    """Answer as `good` does, mutated from request number `least` on, most of the time."""
    count = 0

    async def serve(request: Request, writer: Any) -> None:
        nonlocal count
        count += 1
        value: Any = good(request)
        if count <= least or chance.randrange(4) == 0:
            writer.write(answer(200, json_bytes(Random(0), value)))
        else:
            body = json_bytes(chance, mutated_json(chance, value))
            kind, headers = chance.choice(_KINDS), chance.choice(_HEADERS)
            whole = answer(chance.choice(_STATUSES), body, kind=kind, headers=headers)
            writer.write(whole if chance.randrange(20) else whole[: chance.randrange(len(whole))])
        await writer.drain()

    return serve


def _check_of(name: str) -> Callable[[Random, Path], str | None]:
    suite, good = _ADAPTERS[name]

    def check(chance: Random, folder: Path) -> str | None:
        with _secret():
            return asyncio.run(_run_case(chance, suite(), good, folder))

    return check


@contextmanager
def _secret() -> Iterator[None]:
    before = os.environ.get(TOKEN_ENV)
    os.environ[TOKEN_ENV] = SECRET
    try:
        yield
    finally:
        if before is None:
            del os.environ[TOKEN_ENV]
        else:
            os.environ[TOKEN_ENV] = before


async def _run_case(
    chance: Random, suite: AdapterContract, good: Callable[[Request], object], folder: Path
) -> str | None:
    call = chance.choice(suite.calls)
    async with (
        serving(mutating(chance, good, least=chance.choice((0, 0, 1, 2)))) as server,
        aclosing(suite.connect(server.url, context(_DEADLINE_S, state_dir=folder))) as backend,
    ):
        try:
            async with asyncio.timeout(_DEADLINE_S):
                result = await call.run(backend, PERMIT)
        except BackendError as error:
            return _line_problem(str(error))
        except TimeoutError:
            return None
    return _use(result)


def _line_problem(text: str) -> str | None:
    if SECRET in text:
        return f"the secret is in {text!r}"
    return f"no plain line: {text!r}" if any(ord(char) < 32 or char == "\x7f" for char in text) else None


def _use(result: object) -> str | None:
    """Store what was read, read it back, fold, judge and draw it."""
    if isinstance(result, TargetReading):
        observed = TargetObserved(at=NOW, reading=result)
        again = decode(observed.kind, encode(observed))
        state = fold(blank(parse(_PLAN, "fuzzed.yaml"), "fuzzed/1"), again, 1)
        return _line_problem(f"{result} {assess(state, NOW).mode}")
    if isinstance(result, tuple) and all(isinstance(reply, MetricReply) for reply in result):
        read = SourceRead(at=NOW, source="prom", replies=result)
        state = blank(parse(_PLAN, "fuzzed.yaml"), "fuzzed/1")
        for event in (read, decode(read.kind, encode(read))):
            state = fold(state, event, None)
        metrics_lines(State.of(assess(state, NOW + timedelta(seconds=1))), 120, 20)
    return None


ANSWERS = tuple(Door(f"answers of {name}", _check_of(name)) for name in _ADAPTERS)
