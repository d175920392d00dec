"""Answer backends' gate webhooks: at most one yes per gate and step."""

from __future__ import annotations

import asyncio
import hmac
import logging
from contextlib import suppress
from dataclasses import dataclass, replace

from adapters.contract import BackendError, Clock, GateQuery
from console.engine.backend_set import BackendSet
from console.engine.pollers import Pollers
from console.engine.store import StateStore
from console.engine.supervisor import cancel_and_wait
from console.events.evidence import Actor
from console.events.kinds import GateAnswered
from console.journal.contract import Conflict, JournalUnavailable
from console.plan.nouns import Target
from console.state.assessment import assess
from console.state.gate_answers import answering_event, decide_gate

_log = logging.getLogger("warroom.engine.gates")

DEADLINE_S = 6.0
"""A query is answered within this, or with no: Flagger waits for ten seconds."""
CLOSING_S = 1.0
"""How long the end of a console waits for answers under way: one that was journalled should be sent too."""
CATCH_UP_S = 1.0
"""How long the decisions of other consoles are waited for; after that those known are the basis."""


@dataclass(frozen=True, slots=True)
class GateResponse:
    """The answer to one query."""

    code: int
    """HTTP: 200 yes, 403 not now, 4xx otherwise."""
    text: str
    target: str = ""
    """The target it concerns; empty where that is not known."""


_ENDS = GateResponse(403, "not now: this console ends")


class GateResponder:
    """Answer for one console, by what people decided; decide nothing itself."""

    def __init__(
        self,
        store: StateStore,
        clock: Clock,
        actor: Actor,
        *,
        backends: BackendSet,
        pollers: Pollers,
        token: str | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor
        self._backends = backends
        self._pollers = pollers
        self._token = token
        self._order = asyncio.Lock()
        """One forward query after the other: two of one moment never get the same answer."""
        self._under_way: set[asyncio.Task[GateResponse]] = set()
        self._ended = False

    async def answer(self, gate: str, body: bytes, token: str | None) -> GateResponse:
        """Answer the query `body`, sent to `gate` with `token` beside it."""
        if self._ended:
            return _ENDS
        task = asyncio.create_task(self._answer_in_time(gate, body, token), name=f"query at {gate}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # where the backend has hung up
        response = _ENDS if task.cancelled() else task.result()
        fields = {"gate": gate, "target": response.target, "status": response.code}
        _log.info("gate %s answered %d: %s", gate, response.code, response.text, extra=fields)
        return response

    async def close(self) -> None:
        """Stop answering; answers under way are waited for CLOSING_S, then cancelled."""
        self._ended = True
        if not self._under_way:
            return
        _, late = await asyncio.wait(set(self._under_way), timeout=CLOSING_S)
        await cancel_and_wait(late)

    async def _answer_in_time(self, gate: str, body: bytes, token: str | None) -> GateResponse:
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await self._answer_query(gate, body, token)
        except TimeoutError:
            return GateResponse(403, "not now: it could not be decided in time")

    async def _answer_query(self, gate: str, body: bytes, token: str | None) -> GateResponse:
        try:
            found = self._parse_query(gate, body)
        except BackendError as error:
            return GateResponse(400, error.reason)
        if not found:
            return GateResponse(404, "not a target of this plan")
        target, ask = found[0]
        given = token or ask.token
        if self._token is not None and (given is None or not hmac.compare_digest(self._token.encode(), given.encode())):
            return GateResponse(401, "the token is missing or wrong", target.name)
        if len(found) > 1:
            names = ", ".join(each.name for each, _ in found)
            return GateResponse(409, f"not now: it may be any of {names}; give its webhook metadata: {{target: NAME}}")
        if ask.back:  # a way back waits neither for a read nor behind another query
            return replace(await self._decide(ask), target=target.name)
        async with self._order:
            if not await self._pollers.read_now(target, self._store.state.plan.timing.read_deadline_s):
                return GateResponse(403, "not now: it cannot be read where it reads_as", target.name)
            return replace(await self._decide(ask), target=target.name)

    async def _decide(self, ask: GateQuery) -> GateResponse:
        """Decide by all that is recorded until now: a way back missed by a second costs one more interval."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                await self._store.catch_up()
        decision = decide_gate(assess(self._store.state, self._clock.now()), ask)
        if decision.request is None:
            return GateResponse(403, f"not now: {decision.why}")
        if decision.again:
            return GateResponse(200, f"yes: {decision.why}")
        return await self._agree(ask, decision.request, decision.why)

    def _parse_query(self, gate: str, body: bytes) -> list[tuple[Target, GateQuery]]:
        """The target that a query concerns; several, where clusters have one of the same name each.

        Raises BackendError where no backend can make sense of it.
        """
        found: list[tuple[Target, GateQuery]] = []
        wrong: BackendError | None = None
        for target in self._store.state.plan.targets.values():
            try:
                ask = self._backends.current.parse_gate_query(target, gate, body)
            except BackendError as error:
                wrong = error
                continue
            if ask is not None:
                found.append((target, ask))
        if wrong is not None and not found:
            raise wrong
        return found

    async def _agree(self, ask: GateQuery, request: str, why: str) -> GateResponse:
        """Journal a yes, then give it; a way back is given also when it cannot be journalled."""
        reading = self._store.state.targets[ask.target].reading
        step = None if ask.back or reading is None or reading.steps is None else reading.steps.step
        event = GateAnswered(
            at=self._clock.now(), who=self._actor, target=ask.target, gate=ask.gate, request=request, step=step
        )
        if ask.back:
            await self._store.append_soon(event)
            return GateResponse(200, f"yes: {why}")
        try:
            await self._store.append(event)
        except (JournalUnavailable, Conflict) as error:
            return GateResponse(403, f"not now: {error}")
        if answering_event(self._store.state, request, ask, step) != event.id:
            return GateResponse(403, "not now: another console has answered it")
        again = decide_gate(assess(self._store.state, self._clock.now()), ask)
        if again.request is None and not again.why.startswith("answered already"):
            return GateResponse(403, f"not now: {again.why}")  # halted, or rolled back, while it was written down
        return GateResponse(200, f"yes: {why}")
