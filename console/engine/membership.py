"""This console among the others of its rollout: that it is here, who else is, who of them polls, and what was approved.

All of that is what the journal keeps beside its events. One console holds the lease and polls; it renews it in time,
and stops by its own clock when it could not. A journal that cannot be asked leaves a console alone: it polls for
itself.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from adapters.contract import Clock
from console.engine.clock import boottime
from console.engine.identity import died, groups_of
from console.engine.store import StateStore
from console.events.evidence import Actor
from console.journal.contract import ConsoleRole, Journal, JournalUnavailable, Lease, Presence, SignedApproval
from console.state.participants import Approval, Member, Poller

_log = logging.getLogger("warroom.engine.lease")

LEASE_S = 10.0
"""How long a console that polls may be silent before another takes over."""
ROUND_S = 3.0
"""How often the lease is renewed and this console says that it is here."""
OVER_S = 0.05
"""How long after its end a lease is asked for: not a moment before it is over, and not a round later."""
ALONE_S = 0.5
"""The same while the journal cannot be asked."""
SILENT_S = 3.0
"""How long the journal may take to say who polls before this console acts as if it could not be asked."""
REMEMBERED_S = 3600.0
"""How long a console that is not seen any more is still shown, with when it was."""


@dataclass(frozen=True, slots=True)
class _Roster:
    """What the journal says about the consoles of a rollout."""

    present: list[Presence]
    approved: list[SignedApproval]
    unvouched: str | None = None
    """Why the approvals cannot be told; None: they are told."""


class Membership:
    """Keeps `State.crew`, `State.poller` and `State.approvals`, and this console's place in them."""

    def __init__(self, record: StateStore, clock: Clock, actor: Actor, *, observing: bool) -> None:
        self._record = record
        self._clock = clock
        self._actor = actor
        self._observing = observing
        self.session = uuid.uuid4().hex
        """This console's name in the journal, never used again."""
        self._since = clock.now()
        self._until = 0.0
        """Up to when this console's lease certainly lasts, on the clock that counts suspend."""
        self._known = asyncio.Event()
        self._holder: str | None = None
        """Session of the console that polls, as last heard."""
        self._left_s = ROUND_S
        """How long the lease of another console lasts at most if it is not renewed."""
        self._asking = asyncio.Lock()
        self.on_poller: Callable[[], None] = lambda: None
        """Called when it has become this console's turn to poll."""

    def is_poller(self) -> bool:
        """Whether this console asks the backends now."""
        return self._record.standalone or (self._record.fence is not None and boottime() < self._until)

    async def wait_known(self) -> None:
        """Returns once it is known who else is there and who polls, or that nobody can tell."""
        await self._known.wait()

    async def run(self) -> None:
        """Say that this console is here, and hold or ask for the lease, for ever."""
        while True:
            await self._round()
            self._known.set()
            await asyncio.sleep(ALONE_S if self._record.standalone else min(ROUND_S, self._left_s))

    async def _round(self) -> None:
        async with self._asking:
            await self._attend()

    async def _attend(self) -> None:
        asked_at = boottime()
        work = partial(
            _attend,
            rollout=self._record.state.rollout,
            presence=Presence(self.session, self._actor, self._role(), self._since),
            ttl_s=LEASE_S,
        )
        asked = asyncio.ensure_future(self._record.write(work))
        try:
            await asyncio.wait({asked}, timeout=SILENT_S)
            if not asked.done():
                self._left_alone()
            room, lease = await asked
        except JournalUnavailable as error:
            self._record.report_journal(str(error))
            self._left_alone()
            return
        finally:
            asked.cancel()
        self._record.report_journal(None)
        self._record.standalone = False
        self._holder = lease.holder
        await self._polling(lease, asked_at)
        self._show(room)
        await self._record.retry()

    def _role(self) -> ConsoleRole:
        if self._observing:
            return ConsoleRole.OBSERVER
        return ConsoleRole.CAPTAIN if self._record.state.pen.held_by(self._actor) else ConsoleRole.OPERATOR

    def _left_alone(self) -> None:
        """The journal cannot be asked, or is silent: go on under the lease as long as it lasts, then for oneself."""
        self._known.set()
        if boottime() < self._until or self._record.standalone:
            return
        self._record.standalone = True
        _log.warning("the journal does not say who polls: this console polls for itself")
        self._record.set_local(poller=Poller(here=True, who=self._actor))
        self.on_poller()

    async def _polling(self, lease: Lease, asked_at: float) -> None:
        self._left_s = ROUND_S
        if lease.holder != self.session:
            self._left_s = lease.left_s + OVER_S
            if self._record.fence is not None:
                _log.info("another console polls now", extra={"holder": lease.holder})
            self._record.fence = None
            return
        gained = self._record.fence != lease.fence
        if gained:  # nobody else writes samples from here on: what was written before comes first
            self._record.fence = None
            await self._record.catch_up()
        self._until = asked_at + LEASE_S
        self._record.fence = lease.fence
        if gained:
            _log.info("this console polls now", extra={"fence": lease.fence})
            self.on_poller()

    async def refresh(self) -> None:
        """Look again who is there and what was approved, for something was written; take over from who has left."""
        try:
            room = await self._record.write(partial(_roster, rollout=self._record.state.rollout))
        except JournalUnavailable:  # told by whoever appends or tails
            return
        self._show(room)
        if self._holder is not None and all(presence.session != self._holder for presence in room.present):
            self._holder = None
            await self._round()

    def _show(self, room: _Roster) -> None:
        state = self._record.state
        crew, approvals = _people(room, self._clock.now())
        poller = state.local.poller
        if self._holder is not None:
            who = next((member.who for member in crew if member.session == self._holder), None)
            poller = Poller(here=self._holder == self.session, who=who)
        if (crew, poller, approvals, room.unvouched) != (
            state.local.crew,
            state.local.poller,
            state.local.approvals,
            state.local.unvouched,
        ):
            self._record.set_local(crew=crew, poller=poller, approvals=approvals, unvouched=room.unvouched)

    async def leave(self) -> None:
        """Give the lease back and say that this console is gone; a journal that is broken is not waited for."""
        if self._record.state.local.journal.broken is not None:
            return
        try:
            await self._record.write(partial(_gone, rollout=self._record.state.rollout, session=self.session))
        except JournalUnavailable:  # the others find out by themselves
            return
        finally:
            self._record.fence = None


def roster_fields(journal: Journal, rollout: str, now: datetime) -> dict[str, object]:
    """The fields of `LocalState` that say who is there, who polls and what was approved. Raises JournalUnavailable."""
    room = _roster(journal, rollout=rollout)
    crew, approvals = _people(room, now)
    lease = journal.current_lease(rollout)
    poller = None
    if lease is not None:
        who = next((member.who for member in crew if member.session == lease.holder), None)
        poller = Poller(here=False, who=who)
    return {"crew": crew, "approvals": approvals, "unvouched": room.unvouched, "poller": poller}


def _people(room: _Roster, now: datetime) -> tuple[tuple[Member, ...], tuple[Approval, ...]]:
    crew = tuple(_member(presence, now) for presence in room.present)
    return crew, tuple(_approval(approved) for approved in room.approved)


def _attend(journal: Journal, *, rollout: str, presence: Presence, ttl_s: float) -> tuple[_Roster, Lease]:
    journal.heartbeat(rollout, presence)
    lease, room = journal.lease(rollout, presence.session, ttl_s), _roster(journal, rollout=rollout)
    if any(other.session == lease.holder and died(other.actor) for other in room.present):
        journal.release(rollout, lease.holder)  # whoever starts again after a kill need not wait for its own ghost
        lease = journal.lease(rollout, presence.session, ttl_s)
    return room, lease


def _roster(journal: Journal, *, rollout: str) -> _Roster:
    """Who is there and what was approved. A folder of approvals that is no good ends no console: none counts then."""
    present = journal.present(rollout, REMEMBERED_S)
    try:
        return _Roster(present, journal.approvals(rollout))
    except JournalUnavailable as error:
        return _Roster(present, [], str(error))


def _gone(journal: Journal, *, rollout: str, session: str) -> None:
    journal.release(rollout, session)
    journal.leave(rollout, session)


def _member(presence: Presence, now: datetime) -> Member:
    who = replace(presence.actor, login=presence.login or None)
    seen_at = now - timedelta(seconds=round(presence.ago_s))
    return Member(presence.session, who, presence.role.value, seen_at.replace(microsecond=0))


def _approval(approved: SignedApproval) -> Approval:
    given = approved.approval
    groups = groups_of(approved.user)
    return Approval(approved.identity, approved.user, given.move, given.card, given.at, given.text, groups)
