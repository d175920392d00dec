"""This console among the others of its rollout.

Presence, the polling lease, and the approvals.

The journal keeps all of that beside its events. One console holds the lease and polls; it renews it in time, and stops
by its own clock when it could not. A console whose journal cannot be asked polls for itself.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from adapters.contract import Clock
from console.engine.clock import boottime
from console.engine.corrected_clock import clock_error_s
from console.engine.identity import groups_of, is_dead
from console.engine.journal_time import JournalTime, learn_journal_time, read_journal_time
from console.engine.store import StateStore
from console.events.evidence import Actor
from console.journal.contract import (
    MAX_PRESENT,
    ConsoleRole,
    Journal,
    JournalUnavailable,
    Lease,
    Presence,
    SignedApproval,
)
from console.state.participants import Approval, Member, Poller

_log = logging.getLogger("warroom.engine.lease")

LEASE_S = 10.0
"""How long a console that polls may be silent before another takes over."""
STANDALONE_RETRY_S = 0.5
"""How often the journal is asked again while it cannot be asked."""
SILENT_S = 3.0
"""How long the journal may take to say who polls before this console acts as if it could not be asked."""
SPREAD_S = 0.5
"""Consoles that only observe wait up to so much longer, at random: many of them must not ask at one moment."""
ABSENT_S = 3 * LEASE_S
"""A holder of the lease without a heartbeat for so long is no console: another one may take the lease."""
REMEMBERED_S = 3600.0
"""How long a console that has left is still shown, with when it was last seen."""


@dataclass(frozen=True, slots=True)
class _Roster:
    """Presence and approvals of a rollout, as the journal has them."""

    present: list[Presence]
    approved: list[SignedApproval]
    unvouched: str | None = None
    """Why the approvals cannot be read; None: they can."""
    unlisted: int = 0
    """Present consoles that are not in `present`."""


class Membership:
    """Keep `State.crew`, `State.poller` and `State.approvals`, and this console's place in them.

    Args:
        on_poller: called when it has become this console's turn to poll.
    """

    def __init__(
        self, store: StateStore, clock: Clock, actor: Actor, *, observing: bool, on_poller: Callable[[], None]
    ) -> None:
        self._store = store
        self._lease = store.lease
        self._clock = clock
        self._actor = actor
        self._observing = observing
        self._on_poller = on_poller
        self._since = clock.now()
        self._recorded_at = -math.inf
        """When this console's presence was recorded last, in seconds on the clock that counts suspend."""
        self._shown_at = -math.inf
        """When the roster was read last, on the same clock."""
        self._known = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    async def wait_known(self) -> None:
        """Return once the roster and the poller are known, or cannot be."""
        await self._known.wait()

    async def run(self) -> None:
        """Record presence, and hold or ask for the lease, until cancelled."""
        while True:
            await self._attend()
            self._known.set()
            spread_s = random.uniform(0.0, SPREAD_S) if self._observing else 0.0  # noqa: S311 - jitter, not a secret
            await asyncio.sleep(self._lease.ask_again_s(STANDALONE_RETRY_S) + spread_s)

    async def _attend(self) -> None:
        async with self._one_at_a_time:
            await self._renew()

    async def _renew(self) -> None:
        asked_at = boottime()
        presence = Presence(
            self._lease.session, self._actor, self._role(), self._since, clock_s=clock_error_s(self._clock)
        )
        is_due = asked_at - self._recorded_at >= self._lease.presence_s(observing=self._observing)
        work = partial(
            _attend, rollout=self._store.state.rollout, presence=presence, ttl_s=LEASE_S, with_heartbeat=is_due
        )
        call = asyncio.ensure_future(self._store.write(work))
        try:
            await asyncio.wait({call}, timeout=SILENT_S)
            if not call.done():
                self._go_standalone()
            roster, lease, time = await call
        except JournalUnavailable as error:
            self._store.report_journal(str(error))
            self._go_standalone()
            return
        finally:
            call.cancel()
        learn_journal_time(self._clock, time)
        if is_due:
            self._recorded_at = asked_at
        self._store.report_journal(None)
        self._lease.rejoin()
        await self._take_up(lease, asked_at)
        self._show(roster)
        await self._store.retry()

    def _role(self) -> ConsoleRole:
        if self._observing:
            return ConsoleRole.OBSERVER
        return ConsoleRole.CAPTAIN if self._store.state.pen.held_by(self._actor) else ConsoleRole.OPERATOR

    def _go_standalone(self) -> None:
        """The journal cannot be asked, or is silent: poll under the lease as long as it lasts, then without."""
        self._known.set()
        if self._lease.go_standalone():
            _log.warning("the journal does not say who polls: this console polls for itself")
            self._store.set_local(poller=Poller(here=True, who=self._actor))
            self._on_poller()

    async def _take_up(self, lease: Lease, asked_at: float) -> None:
        is_new = self._lease.is_new(lease)
        if lease.holder != self._lease.session and self._lease.fence is not None:
            _log.info("another console polls now", extra={"holder": lease.holder})
        if is_new:  # no other console writes samples from here on: those written before come first
            self._lease.release()
            await self._store.catch_up()
        self._lease.grant(lease, asked_at + LEASE_S)
        if is_new:
            _log.info("this console polls now", extra={"fence": lease.fence})
            self._on_poller()

    async def refresh(self) -> None:
        """Read the roster again; take over from a poller that has left.

        A console that only observes and read it a moment ago leaves it at that.
        """
        if boottime() - self._shown_at < self._lease.presence_s(observing=self._observing):
            return
        try:
            roster = await self._store.write(partial(_roster, rollout=self._store.state.rollout))
        except JournalUnavailable:  # shown by the next append or read of the tail
            return
        self._show(roster)
        holder = self._lease.holder
        if holder is not None and all(presence.session != holder for presence in roster.present):
            self._lease.forget_holder()
            await self._attend()

    def _show(self, roster: _Roster) -> None:
        self._shown_at = boottime()
        state, holder = self._store.state, self._lease.holder
        crew, approvals = _people(roster, self._clock.now())
        poller = state.local.poller
        if holder is not None:
            who = next((member.who for member in crew if member.session == holder), None)
            poller = Poller(here=holder == self._lease.session, who=who)
        self._store.set_local(
            crew=crew, unlisted=roster.unlisted, poller=poller, approvals=approvals, unvouched=roster.unvouched
        )

    async def leave(self) -> None:
        """Give the lease back and leave, without waiting for a broken journal."""
        if self._store.state.local.journal.broken is not None:
            return
        try:
            await self._store.write(partial(_leave, rollout=self._store.state.rollout, session=self._lease.session))
        except JournalUnavailable:  # the others find out once the lease ends
            return
        finally:
            self._lease.release()


def roster_fields(journal: Journal, rollout: str, now: datetime) -> dict[str, object]:
    """The fields of `LocalState` for presence, poller and approvals. Raises JournalUnavailable."""
    roster = _roster(journal, rollout=rollout)
    crew, approvals = _people(roster, now)
    lease = journal.current_lease(rollout)
    poller = None
    if lease is not None:
        who = next((member.who for member in crew if member.session == lease.holder), None)
        poller = Poller(here=False, who=who)
    return {
        "crew": crew,
        "unlisted": roster.unlisted,
        "approvals": approvals,
        "unvouched": roster.unvouched,
        "poller": poller,
    }


def _people(roster: _Roster, now: datetime) -> tuple[tuple[Member, ...], tuple[Approval, ...]]:
    crew = tuple(_member(presence, now) for presence in roster.present)
    return crew, tuple(_approval(approved) for approved in roster.approved)


def _attend(
    journal: Journal, *, rollout: str, presence: Presence, ttl_s: float, with_heartbeat: bool
) -> tuple[_Roster, Lease, JournalTime | None]:
    """The roster, the lease and the journal's time.

    Nothing is written where another console's lease lasts and no heartbeat is due.
    """
    if with_heartbeat:
        journal.heartbeat(rollout, presence)
    lease = journal.current_lease(rollout)
    if lease is None or lease.holder == presence.session:
        lease = journal.lease(rollout, presence.session, ttl_s)
    roster = _roster(journal, rollout=rollout)
    if lease.holder != presence.session and not _is_held(lease, roster):
        journal.release(rollout, lease.holder)  # a console started again after a kill need not wait for its own lease
        lease = journal.lease(rollout, presence.session, ttl_s)
    return roster, lease, read_journal_time(journal)


def _is_held(lease: Lease, roster: _Roster) -> bool:
    """Whether the holder of a lease is a console that runs, as far as can be seen from here."""
    holder = next((other for other in roster.present if other.session == lease.holder), None)
    return holder is not None and holder.ago_s <= ABSENT_S and not is_dead(holder.actor)


def _roster(journal: Journal, *, rollout: str) -> _Roster:
    """Presence and approvals. An unusable folder of approvals ends no console: then no approval counts."""
    present, unlisted = journal.present(rollout, REMEMBERED_S), 0
    if len(present) >= MAX_PRESENT:
        unlisted = max(0, journal.present_count(rollout, REMEMBERED_S) - len(present))
    try:
        return _Roster(present, journal.approvals(rollout), unlisted=unlisted)
    except JournalUnavailable as error:
        return _Roster(present, [], str(error), unlisted)


def _leave(journal: Journal, *, rollout: str, session: str) -> None:
    journal.release(rollout, session)
    journal.leave(rollout, session)


def _member(presence: Presence, now: datetime) -> Member:
    who = replace(presence.actor, login=presence.login or None)
    seen_at = now - timedelta(seconds=round(presence.ago_s))
    return Member(presence.session, who, presence.role.value, seen_at.replace(microsecond=0), presence.clock_s)


def _approval(approved: SignedApproval) -> Approval:
    given = approved.approval
    groups = groups_of(approved.user)
    return Approval(approved.identity, approved.user, given.move, given.card, given.at, given.text, groups)
