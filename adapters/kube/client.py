"""Read, list, watch and patch the objects of one namespace.

A read may be retried within its deadline, once with new credentials after a 401. A patch is sent once, whatever
happens. The meaning of an object is its adapter's business.

Written by hand, because no library avoids the hazards that matter here: kr8s 0.20 sends a patch up to four times after
a 403 and has no timeouts; lightkube 1.0 sends it again after a 401, knows no exec plugin of version v1, lets one hang
without end and never notices a watch that was cut silently; the official client resends through urllib3.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from adapters.contract import BackendError, BadReply, ConnectError, Context, Missing, Moved, Permit, Rejected
from adapters.kube import jsonpatch, status
from adapters.kube.access import Access
from adapters.kube.login import identity_of
from adapters.sanitize import one_line
from adapters.transport import HttpBackend, HttpOptions, Reply, Transport

Object = Mapping[str, Any]
"""One object as the cluster holds it."""

PAGE = 500
"""Most objects in one page of a list."""
PAGE_BYTES = 32 * 1024 * 1024
"""Largest page that is read: 500 objects of 64 KiB."""
WATCH_S = 12
"""How long the server keeps one watch open. Short, because its end, like every event, shows that the stream works."""
SILENCE_S = WATCH_S + 5.0
"""A watch that is silent for longer was cut on the way."""
MANAGER = "warroom"
"""The name of our changes in an object's managedFields."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object within one namespace."""

    group: str
    """ "" is the core group."""
    version: str
    plural: str
    kind: str

    def path(self, namespace: str, name: str | None = None, subresource: str | None = None) -> str:
        """The path of the collection, of one object, or of its subresource."""
        root = f"/apis/{self.group}" if self.group else "/api"
        parts = [f"{root}/{self.version}/namespaces/{quote(namespace, safe='')}/{self.plural}"]
        parts += [quote(part, safe="") for part in (name, subresource) if part is not None]
        return "/".join(parts)


DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list."""

    objects: tuple[Object, ...]
    version: str
    """The resourceVersion of the whole list."""
    more: str | None
    """The token of the next page; None after the last."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch."""

    kind: str
    """ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""
    object: Object


_WORDS = 600
"""Characters kept of a refusal: a policy engine names the resource and the policy first, and the reason last."""


class Kube(HttpBackend):
    """One namespace of one cluster."""

    def __init__(
        self,
        context: Context,
        access: Access,
        namespace: str | None = None,
        client: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Opens nothing and runs nothing. `namespace` replaces that of `access`; `client` the network, in tests.

        Raises:
            ConnectError: the cluster's address or proxy cannot be used.
        """
        try:
            options = HttpOptions(url=access.server, proxy=access.proxy)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            key = {"url": "server", "proxy": "proxy-url"}.get(str(first["loc"][0]), "server")
            why = first["msg"].removeprefix("Value error, ")
            raise ConnectError(f"{context.source}: context {access.context}: {key} {why}") from None
        self.access = access
        self.namespace = namespace or access.namespace
        secrets = [secret for secret in (access.token, *(access.basic or ())[1:]) if secret]
        super().__init__(
            Transport(
                context.source,
                options,
                identity=identity_of(context.source, access, context.clock),
                tls=access.tls,
                read_deadline_s=context.read_deadline_s,
                write_deadline_s=context.write_deadline_s,
                max_bytes=PAGE_BYTES,
                explain=status.explain,
                words_limit=_WORDS,
                client=client,
                secrets=secrets,
                report_time=context.report_time,
            )
        )

    @property
    def where(self) -> str:
        """The cluster and the namespace, for a decision card: "prod, namespace shop"."""
        return f"{self.access.context}, namespace {self.namespace}"

    async def get(self, resource: Resource, name: str, verb: str = "read") -> Object:
        """Read one object. `verb`: the write that the read prepares, if any. Raises BackendError."""
        return self._object(await self.transport.read("GET", resource.path(self.namespace, name), verb=verb), verb)

    async def page(
        self, resource: Resource, *, more: str | None = None, fields: str | None = None, limit: int = PAGE
    ) -> ListPage:
        """Read one page of a list, from the start or from `more`. `fields`: a field selector.

        Raises:
            Rejected with status 410: `more` is too old; begin again.
            Missing: the cluster has no such resource, or shows us no such namespace.
            BackendError: any other of a read.
        """
        given = {"limit": str(limit), "fieldSelector": fields, "continue": more}
        params = {key: value for key, value in given.items() if value is not None}
        try:
            reply = await self.transport.read("GET", resource.path(self.namespace), params=params)
        except Missing as error:  # an unknown resource is answered with plain text, a missing object with a Status
            if "page not found" not in error.reason and "could not find the requested resource" not in error.reason:
                raise
            kind = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
            raise Missing(self.source, "read", f"the cluster knows no {kind}: is it installed there?") from None
        body = self._object(reply)
        items, meta = body.get("items"), body.get("metadata")
        if not isinstance(items, list) or not isinstance(meta, dict) or not all(isinstance(one, dict) for one in items):
            raise BadReply(self.source, "read", f"not a list of {resource.plural}")
        return ListPage(tuple(items), str(meta.get("resourceVersion", "")), meta.get("continue") or None)

    async def watch(
        self, resource: Resource, version: str, *, opened: Callable[[], None]
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield the events since `version`, until the server ends the watch. Such an end is no fault.

        Raises:
            Rejected with status 410: `version` is too old; list again.
            TimedOut: no data for SILENCE_S, though the server was to end the watch sooner.
            BackendError: any other of a read.
        """
        params = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_S),
        }
        lines = self.transport.follow(resource.path(self.namespace), params=params, silence_s=SILENCE_S, opened=opened)
        async with aclosing(lines):
            async for line in lines:
                yield self._event(line)

    async def patch(self, resource: Resource, name: str, patch: jsonpatch.Patch, verb: str, permit: Permit) -> Object:
        """Change one object, if every test holds, and return it. Sent once.

        Raises:
            Moved: a test failed; nothing was changed.
            Withdrawn: the permit had lapsed; nothing was sent.
            BackendError: any other of a write.
        """
        try:
            reply = await self.transport.write(
                "PATCH",
                resource.path(self.namespace, name, patch.subresource),
                permit=permit,
                verb=verb,
                json=[operation.wire() for operation in patch.operations],
                content_type=jsonpatch.CONTENT_TYPE,
                params={"fieldManager": MANAGER},
            )
        except BackendError as error:
            if status.guard_failed(error):
                moved = Moved(self.source, verb, f"{name} has changed since it was shown; nothing was changed")
                moved.status = error.status
                raise moved from error
            raise
        return self._object(reply, verb)

    async def is_allowed(self, resource: Resource, verb: str, subresource: str | None = None) -> bool:
        """Whether the cluster lets us `verb` the resource. True is no promise: admission may still refuse.

        Raises:
            BackendError: the cluster gives no answer.
        """
        attributes = {
            "namespace": self.namespace,
            "verb": verb,
            "group": resource.group,
            "version": resource.version,
            "resource": resource.plural,
            "subresource": subresource or "",
            "name": "",
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        result = self._object(await self.transport.read("POST", path, json=review)).get("status")
        allowed = result.get("allowed") if isinstance(result, dict) else None
        if not isinstance(allowed, bool):
            raise BadReply(self.source, "read", "not an answer to an access review")
        return allowed

    def _object(self, reply: Reply, verb: str = "read") -> Object:
        value = reply.json()
        if not isinstance(value, dict):
            raise BadReply(self.source, verb, "not an object of Kubernetes")
        return value

    def _event(self, line: bytes) -> WatchEvent:
        try:
            value = json.loads(line)
            kind, found = value["type"], value["object"]
        except (ValueError, RecursionError, TypeError, KeyError):
            raise BadReply(self.source, "watch", "not an event of a watch") from None
        if kind == "ERROR":
            code, message = status.code_of(found)
            error = Rejected(self.source, "watch", f"the watch ended: {one_line(message, 160) or 'no reason given'}")
            error.status = code or None
            raise error
        if not isinstance(kind, str) or not isinstance(found, dict):
            raise BadReply(self.source, "watch", "not an event of a watch")
        return WatchEvent(kind, found)


def version_of(found: Object) -> str:
    """An object's resourceVersion, "" where it has none."""
    return _meta_text(found, "resourceVersion")


def name_of(found: Object) -> str:
    """An object's name, "" where it has none."""
    return _meta_text(found, "name")


def _meta_text(found: Object, key: str) -> str:
    meta = found.get("metadata")
    return str(meta.get(key, "")) if isinstance(meta, Mapping) else ""


def is_newer(one: str, other: str) -> bool:
    """Whether resourceVersion `one` is later than `other`.

    Compared as numbers, which Kubernetes permits from 1.35 on and which held before.
    """
    if one.isdigit() and other.isdigit():
        return int(one) > int(other)
    return one != other
