"""A FAKE of Unleash's admin API for one feature, `f1`, behind httpx.MockTransport: answers as recorded from 8.2.

Here: what the adapter may call, word for word as the real server answered, and room to answer a call differently or to
let somebody else change the flag in between. The real Unleash is driven in `tests/live/test_unleash.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from adapters.contract import Permit, TargetRef
from adapters.flags.unleash import Options, Unleash, connect
from adapters.secret import Secret
from adapters.testing import SECRET, TOKEN_ENV, context

F1 = TargetRef("new-checkout", "f1")
LEAVE = Permit("00-0-0-00")
FEATURE = "/api/admin/projects/default/features/f1"
STRATEGIES = f"{FEATURE}/environments/production/strategies"
EVENTS = "/api/admin/search/events"
TAGS = "/api/admin/features/f1/tags"

Instead = Callable[[httpx.Request], httpx.Response | None]


def strategy(
    rollout: object = "5", *, id: str = "S1", name: str = "flexibleRollout", **more: object
) -> dict[str, object]:
    """One strategy as `GET F` gives it."""
    parameters = {"groupId": "f1", "rollout": rollout, "stickiness": "default"}
    recorded = {"id": id, "name": name, "constraints": [], "variants": [], "parameters": parameters, "segments": []}
    return {**recorded, "sortOrder": 0, "title": None, "disabled": False, **more}


def error(status: int, name: str, message: str) -> httpx.Response:
    """An error as Unleash words it."""
    return httpx.Response(status, json={"name": name, "message": message, "details": [{"message": message}]})


@dataclass
class FakeUnleash:
    """The feature `f1` in `production`, and every request that came."""

    strategies: list[dict[str, object]] = field(default_factory=lambda: [strategy()])
    on: bool = False
    author: str = "admin"
    more: dict[str, object] = field(default_factory=dict)
    """Further fields of the feature."""
    tags: list[dict[str, str]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    instead: Instead = lambda request: None
    """Asked before every answer: another answer, or None."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.instead(request) or self._answer(request)

    @property
    def calls(self) -> list[str]:
        """Method and path of every request but the event search and those about tags."""
        paths = [(request.method, request.url.path) for request in self.requests]
        return [f"{method} {path}" for method, path in paths if path != EVENTS and not path.startswith(TAGS)]

    @property
    def writes(self) -> list[str]:
        """Method and end of the path of every write, and its body."""
        told = []
        for request in self.requests:
            if request.method != "GET" and not request.url.path.startswith(TAGS):
                body = f" {request.content.decode()}" if request.content else ""
                told.append(f"{request.method} {request.url.path.removeprefix(FEATURE)}{body}")
        return told

    def rollout(self) -> object:
        parameters = self.strategies[0]["parameters"]
        assert isinstance(parameters, dict)
        return parameters["rollout"]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        match request.method, path.removeprefix(FEATURE):
            case "GET", "":
                return httpx.Response(200, json=self._feature(), headers={"Date": "Mon, 23 Nov 2026 07:14:16 GMT"})
            case "GET", _ if path == EVENTS:
                event = {"id": 9, "type": "x", "createdBy": self.author, "createdAt": "2026-11-23T07:14:15.788Z"}
                return httpx.Response(200, json={"events": [event], "total": 1})
            case _, _ if path.startswith(TAGS):
                return self._answer_tags(request)
            case "POST", "/environments/production/on":
                self.strategies = self.strategies or [strategy("100")]
                self.on = True
                return httpx.Response(200)
            case "POST", "/environments/production/off":
                self.on = False
                return httpx.Response(200)
            case "POST", "/environments/production/strategies":
                body = json.loads(request.content)
                self.strategies.append(strategy(body["parameters"]["rollout"], name=body["name"]))
                return httpx.Response(200, json=self.strategies[-1])
            case "PATCH", "/environments/production/strategies/S1":
                return self._patch(json.loads(request.content))
        return error(404, "NotFoundError", 'There\'s no feature named "nope" in project "default".')

    def _answer_tags(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"version": 1, "tags": self.tags})
        if request.method == "DELETE":
            kind, value = request.url.path.removeprefix(f"{TAGS}/").split("/", 1)
            self.tags = [tag for tag in self.tags if tag != {"type": kind, "value": value}]
            return httpx.Response(200)
        tag = json.loads(request.content)
        if not 2 <= len(tag["value"]) <= 50:
            return error(400, "BadDataError", '"value" length must be 2 to 50 characters long')
        if tag in self.tags:
            return error(409, "NameExistsError", f"{tag['value']} already exists")
        self.tags.append(tag)
        return httpx.Response(201, json=tag)

    def _patch(self, operations: list[dict[str, str]]) -> httpx.Response:
        parameters = self.strategies[0]["parameters"]
        assert isinstance(parameters, dict)
        for operation in operations:
            if operation["op"] == "test" and parameters["rollout"] != operation["value"]:
                words = f"Test operation failed\nname: TEST_OPERATION_FAILED\nindex: 0\noperation: {operation}"
                return error(500, "UnknownError", words)
            parameters["rollout"] = operation["value"]
        return httpx.Response(200, json=self.strategies[0])

    def _feature(self) -> dict[str, object]:
        production = {"name": "production", "enabled": self.on, "type": "production", "strategies": self.strategies}
        development = {"name": "development", "enabled": True, "type": "development", "strategies": []}
        recorded = {"name": "f1", "project": "default", "stale": False, "archived": False, "dependencies": []}
        return {"environments": [development, production], **recorded, **self.more}


def at(method: str, end: str, then: Callable[[], httpx.Response | None]) -> Instead:
    """Do `then` when a request of this method whose path ends so comes."""

    def instead(request: httpx.Request) -> httpx.Response | None:
        return then() if request.method == method and request.url.path.endswith(end) else None

    return instead


def adapter(fake: FakeUnleash, monkeypatch: pytest.MonkeyPatch) -> Unleash:
    """The adapter, named `flags`, on a fake."""
    monkeypatch.setenv(TOKEN_ENV, SECRET)
    client = httpx.MockTransport(fake)
    return connect(options("http://unleash.test"), context(source="flags"), client)


def options(url: str) -> Options:
    """Options with the contract suite's token."""
    return Options(url=url, token=Secret(env=TOKEN_ENV), environment="production")
