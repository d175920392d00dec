"""A FAKE Kubernetes API server, in memory, behind httpx: no part of Kubernetes.

It does what the real one was seen to do (tests/live/test_kube.py runs the same client against it): resourceVersion as
one growing number, generation on a changed spec, JSON Patch and merge patch inside one compare-and-swap, the status
subresource that takes status alone while the main resource drops it, lists in pages, watches with bookmarks and 410,
access reviews, Status objects for refusals. A test steps its time by `HandClock`, and breaks it where it wants.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx

Json = dict[str, Any]
GENERIC = "the server rejected our request due to an error in our request"
HAS_STATUS = {"rollouts", "deployments", "replicasets", "canaries"}
SENT_ALONE = ("status",)


class HandClock:
    """A clock that a test moves by hand; a sleeper wakes when its moment has come."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, 10, tzinfo=UTC) + timedelta(seconds=self.seconds - 1000.0)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.seconds + seconds, woken))
        await woken.wait()

    async def step(self, seconds: float) -> None:
        """Let `seconds` pass, and everything that waits for them happen."""
        self.seconds += seconds
        for at, woken in self._sleepers:
            if at <= self.seconds:
                woken.set()
        self._sleepers = [entry for entry in self._sleepers if entry[0] > self.seconds]
        await settle()


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(50):
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Sent:
    """One request as the fake received it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: httpx.Headers
    content_type: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Gone(Exception):
    """An answer that is a refusal."""

    def __init__(self, code: int, reason: str, message: str, **details: object) -> None:
        self.code = code
        self.body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details,
            "code": code,
        }


Hook = Callable[[Sent], "httpx.Response | None"]


class FakeCluster(httpx.AsyncBaseTransport):
    """The server. `hook` may answer a request itself, raise what httpx would, or let it pass with None."""

    def __init__(self) -> None:
        self.version = 100
        self.objects: dict[str, dict[str, Json]] = {}
        self.sent: list[Sent] = []
        self.denied: set[str] = set()
        """Permissions that access reviews deny: "patch rollouts/status"."""
        self.history: list[tuple[int, str, str, Json]] = []
        self.compacted = 0
        """Versions up to this one are too old to watch from."""
        self.hook: Hook = lambda _sent: None
        self.after: Hook = lambda _sent: None
        """Called once a request has taken effect: raising there loses the answer, not the change."""
        self.mute = False
        """Watches stay open and say nothing, as behind a proxy that forgot them."""
        self.known = {
            "rollouts",
            "analysisruns",
            "experiments",
            "replicasets",
            "deployments",
            "daemonsets",
            "canaries",
            "pods",
            "events",
        }
        self.token: str | None = None
        """The Authorization header that is required."""
        self._watchers: set[_Watcher] = set()
        self.watches = 0
        """Watches opened."""

    @property
    def writes(self) -> list[Sent]:
        """Every patch but those that set or remove a mark."""
        return [sent for sent in self.sent if sent.method == "PATCH" and not _is_mark(sent)]

    @property
    def mark_writes(self) -> list[Sent]:
        return [sent for sent in self.sent if sent.method == "PATCH" and _is_mark(sent)]

    # -- what a test does to it --------------------------------------------------------------------------------------

    def put(self, plural: str, found: Json) -> Json:
        """Create or replace an object."""
        kept = copy.deepcopy(found)
        name = kept["metadata"]["name"]
        known = self.objects.setdefault(plural, {}).get(name)
        meta = kept["metadata"]
        meta.setdefault("generation", 1)
        if known is not None and known.get("spec") != kept.get("spec"):
            meta["generation"] = known["metadata"]["generation"] + 1
        meta.setdefault("uid", f"uid-{name}")
        meta.setdefault("namespace", "default")
        self._store(plural, kept, "MODIFIED" if known is not None else "ADDED")
        return kept

    def change(self, plural: str, name: str, edit: Callable[[Json], None]) -> Json:
        """Somebody changes an object: the controller, or another tool."""
        kept = copy.deepcopy(self.objects[plural][name])
        edit(kept)
        return self.put(plural, kept)

    def delete(self, plural: str, name: str) -> None:
        found = self.objects[plural].pop(name)
        self._event("DELETED", plural, found)

    def merge(self, plural: str, name: str, patch: Json, subresource: str | None = None) -> Json:
        """Somebody sends a merge patch, as the vendor's own tools do."""
        return self._patched(plural, name, subresource, lambda found: _merged(found, patch))

    def end_watches(self) -> None:
        """Close every watch, as the server does after its time."""
        for watcher in tuple(self._watchers):
            watcher.end()

    def cut_watches(self) -> None:
        """Break every watch's connection."""
        for watcher in tuple(self._watchers):
            watcher.cut()

    def bookmark(self) -> None:
        for watcher in tuple(self._watchers):
            watcher.tell("BOOKMARK", {"kind": "Bookmark", "metadata": {"resourceVersion": str(self.version)}})

    def compact(self) -> None:
        """Forget every version up to now: a watch from an older one gets 410."""
        self.compacted = self.version

    # -- the server --------------------------------------------------------------------------------------------------

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raw = await request.aread()
        path, _, query = request.url.raw_path.decode().partition("?")
        sent = Sent(
            request.method,
            path,
            {key: values[0] for key, values in parse_qs(query).items()},
            json.loads(raw) if raw else None,
            request.headers,
            request.headers.get("content-type", ""),
        )
        self.sent.append(sent)
        answer = self.hook(sent)
        if answer is None:
            try:
                answer = self._answer(sent)
            except Gone as gone:
                answer = httpx.Response(gone.code, json=gone.body)
        lost = self.after(sent)
        return lost if lost is not None else answer

    def _answer(self, sent: Sent) -> httpx.Response:
        if self.token is not None and sent.headers.get("authorization") != f"Bearer {self.token}":
            raise Gone(401, "Unauthorized", "Unauthorized")
        parts = sent.path.strip("/").split("/")
        if parts[-1] == "selfsubjectaccessreviews":
            return self._review(sent)
        plural, rest = parts[parts.index("namespaces") + 2], parts[parts.index("namespaces") + 3 :]
        if plural not in self.known:
            return httpx.Response(404, text="404 page not found\n")
        name, subresource = (rest[0] if rest else None), (rest[1] if len(rest) > 1 else None)
        if name is None:
            return self._watch(plural, sent) if sent.query.get("watch") else self._list(plural, sent)
        if sent.method == "GET":
            return httpx.Response(200, json=self._found(plural, name))
        return self._patch(plural, name, subresource, sent)

    def _review(self, sent: Sent) -> httpx.Response:
        asked = sent.body["spec"]["resourceAttributes"]
        what = asked["resource"] + (f"/{asked['subresource']}" if asked["subresource"] else "")
        allowed = f"{asked['verb']} {what}" not in self.denied
        return httpx.Response(201, json={**sent.body, "status": {"allowed": allowed}})

    def _found(self, plural: str, name: str) -> Json:
        found = self.objects.get(plural, {}).get(name)
        if found is None:
            raise Gone(404, "NotFound", f'{plural} "{name}" not found', name=name, kind=plural)
        return found

    def _list(self, plural: str, sent: Sent) -> httpx.Response:
        wanted = dict(part.split("=", 1) for part in sent.query.get("fieldSelector", "").split(",") if part)
        names = sorted(
            name
            for name, found in self.objects.get(plural, {}).items()
            if all(_field(found, path) == value for path, value in wanted.items())
        )
        start = 0
        if (token := sent.query.get("continue")) is not None:
            version, _, after = token.partition(":")
            if int(version) < self.compacted:
                raise Gone(410, "Expired", "The provided continue parameter is too old")
            start = next((place for place, name in enumerate(names) if name > after), len(names))
        limit = int(sent.query.get("limit", "0")) or len(names)
        page = names[start : start + limit]
        meta: Json = {"resourceVersion": str(self.version)}
        if start + limit < len(names):
            meta["continue"] = f"{self.version}:{page[-1]}"
        items = [self.objects[plural][name] for name in page]
        return httpx.Response(200, json={"kind": "List", "metadata": meta, "items": items})

    def _watch(self, plural: str, sent: Sent) -> httpx.Response:
        since = int(sent.query["resourceVersion"])
        watcher = _Watcher(self)
        self.watches += 1
        if since < self.compacted:
            gone = Gone(410, "Expired", f"too old resource version: {since} ({self.compacted})")
            watcher.tell("ERROR", gone.body)
            watcher.end()
            return httpx.Response(200, stream=watcher)
        watcher.plural = plural
        self._watchers.add(watcher)
        for version, kind, of, found in self.history:
            if version > since and of == plural:
                watcher.tell(kind, found)
        return httpx.Response(200, stream=watcher)

    def _patch(self, plural: str, name: str, subresource: str | None, sent: Sent) -> httpx.Response:
        if sent.content_type == "application/json-patch+json":
            return httpx.Response(
                200, json=self._patched(plural, name, subresource, lambda found: _json_patched(found, sent.body))
            )
        if sent.content_type == "application/merge-patch+json":
            return httpx.Response(
                200, json=self._patched(plural, name, subresource, lambda found: _merged(found, sent.body))
            )
        raise Gone(415, "UnsupportedMediaType", "the body of the request was in an unknown format")

    def _patched(self, plural: str, name: str, subresource: str | None, apply: Callable[[Json], Json]) -> Json:
        before = self._found(plural, name)
        after = apply(copy.deepcopy(before))
        asked = after["metadata"].get("resourceVersion")
        if asked != before["metadata"]["resourceVersion"]:
            words = f'Operation cannot be fulfilled on {plural} "{name}": the object has been modified'
            raise Gone(409, "Conflict", words)
        if plural in HAS_STATUS:  # each of the two endpoints takes its own part and drops the other
            if subresource == "status":
                after = {**before, "status": after.get("status", {})}
            else:
                after = {**after, "status": before.get("status", {})}
        if after == before:
            return before
        return self.put(plural, after)

    def _store(self, plural: str, found: Json, kind: str) -> None:
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        self.objects[plural][found["metadata"]["name"]] = found
        self._event(kind, plural, found)

    def _event(self, kind: str, plural: str, found: Json) -> None:
        if kind == "DELETED":
            self.version += 1
            found = copy.deepcopy(found)
            found["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, kind, plural, found))
        for watcher in tuple(self._watchers):
            if watcher.plural == plural:
                watcher.tell(kind, found)

    def forget(self, watcher: _Watcher) -> None:
        self._watchers.discard(watcher)


def _is_mark(sent: Sent) -> bool:
    return "warroom.dev" in json.dumps(sent.body)


class _Watcher(httpx.AsyncByteStream):
    """One open watch."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self._lines: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.plural = ""

    def tell(self, kind: str, found: Json) -> None:
        if not self._cluster.mute:
            self._lines.put_nowait(json.dumps({"type": kind, "object": found}).encode() + b"\n")

    def end(self) -> None:
        self._lines.put_nowait(None)

    def cut(self) -> None:
        self._lines.put_nowait(httpx.ReadError("cut"))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (line := await self._lines.get()) is not None:
            if isinstance(line, Exception):
                raise line
            yield line

    async def aclose(self) -> None:
        self._cluster.forget(self)


def _field(found: Any, path: str) -> Any:
    """The value at a field selector's path."""
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _merged(found: Any, patch: Any) -> Any:
    """JSON Merge Patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(found) if isinstance(found, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _json_patched(found: Json, operations: list[Json]) -> Json:
    """JSON Patch (RFC 6902): add, remove, replace, test; one that fails fails all."""
    result = copy.deepcopy(found)
    try:
        for operation in operations:
            parts = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
            _apply(result, operation["op"], parts, operation.get("value"))
    except (LookupError, ValueError, TypeError):
        raise Gone(422, "Invalid", GENERIC) from None
    return result


def _apply(root: Any, op: str, parts: list[str], value: Any) -> None:
    holder = root
    for part in parts[:-1]:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    last: Any = parts[-1]
    if isinstance(holder, list):
        last = len(holder) if last == "-" else int(last)
    if op == "test":
        if holder[last] != value:
            raise ValueError("test failed")
    elif op == "remove":
        del holder[last]
    elif op == "replace":
        _ = holder[last]
        holder[last] = value
    elif op == "add":
        if isinstance(holder, list):
            holder.insert(last, value)
        else:
            holder[last] = value


def pages(count: int, size: int = 0) -> Iterator[Json]:
    """`count` small rollouts, each padded to about `size` bytes."""
    for number in range(count):
        meta = {"name": f"r{number:04d}", "annotations": {"pad": "x" * size}}
        yield {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": meta, "spec": {}, "status": {}}
