"""Backends that ask: one question read, decided, journalled, answered. Never more than one yes per gate and step."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from adapters.contract import BackendError, Clock, GateQuery
from console.engine.backends import Backends
from console.engine.pollers import Pollers
from console.engine.store import StateStore
from console.events.evidence import Actor
from console.events.kinds import GateAnswered
from console.journal.contract import Conflict, JournalUnavailable
from console.plan.nouns import Target
from console.state.assessment import assess
from console.state.gate_answers import answering_event, decide_gate

_log = logging.getLogger("warroom.engine.gates")

DEADLINE_S = 6.0
"""A question is answered within this, or with no: Flagger waits for ten seconds."""
LAST_WORD_S = 1.0
"""How long the end of a console waits for answers under way: one that was written down should be heard too."""
CATCH_UP_S = 1.0
"""How long the journal may take to say what others decided just now; what is known has to do then."""


@dataclass(frozen=True, slots=True)
class GateResponse:
    """What whoever asks is told."""

    code: int
    """HTTP: 200 yes, 403 not now, 4xx otherwise."""
    text: str
    target: str = ""
    """Which target it is about; empty where that was not found out."""


_ENDS = GateResponse(403, "not now: this console ends")


class GateResponder:
    """Answers for one console. It decides nothing: what was promoted, halted or rolled back was decided by people."""

    def __init__(
        self,
        record: StateStore,
        clock: Clock,
        actor: Actor,
        *,
        backends: Callable[[], Backends],
        pollers: Callable[[], Pollers],
        token: str | None,
    ) -> None:
        self._record = record
        self._clock = clock
        self._actor = actor
        self._backends = backends
        self._pollers = pollers
        self._token = token
        self._order = asyncio.Lock()
        """One question to go on after the other: two of one moment never get the same answer."""
        self._under_way: set[asyncio.Task[GateResponse]] = set()
        self._ended = False

    async def answer(self, gate: str, body: bytes, token: str | None) -> GateResponse:
        """The answer to `body`, asked at `gate`; `token`: what came with it beside the body."""
        if self._ended:
            return _ENDS
        task = asyncio.create_task(self._in_time(gate, body, token), name=f"question at {gate}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # where whoever asked has gone
        said = _ENDS if task.cancelled() else task.result()
        fields = {"gate": gate, "target": said.target, "status": said.code}
        _log.info("gate %s answered %d: %s", gate, said.code, said.text, extra=fields)
        return said

    async def close(self) -> None:
        """Answer nothing any more; what is being answered is waited for a moment, then cut off."""
        self._ended = True
        if not self._under_way:
            return
        _, late = await asyncio.wait(set(self._under_way), timeout=LAST_WORD_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _in_time(self, gate: str, body: bytes, token: str | None) -> GateResponse:
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await self._answered(gate, body, token)
        except TimeoutError:
            return GateResponse(403, "not now: it could not be decided in time")

    async def _answered(self, gate: str, body: bytes, token: str | None) -> GateResponse:
        try:
            found = self._parse_query(gate, body)
        except BackendError as error:
            return GateResponse(400, error.reason)
        if not found:
            return GateResponse(404, "not a target of this plan")
        target, ask = found[0]
        if self._token is not None and not _same(self._token, token or ask.token):
            return GateResponse(401, "the token is missing or wrong", target.name)
        if len(found) > 1:
            names = ", ".join(each.name for each, _ in found)
            return GateResponse(409, f"not now: it may be any of {names}; give its webhook metadata: {{target: NAME}}")
        if ask.back:  # a way back waits neither for a read nor behind another question
            return replace(await self._decided(ask), target=target.name)
        async with self._order:
            if not await self._pollers().look(target, self._record.state.plan.timing.read_deadline_s):
                return GateResponse(403, "not now: it cannot be read where it stands", target.name)
            return replace(await self._decided(ask), target=target.name)

    async def _decided(self, ask: GateQuery) -> GateResponse:
        """By everything that was recorded until now: a way back that is missed by a second costs one more interval."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                await self._record.catch_up()
        said = decide_gate(assess(self._record.state, self._clock.now()), ask)
        if said.request is None:
            return GateResponse(403, f"not now: {said.why}")
        if said.again:
            return GateResponse(200, f"yes: {said.why}")
        return await self._yes(ask, said.request, said.why)

    def _parse_query(self, gate: str, body: bytes) -> list[tuple[Target, GateQuery]]:
        """The target that a question is about; several, where clusters have one of the same name each.

        Raises BadReply where every backend that asks finds it senseless.
        """
        found: list[tuple[Target, GateQuery]] = []
        wrong: BackendError | None = None
        for target in self._record.state.plan.targets.values():
            backend = self._backends().asking(target)
            if backend is None:
                continue
            try:
                ask = backend.parse_gate_query(target.ref, gate, body)
            except BackendError as error:
                wrong = error
                continue
            if ask is not None:
                found.append((target, ask))
        if wrong is not None and not found:
            raise wrong
        return found

    async def _yes(self, ask: GateQuery, request: str, why: str) -> GateResponse:
        """Written down, then said; a way back is said all the same when it cannot be written down."""
        reading = self._record.state.targets[ask.target].reading
        step = None if ask.back or reading is None or reading.steps is None else reading.steps.step
        event = GateAnswered(
            at=self._clock.now(), who=self._actor, target=ask.target, gate=ask.gate, request=request, step=step
        )
        if ask.back:
            await self._record.append_soon(event)
            return GateResponse(200, f"yes: {why}")
        try:
            await self._record.append(event)
        except (JournalUnavailable, Conflict) as error:
            return GateResponse(403, f"not now: {error}")
        if answering_event(self._record.state, request, ask, step) != event.id:
            return GateResponse(403, "not now: another console has answered it")
        again = decide_gate(assess(self._record.state, self._clock.now()), ask)
        if again.request is None and not again.why.startswith("answered already"):
            return GateResponse(403, f"not now: {again.why}")  # halted, or rolled back, while it was written down
        return GateResponse(200, f"yes: {why}")


def _same(token: str, given: str | None) -> bool:
    return given is not None and hmac.compare_digest(token.encode(), given.encode())
