"""The verbs of Flagger: read, suspend, unsuspend, and check the gates.

This module decides what is read from where, and which part of a verb is a call and which is an answer that Flagger has
still to ask for. Only its controller writes a Canary's status. Readings are made in `reading`.
"""

from __future__ import annotations

import httpx
from pydantic import ValidationError

from adapters.contract.backends import Capabilities, GateQuery, Order
from adapters.contract.context import Context, Permit
from adapters.contract.errors import BackendError, BadReply, Forbidden, Missing, Moved, Rejected
from adapters.contract.targets import Setting, TargetReading, TargetRef
from adapters.deploy.flagger.guard import GuardToken
from adapters.deploy.flagger.reading import asks_us, reading_of
from adapters.deploy.flagger.steps import AT_REST, FAILED, PROMOTING, UNDER_WAY, WAITING, gated_steps
from adapters.deploy.flagger.target import TARGETS, WantedTemplate, wanted_template
from adapters.deploy.flagger.wire import CANARIES, EVENTS, GATES, ROLLBACK, Canary, KubeEvent, WebhookPayload
from adapters.kube import Access, KubeBackend, Need, ParseCache, Patch
from adapters.kube.jsonpatch import add, check
from adapters.sanitize import one_line

LARGEST_BYTES = 64 * 1024
"""A larger question is not read; its own metadata is all that can make one large."""
SUSPEND = Patch((add("spec", "suspend", value=True),))
"""Have Flagger ignore the Canary. Its weight stays, and so does any fault. Harmless when repeated."""
UNSUSPEND = Patch((check("spec", "suspend", value=True), add("spec", "suspend", value=False)))
"""Have Flagger go on with the Canary, if it is suspended."""
KEEP_ANALYSIS = Patch((add("spec", "skipAnalysis", value=False),))
"""Have releases checked again."""
ON_SPEC = Need(CANARIES, "patch")
_NEEDS = dict.fromkeys(("pause", "resume", "suspend", "unsuspend", "skip-analysis", "keep-analysis"), (ON_SPEC,))
ORDERS = (
    Order("skip-analysis", "promotes it at once without analysis, and every later release too until keep-analysis"),
    Order("keep-analysis", "analyzes releases again", risky=False),
    Order("suspend", "freezes it where it is: its checks, its failure limit and its rollback stop too"),
    Order("unsuspend", "lets Flagger go on with it"),
)


class Flagger(KubeBackend):
    """The Canaries of one namespace."""

    def __init__(
        self,
        context: Context,
        access: Access,
        namespace: str | None,
        gates: str | None,
        client: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Opens nothing. Raises ConnectError as `Kube` does."""
        self._gates = gates
        super().__init__(context, access, namespace, client, (ON_SPEC,))
        self._canaries, self._parsed = self._informer(CANARIES), ParseCache(self.source, Canary, "Flagger")
        self._targets = {kind: self._informer(resource) for kind, resource in TARGETS.items()}
        self._held: dict[str, bool] = {}
        """Target's name -> whether every rise of its traffic asks us first, as of the last read."""

    def capabilities(self, target: TargetRef) -> Capabilities:
        """The verbs of a target. It owns its steps and advances by itself; a halt depends on whose gates it asks."""
        halt = "suspends it: the weight stays, and its own checks, failure limit and rollback stop too"
        if self._held.get(target.name):
            halt = "keeps its gates closed: the weight stays, its own checks go on and may still fail it"
        return Capabilities(
            advances=True,
            can_pause=True,
            owns_steps=True,
            repeatable=True,
            meaning={
                "promote": f"answers its gates with yes, once each, when Flagger next asks ({self._kube.where})",
                "halt": halt,
                "rollback": "answers its rollback webhook with yes when Flagger next asks; not once it is promoted",
            },
            orders=ORDERS,
        )

    async def read_target(self, target: TargetRef) -> TargetReading:
        """Read the Canary, and Flagger's events about it where we may.

        Raises:
            Missing: no such Canary, or the cluster has no Flagger.
        """
        canary = self._parsed.of(await self._canaries.get(target.name))
        self._held[target.name] = self._has_all_gates(canary)
        lacks = self._permissions.lacking(_NEEDS)
        if self._held[target.name]:  # then a halt sends nothing
            lacks.pop("pause", None)
        events, wanted = await self._events(target.name), await self._read_template(canary)
        return reading_of(target, canary, events, self._context.clock.now(), self._gates, lacks, wanted)

    def step_calls(self, target: TargetRef, setting: Setting, seen: str | None) -> tuple[str, ...]:
        """List what `advance` or `withdraw` would have answered."""
        if (shown := GuardToken.parse(seen or "")) is None:
            return (f"canaries/{target.name} (not read yet)",)
        if setting.version is None:
            upto = "the promotion" if setting.step is not None and setting.step < 0 else str(setting)
            starts = shown.phase == WAITING and shown.template  # a known template
            only = f", if template {shown.template[:8]} is still set then" if starts else ""
            when = f"once each, up to {upto}, when Flagger asks{only}"
            return (f"answers canaries/{target.name} yes at its gates, {when}",)
        lines = [UNSUSPEND.line(f"canaries/{target.name}")] if shown.suspended else []
        return (*lines, f"answers canaries/{target.name} yes at its rollback webhook, when Flagger asks")

    async def advance(self, target: TargetRef, setting: Setting, seen: str, permit: Permit) -> None:
        """Check that the Canary is still where it was seen. The answer is given when Flagger asks.

        Raises:
            Moved: it is elsewhere by now.
            Rejected: no gate of ours is there.
            BackendError: it cannot be read.
        """
        shown = self._parse_token(GuardToken.parse, seen, "promote")
        canary = await self._fresh_canary(target)
        wanted = await self._read_template(canary, now=True)
        permit.check(self.source, "promote")
        template = shown.template if wanted.unknown else wanted.template  # who answers the gate reads it once more
        if GuardToken.of(canary, template).place != shown.place:
            raise Moved(self.source, "promote", f"{target.name} has changed since it was shown; nothing was answered")
        reading = reading_of(target, canary, (), self._context.clock.now(), self._gates, {}, wanted)
        if (why := reading.cannot.get("promote")) is not None:
            raise Rejected(self.source, "promote", f"nothing will be answered: {why}")

    async def pause(self, target: TargetRef, permit: Permit) -> None:
        """Suspend it, unless a halt can withhold the answer at every step. Raises BackendError."""
        if not self._has_all_gates(await self._fresh_canary(target)):
            await self._canaries.patch(target.name, SUSPEND, "pause", permit)

    async def resume(self, target: TargetRef, permit: Permit) -> None:
        """End a suspension. Raises Moved where it is not suspended."""
        await self._canaries.patch(target.name, UNSUSPEND, "resume", permit)

    async def withdraw(self, target: TargetRef, version: str | None, permit: Permit) -> None:
        """Check that a rollback can be answered, and that Flagger will ask. The answer is given when it asks.

        Raises:
            Rejected: it is promoted, or has no rollback webhook of ours.
        """
        canary = await self._fresh_canary(target)
        status = canary.status
        if status.phase == FAILED or (status.phase in AT_REST and status.applied == (version or status.promoted)):
            return
        if status.phase in (*AT_REST, *PROMOTING):
            raise Rejected(self.source, "rollback", "it is promoted: Flagger goes back only by another release")
        if not asks_us(canary, ROLLBACK, self._gates):
            why = "it has no rollback webhook that asks warroom: release the old version"
            raise Rejected(self.source, "rollback", why)
        if canary.suspend:  # suspended it would never ask
            await self._canaries.patch(target.name, UNSUSPEND, "rollback", permit)

    async def order(self, target: TargetRef, order: str, seen: str, permit: Permit) -> None:
        """Carry out one of ORDERS.

        Raises:
            Moved: it has changed since it was seen.
            Rejected: there is no such order.
        """
        made = _order_patch(order, self._parse_token(GuardToken.parse, seen, order))
        if made is None:
            raise Rejected(self.source, order, f"not sent: Flagger has no {one_line(order, 40)!r}")
        await self._canaries.patch(target.name, made, order, permit)

    def order_calls(self, target: TargetRef, order: str, seen: str | None) -> tuple[str, ...]:
        """List what `order` would send to the Canary that was seen."""
        if (shown := GuardToken.parse(seen or "")) is None:
            return (f"PATCH canaries/{target.name} (not read yet)",)
        made = _order_patch(order, shown)
        return () if made is None else (made.line(f"canaries/{target.name}"),)

    def parse_gate_query(self, target: TargetRef, gate: str, body: bytes) -> GateQuery | None:
        """Parse a question at one of its webhooks. None where it is about another Canary.

        The next read goes to the cluster: what is answered depends on where it stands at this moment.

        Raises:
            BadReply: it is nothing that Flagger sends.
        """
        try:
            question = WebhookPayload.model_validate_json(body[:LARGEST_BYTES])
        except ValidationError:
            raise BadReply(self.source, gate, "not a webhook call of Flagger") from None
        if gate not in GATES or (question.name, question.namespace) != (target.name, self._kube.namespace):
            return None
        metadata = question.metadata or {}
        if metadata.get("target", target.target) != target.target:
            return None
        for informer in self._informers:
            informer.invalidate()
        return GateQuery(target.target, gate, back=gate == ROLLBACK, token=metadata.get("token"))

    def _has_all_gates(self, canary: Canary) -> bool:
        """Whether every step from here on has a gate that is ours."""
        return all(any(asks_us(canary, kind, self._gates) for kind in one.gates) for one in gated_steps(canary))

    async def _fresh_canary(self, target: TargetRef) -> Canary:
        return self._parsed.of(await self._kube.get(CANARIES, target.name))

    async def _read_template(self, canary: Canary, *, now: bool = False) -> WantedTemplate:
        """Read what its target wants, while a promote is about that. Unknown where we may not read it.

        `now`: ask the cluster, whatever is remembered. Raises BackendError.
        """
        if canary.status.phase not in UNDER_WAY:
            return WantedTemplate()
        kind, name = canary.target_kind or "Deployment", canary.target_name
        resource = TARGETS.get(kind)
        if resource is None:
            return WantedTemplate(unknown=f"its target is a {one_line(kind, 40)}")
        try:
            return wanted_template(await (self._kube.get(resource, name) if now else self._targets[kind].get(name)))
        except Forbidden:
            return WantedTemplate(unknown=f"you lack get on {resource.plural} in {self._kube.namespace}")
        except Missing:
            return WantedTemplate(unknown=f"there is no {kind} {one_line(name, 60)}")

    async def _events(self, name: str) -> tuple[KubeEvent, ...]:
        """Read Flagger's events about a Canary. None where they may not be read."""
        try:
            page = await self._kube.page(EVENTS, fields=f"involvedObject.kind=Canary,involvedObject.name={name}")
            return tuple(KubeEvent.model_validate(found) for found in page.objects)
        except (BackendError, ValidationError):
            return ()


def _order_patch(name: str, seen: GuardToken) -> Patch | None:
    guard = check("status", "lastAppliedSpec", value=seen.applied)
    orders = {
        "skip-analysis": Patch((guard, add("spec", "skipAnalysis", value=True))),
        "keep-analysis": KEEP_ANALYSIS,
        "suspend": SUSPEND,
        "unsuspend": UNSUSPEND,
    }
    return orders.get(name)
