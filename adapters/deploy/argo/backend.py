"""The verbs of Argo Rollouts and its own orders.

This module decides what is read from where, in which order calls are made, and what their errors mean. `reading` makes
readings, `patches` bodies, `rollback` the moves of a rollback.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import httpx

from adapters.contract.backends import Capabilities, Order
from adapters.contract.context import Context, Permit
from adapters.contract.errors import BackendError, Forbidden, HalfDone, Missing, Moved, Rejected
from adapters.contract.metrics import MetricQuery, MetricReply, Window
from adapters.contract.targets import Setting, TargetReading, TargetRef
from adapters.deploy.argo import patches
from adapters.deploy.argo.guard import GuardToken
from adapters.deploy.argo.measurements import reply_of
from adapters.deploy.argo.phase import is_observed
from adapters.deploy.argo.reading import reading_of
from adapters.deploy.argo.rollback import Move, next_move
from adapters.deploy.argo.sender import Sender
from adapters.deploy.argo.store import Store
from adapters.deploy.argo.wire import HASH_LABEL, REVISION, ROLLOUTS, Rollout
from adapters.kube import DEPLOYMENTS, REPLICA_SETS, Access, KubeBackend, Need, Object, Patch
from adapters.kube.objects import replica_set_of_revision, replica_set_of_version, template_of
from adapters.sanitize import one_line

ON_STATUS = Need(ROLLOUTS, "patch", "status")
ON_SPEC = Need(ROLLOUTS, "patch")
_NEEDS = {
    **dict.fromkeys(("promote", "skip", "accept", "promote-full", "abort", "retry"), (ON_STATUS,)),
    **dict.fromkeys(("pause", "resume", "undo", "restart"), (ON_SPEC,)),
}
"""Verb -> the permissions it takes."""
ORDERS = (
    Order("skip", "leaves the step it stands on, done or not, for the next one"),
    Order("accept", "goes on although an analysis was inconclusive"),
    Order("promote-full", "past every step, pause and analysis; after that only an undo goes back"),
    Order("retry", "begins an aborted rollout again from its first step"),
    Order("abort", "all traffic back to the stable version; the new one stays wanted until retry or undo", risky=False),
    Order("undo", "back to the revision named, which climbs every step again", risky=True),
    Order("restart", "replaces every pod, a few at a time"),
    Order("pause", "pauses it by hand: neither its timer nor its analyses move it on", risky=False),
    Order("resume", "ends a pause by hand, and nothing else"),
)
WOKEN = "; then an annotation, if its controller overlooks it"
"""A second call that may follow any other: see `sender`."""
_AGAIN_S = 0.3
_MOVES = {Move.ABORT: patches.abort, Move.FINISH: patches.full}
"""The moves of a rollback that are a single patch."""


class Argo(KubeBackend):
    """The Rollouts of one namespace."""

    def __init__(
        self, context: Context, access: Access, namespace: str | None, client: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Opens nothing. Raises ConnectError as `Kube` does."""
        super().__init__(context, access, namespace, client, (ON_STATUS, ON_SPEC))
        self._store = Store(self.source, self._informer)
        self.sender = Sender(self._store, context)
        self._readings: dict[str, tuple[object, TargetReading]] = {}
        """Target -> its last reading and the versions it was made of: most reads find nothing new."""
        self._capabilities = Capabilities(
            advances=True,
            can_pause=True,
            owns_steps=True,
            meaning={
                "promote": f"ends the one pause it stands at, if it still stands there ({self._kube.where})",
                "halt": "pauses it by hand (spec.paused): neither its timer nor its analyses move it on",
                "rollback": "aborts it; once it is promoted, undoes it to the version before and promotes that in full",
            },
            orders=ORDERS,
        )

    def capabilities(self, target: TargetRef) -> Capabilities:
        """The verbs of every target: it owns its steps and advances."""
        return self._capabilities

    async def read_target(self, target: TargetRef) -> TargetReading:
        """Read the Rollout, its analyses and its pods' versions.

        Raises:
            Missing: no such Rollout, or the cluster has no Argo Rollouts.
        """
        view = await self._store.view(target.name)
        lacking, now = self._permissions.lacking(_NEEDS), self._context.clock.now()
        made_of = (view.versions, lacking)
        known_of, known = self._readings.get(target.target, (None, None))
        if known is not None and known_of == made_of:
            return replace(known, at=now)
        found = reading_of(target, view, now, lacking)
        self._readings[target.target] = (made_of, found)
        return found

    async def read_metrics(self, queries: Sequence[MetricQuery], window: Window) -> tuple[MetricReply, ...]:
        """Read the measurements of each query's target, for its present version.

        Raises:
            BackendError: the cluster cannot be read. A Rollout that is missing, and AnalysisRuns that may not be read,
                are the problem of their metric alone.
        """
        return tuple([await self._metric_reply(query, window) for query in queries])

    async def _metric_reply(self, query: MetricQuery, window: Window) -> MetricReply:
        if query.target is None:
            return MetricReply(query.metric, problem="the query names no target")
        try:
            return reply_of(query, await self._store.runs(query.target.name), window)
        except (Forbidden, Missing) as error:
            return MetricReply(query.metric, problem=error.reason)

    def step_calls(self, target: TargetRef, setting: Setting, seen: str | None) -> tuple[str, ...]:
        """List the calls of `advance` or `withdraw` for the Rollout seen."""
        where = f"rollouts/{target.name}"
        if (shown := GuardToken.parse(seen or "")) is None:
            return (f"PATCH {where} (not read yet)",)
        if setting.version is None:
            return (patches.release(shown).line(where) + WOKEN,) if shown.pauses else ()
        move = next_move(shown, setting.version)
        if move in _MOVES:
            return (_MOVES[move](shown).line(where) + WOKEN,)
        if move is Move.UNDO:
            first = f"PATCH {where}: the template of version {setting.version}, if it is still at {shown.revision}"
            return first + WOKEN, f"PATCH {where}/status: then {Move.FINISH.value}{WOKEN}"
        return ()

    async def advance(self, target: TargetRef, setting: Setting, seen: str, permit: Permit) -> None:
        """End the pause that was seen. Raises Moved where it is over; Rejected where none was seen."""
        shown = self._parse_token(GuardToken.parse, seen, "promote")
        if not shown.pauses:
            raise Rejected(self.source, "promote", "not sent: it stood at no pause when you decided")
        await self.sender.send_and_wait(target, patches.release(shown), "promote", permit)

    async def pause(self, target: TargetRef, permit: Permit) -> None:
        """Pause it by hand. Raises BackendError."""
        await self.sender.send_and_wait(target, patches.PAUSE, "pause", permit)

    async def resume(self, target: TargetRef, permit: Permit) -> None:
        """End a pause by hand. Raises Moved where it is not paused by hand."""
        await self.sender.send_and_wait(target, patches.RESUME, "resume", permit)

    async def withdraw(self, target: TargetRef, version: str | None, permit: Permit) -> None:
        """Roll back, from a fresh read, to the end or first error.

        Raises:
            HalfDone: the earlier template was set, and what follows it failed, or its controller has not taken it up in
                time: repeat to finish.
        """
        done: list[Move] = []
        began, woken = asyncio.get_running_loop().time(), False
        while True:
            with self._half_done_after(done):
                rollout = await self._store.fresh(target.name, "rollback")
            if (move := next_move(GuardToken.of(rollout), version)) is Move.NONE:
                return
            now = asyncio.get_running_loop().time()
            taken_up = is_observed(rollout) and move not in done
            if taken_up:
                with self._half_done_after(done):
                    await self._go(target, rollout, move, version, permit)
                done.append(move)
                woken = await self.sender.wait_for_controller(target, "rollback", permit, began)
                if move is Move.ABORT:
                    return
            elif not woken and now > began + self.sender.patience_s:
                woken = True
                await self.sender.wake(target, "rollback", permit)
            if now > self.sender.until(began):
                raise HalfDone(
                    self.source,
                    "rollback",
                    "the newest template is set, but its controller has not taken it up: press r to finish",
                )
            await asyncio.sleep(0 if taken_up else _AGAIN_S)

    async def order(self, target: TargetRef, order: str, seen: str, permit: Permit) -> None:
        """Carry out one of ORDERS, guarded by what was seen. "undo 4" names its revision.

        Raises:
            Moved: it has changed since it was seen.
            Rejected: there is no such order, or what was seen did not allow it.
        """
        shown, (name, _, subject) = self._parse_token(GuardToken.parse, seen, order), order.partition(" ")
        at_step = True
        if name in ("undo", "accept"):
            rollout = await self._store.fresh(target.name, name)
            if name == "undo":
                sets, began = await self._store.replica_sets(rollout), asyncio.get_running_loop().time()
                before = replica_set_of_revision(self.source, sets, REVISION, subject)
                await self._undo(target, rollout, shown.revision, before, name, permit)
                await self.sender.wait_for_controller(target, name, permit, began)
                return
            at_step = rollout.status.step_run == "Inconclusive"
        made = self._order_patch(name, shown, at_step=at_step)
        if made is None:
            raise Rejected(self.source, name, f"not sent: Argo Rollouts has no {one_line(name, 40)!r}")
        await self.sender.send_and_wait(target, made, name, permit)

    def order_calls(self, target: TargetRef, order: str, seen: str | None) -> tuple[str, ...]:
        """List what `order` would send to the Rollout that was seen."""
        where, (name, _, subject) = f"rollouts/{target.name}", order.partition(" ")
        if (shown := GuardToken.parse(seen or "")) is None:
            return (f"PATCH {where} (not read yet)",)
        if name == "undo":
            guarded = f"the template of revision {subject or '?'}, if it is still at {shown.revision}"
            return (f"PATCH {where}: {guarded}{WOKEN}",)
        if name == "restart":
            return (f"PATCH {where}: add /spec/restartAt, the time it is sent{WOKEN}",)
        made = self._order_patch(name, shown)
        return () if made is None else (made.line(where) + WOKEN,)

    def _order_patch(self, name: str, shown: GuardToken, *, at_step: bool = True) -> Patch | None:
        """Make the patch of an order that is a single one. None for any other."""
        made: dict[str, Callable[[], Patch]] = {
            "skip": lambda: patches.skip(shown),
            "accept": lambda: patches.accept(shown, at_step=at_step),
            "promote-full": lambda: patches.full(shown),
            "retry": lambda: patches.retry(shown),
            "abort": lambda: patches.abort(shown),
            "restart": lambda: patches.restart(self._context.clock.now()),
            "pause": lambda: patches.PAUSE,
            "resume": lambda: patches.RESUME,
        }
        return made[name]() if name in made else None

    @contextmanager
    def _half_done_after(self, done: Sequence[Move]) -> Iterator[None]:
        """Turn the error of a rollback's call into HalfDone, where an earlier one was accepted."""
        try:
            yield
        except BackendError as error:
            if not done or isinstance(error, HalfDone):
                raise
            words = one_line(f"the earlier template is set; then {error.reason}")
            raise HalfDone(self.source, "rollback", words) from error

    async def _go(self, target: TargetRef, rollout: Rollout, move: Move, version: str | None, permit: Permit) -> None:
        seen = GuardToken.of(rollout)
        if move is not Move.UNDO:
            await self.sender.send(target, _MOVES[move](seen), "rollback", permit)
            return
        sets = await self._store.replica_sets(rollout)
        before = replica_set_of_version(self.source, sets, HASH_LABEL, version or seen.stable)
        await self._undo(target, rollout, seen.revision, before, "rollback", permit)

    async def _undo(
        self, target: TargetRef, rollout: Rollout, revision: str, before: Object, verb: str, permit: Permit
    ) -> None:
        """Set an earlier ReplicaSet's template again, on the Rollout or its workload."""
        template = template_of(before, HASH_LABEL)
        workload = rollout.workload
        if workload is None:
            await self.sender.send(target, patches.undo(revision, template), verb, permit)
            return
        resource = {"Deployment": DEPLOYMENTS, "ReplicaSet": REPLICA_SETS}.get(workload.kind)
        if resource is None:
            raise Rejected(self.source, verb, f"not sent: its template is that of a {one_line(workload.kind, 40)}")
        if GuardToken.of(await self._store.fresh(target.name, verb)).revision != revision:
            raise Moved(self.source, verb, f"{target.name} is no longer at revision {revision}; nothing was changed")
        found = await self._kube.get(resource, workload.name, verb=verb)
        patch = patches.undo_workload(int(found["metadata"]["generation"]), template)
        await self._kube.patch(resource, workload.name, patch, verb, permit)
        self._store.rollouts.invalidate()
