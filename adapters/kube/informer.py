"""Keep one collection of objects up to date by list and watch.

It knows how old its copy may be: every event, every bookmark, every end of a watch by the server shows that nothing was
missed. Without such a sign for SILENT_S no read is answered from memory: it goes to the cluster.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import aclosing

from adapters.contract import BackendError, Clock, Missing, Permit
from adapters.kube.client import WATCH_S, Kube, Object, Resource, is_newer, name_of, version_of
from adapters.kube.jsonpatch import Patch
from adapters.sanitize import one_line

_log = logging.getLogger("warroom.adapters.kube")

SILENT_S = WATCH_S + 3.0
"""A stream that gave no sign for so long is not trusted."""
GET_LIMIT = 8
"""Up to this many objects are read one by one while the watch is silent; more are listed."""
_LIST_REUSE_S = 5.0
"""How long the outcome of a list, also a refusal, serves further reads."""
_LONGEST_REST_S = 30.0
_HASTY_S = 1.0
"""A watch that the server ends sooner than this is reopened after a rest only."""
_MAX_FAILURES = 3
"""Failures in a row after which the collection is listed again."""


class Informer:
    """One collection of a cluster, kept up to date by a task. The task starts with the first read."""

    def __init__(self, kube: Kube, resource: Resource, clock: Clock, *, changed: Callable[[], None]) -> None:
        """Starts nothing. `changed` is called, in the loop, whenever an object changes."""
        self._kube = kube
        self._resource = resource
        self._clock = clock
        self._notify = changed
        self._objects: dict[str, Object] = {}
        self._version = ""
        self._alive_at = float("-inf")
        self._listed_at = float("-inf")
        self._relisted_at = float("-inf")
        self._requested: set[str] = set()
        self._changed_at: dict[str, float] = {}
        """When each object last changed, as far as was seen."""
        self._task: asyncio.Task[None] | None = None
        self._relisting: asyncio.Task[None] | None = None
        self._first = asyncio.Event()
        """Set once the first list has come, or has failed."""
        self.changes = 0
        """Grows whenever an object differs from what it was."""
        self.fault: BackendError | None = None
        """The error that stops the watch; None while it works."""

    async def get(self, name: str) -> Object:
        """Return the current object `name`.

        Raises:
            Missing: there is none.
            BackendError: it had to be read from the cluster, and the read failed.
        """
        self._requested.add(name)
        self.start()
        await self._first.wait()
        if not self._is_fresh() or name not in self._objects:  # it may have been created a moment ago
            await self._fetch(name)
        found = self._objects.get(name)
        if found is None:
            gone = f"no {self._resource.kind} {one_line(name, 80)} in {self._kube.namespace}"
            raise Missing(self._kube.source, "read", gone)
        return found

    async def all(self) -> Mapping[str, Object]:
        """Return every object by name. Raises BackendError where a read of the cluster was needed, and failed."""
        self.start()
        await self._first.wait()
        if not self._is_fresh():
            await self._relist()
        return self._objects

    def put(self, found: Object) -> None:
        """Keep an object that a call returned, unless a later one is known."""
        name, known = name_of(found), self._objects.get(name_of(found))
        if known is None or is_newer(version_of(found), version_of(known)):
            self._objects[name] = found
            self._changed_at[name] = self._clock.monotonic()
            self._count_change()

    async def fresh(self, name: str, verb: str) -> Object:
        """Read an object from the cluster itself, for `verb`. Raises BackendError."""
        found = await self._kube.get(self._resource, name, verb)
        self.put(found)
        return found

    async def patch(self, name: str, patch: Patch, verb: str, permit: Permit) -> Object:
        """Change an object by `Kube.patch`. Its answer is the newest state that is known. Raises BackendError."""
        try:
            found = await self._kube.patch(self._resource, name, patch, verb, permit)
        except BackendError:
            self.invalidate()  # the object may not be what we thought
            raise
        self.put(found)
        return found

    def idle_s(self, name: str) -> float:
        """Seconds since an object was last seen to change. Infinite if it never was."""
        return self._clock.monotonic() - self._changed_at.get(name, float("-inf"))

    def invalidate(self) -> None:
        """Trust nothing received so far: the next read goes to the cluster."""
        self._alive_at = self._listed_at = float("-inf")

    async def aclose(self) -> None:
        """Stop the task."""
        tasks = [task for task in (self._task, self._relisting) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _count_change(self) -> None:
        self.changes += 1
        self._notify()

    def _is_fresh(self) -> bool:
        return self._clock.monotonic() - self._alive_at <= SILENT_S

    @property
    def has_list(self) -> bool:
        """Whether the first list has come, or has failed."""
        return self._first.is_set()

    def start(self) -> None:
        """Start to list and watch, without waiting."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"informer {self._kube.source} {self._resource.plural}")

    async def _fetch(self, name: str) -> None:
        if len(self._requested) > GET_LIMIT:
            await self._relist()
            return
        try:
            self.put(await self._kube.get(self._resource, name))
        except Missing:
            if self._objects.pop(name, None) is not None:
                self._count_change()
            raise

    async def _relist(self) -> None:
        """List the collection once, for all reads that need it soon."""
        if self._clock.monotonic() - self._listed_at <= SILENT_S:
            return
        tried = self._clock.monotonic() - self._relisted_at
        if self._relisting is None or (self._relisting.done() and tried > _LIST_REUSE_S):
            self._relisted_at = self._clock.monotonic()
            self._relisting = asyncio.create_task(self._list(), name=f"list {self._resource.plural}")
            self._relisting.add_done_callback(_retrieve_exception)
        await asyncio.shield(self._relisting)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                if not self._version:
                    await self._list()
                    self._mark_alive()
                self._first.set()
                began = self._clock.monotonic()
                await self._follow()
                failures = failures + 1 if self._clock.monotonic() - began < _HASTY_S else 0
                if failures == 0:
                    continue
            except BackendError as error:
                failures += 1
                self.fault = error
                self.invalidate()
                if error.status == 410 or failures >= _MAX_FAILURES:
                    self._version = ""
            except Exception as error:  # the last net: an informer that dies silently would show the past without end
                failures += 1
                words = f"internal error: {type(error).__name__}: {one_line(error)}"
                _log.error("%s", words, exc_info=error)
                self.fault, self._version = BackendError(self._kube.source, "watch", words), ""
                self.invalidate()
            self._first.set()
            await self._clock.sleep(_rest_s(failures, self.fault))

    async def _list(self) -> None:
        objects: dict[str, Object] = {}
        page = await self._kube.page(self._resource)
        objects.update((name_of(found), found) for found in page.objects)
        while page.more is not None:
            await asyncio.sleep(0)  # a long list comes in pages, and others run between them
            page = await self._kube.page(self._resource, more=page.more)
            objects.update((name_of(found), found) for found in page.objects)
        for name, known in self._objects.items():  # objects that a write returned after this list was begun
            if is_newer(version_of(known), page.version):
                objects[name] = known
        before = {name: version_of(found) for name, found in self._objects.items()}
        after = {name: version_of(found) for name, found in objects.items()}
        self._objects, self._version, self._listed_at = objects, page.version, self._clock.monotonic()
        if before != after:
            self._count_change()

    async def _follow(self) -> None:
        async with aclosing(self._kube.watch(self._resource, self._version, opened=self._mark_alive)) as events:
            async for event in events:
                self._take(event.kind, event.object)
                self._version = version_of(event.object) or self._version
                self._mark_alive()
        self._mark_alive()

    def _take(self, kind: str, found: Object) -> None:
        name, known = name_of(found), self._objects.get(name_of(found))
        if kind in ("ADDED", "MODIFIED"):
            self.put(found)
        elif kind == "DELETED" and known is not None and not is_newer(version_of(known), version_of(found)):
            del self._objects[name]
            self._count_change()

    def _mark_alive(self) -> None:
        """Note that the stream works. Nothing before this moment was missed."""
        self._alive_at = self._clock.monotonic()
        self.fault = None


def _rest_s(failures: int, fault: BackendError | None) -> float:
    """Seconds to leave the cluster alone. More with every failure, and at least its Retry-After."""
    wanted_s = fault.retry_after_s if fault is not None and fault.retry_after_s is not None else 0.0
    spread = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
    return max(min(0.5 * 2.0**failures, _LONGEST_REST_S) * spread, min(wanted_s, 2 * _LONGEST_REST_S))


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    """Mark the exception as retrieved. Every waiter has it already, and there may be none left."""
    if not task.cancelled():
        task.exception()
