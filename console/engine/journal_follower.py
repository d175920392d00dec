"""Follow the journal.

Fold the events of other consoles, write held ones, adopt spools of consoles that are gone.
"""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

from adapters.contract import Clock
from console.engine.membership import Membership
from console.engine.spooler import SpoolWriter
from console.engine.store import StateStore
from console.events.evidence import Actor
from console.events.kinds import Noted
from console.journal.contract import Journal

TAIL_S = 2.0
"""How long a change of the journal is waited for before it is read in any case."""
OBSERVED_S = 0.5
"""Within which time an observing console notices a change; others do at once."""
OBSERVER_TAIL_S = 5.0
"""As `TAIL_S`, for an observing console: fifty of them share a journal."""
BROKEN_RETRY_S = 0.25
"""The same while the journal cannot be used."""


class JournalFollower:
    """Follow in a task of its own; a locked journal stops nothing else."""

    def __init__(
        self,
        journal: Journal,
        store: StateStore,
        spooler: SpoolWriter,
        membership: Membership,
        clock: Clock,
        actor: Actor,
    ) -> None:
        self._journal = journal
        self._store = store
        self._spooler = spooler
        self._membership = membership
        self._clock = clock
        self._actor = actor

    async def run(self) -> None:
        """Follow until cancelled."""
        observing = self._store.state.local.observing
        tail_s = OBSERVER_TAIL_S if observing else TAIL_S
        watch = self._journal.watch(OBSERVED_S) if observing else self._journal.watch()
        watcher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="watch")

        async def wait(seconds: float) -> bool:
            return await asyncio.get_running_loop().run_in_executor(watcher, watch.wait, seconds)

        try:
            while True:
                await self._store.catch_up()
                await self._store.retry()
                if self._spooler.is_available and self._store.state.local.journal.broken is None:
                    await self._store.write(
                        lambda journal: self._spooler.adopt(journal, self._clock.now(), self._actor)
                    )
                    await self.record_notices()
                await self._membership.refresh()
                has_changed = await wait(
                    BROKEN_RETRY_S if self._store.state.local.journal.broken is not None else tail_s
                )
                if has_changed and observing:  # a server announces an event to all of them at one moment
                    await asyncio.sleep(random.uniform(0.0, OBSERVED_S))  # noqa: S311 - jitter, not a secret
        finally:
            watch.close()
            await asyncio.shield(asyncio.ensure_future(wait(0.0)))
            watcher.shutdown(wait=False)

    async def record_notices(self) -> None:
        """Note events found in spools that belong to no rollout here."""
        for text in self._spooler.pending_notices():
            await self._store.append_soon(Noted(at=self._clock.now(), who=self._actor, text=text))
