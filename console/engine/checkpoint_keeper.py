"""Judge recorded samples in the background, and keep the rollout's checkpoint.

The console that polls does both, in a thread of its own with a connection of its own, a little at a time, and never
while a rollback runs. A console that does not poll takes over what the other one has stored.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from console.engine.replay import NEWEST_SAMPLES, ReplayPoint, RolloutRecord, checkpoint_at, point_after
from console.engine.store import StateStore
from console.engine.workers import DaemonWorker
from console.events.kinds import DecisionTaken, RolloutOpened
from console.journal.contract import Fenced, Journal, JournalEntry, JournalUnavailable, StoredCheckpoint
from console.state.checkpoint import sample_parts, unjudged_samples
from console.state.checkpoint_codec import MOST_BYTES
from console.state.values import Mode

_log = logging.getLogger("warroom.engine.checkpoints")

CHECKPOINT_S = 120.0
"""How often the console that polls stores a checkpoint."""
LOOK_S = 1.0
"""How often it looks whether one is due."""
WAIT_S = 10.0
"""How often a console that does not poll looks whether the one that polls has judged the rest."""
STINT_S = 20.0
"""How long samples are judged before what is judged so far is stored."""
REST = 1.0
"""The pause after each page of samples, in multiples of the time that the page took."""
LEAVING_S = 2.0
"""How long a console that leaves takes for its last checkpoint at most."""
LEAST_SAMPLES = 50
"""New samples that are worth a checkpoint."""
HANDOVERS = 20
"""How often a hand-over is tried: it succeeds between two polls."""


@dataclass(frozen=True, slots=True)
class _Stint:
    """The result of one turn of judging recorded samples."""

    replayed: ReplayPoint
    left: int
    """Samples that are not judged yet."""
    checkpoint: StoredCheckpoint | None


class CheckpointKeeper:
    """Keep the checkpoint of one console's rollout.

    Args:
        judged: what was judged before the console opened, and is in no checkpoint yet.
    """

    def __init__(self, journal: Journal, store: StateStore, judged: ReplayPoint | None = None) -> None:
        self._journal = journal
        self._judged = judged
        self._store = store
        self._worker = DaemonWorker("checkpoints")
        self._stopped = threading.Event()
        self._stored_at = time.monotonic()
        self._stored_sample = store.last_sample
        """The last sample of the checkpoint that was stored, or that this console began with."""
        self._has_stored = False
        self._is_futile = False
        """No checkpoint can be stored or read back: judging everything again for the next one would be in vain."""

    async def run(self) -> None:
        """Judge and store until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
            except JournalUnavailable as error:
                _log.info("no checkpoint: %s", error)
                await asyncio.sleep(WAIT_S)

    async def close(self, *, stays: bool = True) -> None:
        """Store a last checkpoint if there is something new in it, and end the thread. `stays`: this is no command."""
        self._stopped.set()
        is_worth_it = self._judged is not None or (stays and self._new_samples >= LEAST_SAMPLES)
        if is_worth_it and not self._is_futile and self._may_work and self._polls:
            self._stopped = threading.Event()
            try:
                async with asyncio.timeout(LEAVING_S):
                    await self._keep(rest=0.0, start=self._judged)
            except (JournalUnavailable, TimeoutError):
                _log.info("left without a checkpoint")
        self._stopped.set()
        self._worker.end()

    @property
    def _may_work(self) -> bool:
        state = self._store.state
        is_rolling_back = state.local.running or state.mode is Mode.ROLLING_BACK
        return not is_rolling_back and state.local.journal.broken is None

    @property
    def _polls(self) -> bool:
        return self._store.lease.fence is not None and self._store.lease.is_valid

    @property
    def _new_samples(self) -> int:
        return self._store.last_sample - self._stored_sample

    async def _look(self) -> None:
        if not self._may_work:
            return
        unjudged = unjudged_samples(self._store.rollout)
        if not self._polls:
            if unjudged:
                await asyncio.sleep(WAIT_S)
                await self._take_over()
            return
        is_due = time.monotonic() - self._stored_at >= CHECKPOINT_S and self._new_samples >= LEAST_SAMPLES
        if unjudged or (is_due and not self._is_futile):
            await self._keep(REST)

    async def _keep(self, rest: float, start: ReplayPoint | None = None) -> None:
        """Judge what is recorded since the checkpoint, store it, and take it over if this state lacks it.

        `start`: a place that is judged already, in place of the checkpoint.
        """
        while self._may_work and self._polls:
            stint = await self._worker.run(partial(self._judge, start, self._stopped, rest, STINT_S))
            if stint is None or not self._may_work:
                return
            await self._save(stint)
            if not stint.left:
                if unjudged_samples(self._store.rollout):
                    await self._hand_over(stint.replayed)
                return
            start = stint.replayed

    async def _take_over(self) -> None:
        """Take over what the console that polls has judged, if little is left after it."""
        stint = await self._worker.run(partial(self._judge, None, self._stopped, REST, STINT_S, NEWEST_SAMPLES))
        if stint is not None and not stint.left:
            await self._hand_over(stint.replayed)

    def _judge(
        self,
        start: ReplayPoint | None,
        stopped: threading.Event,
        rest: float,
        within_s: float,
        most: int | None = None,
    ) -> _Stint | None:
        """Judge for `within_s`; in the thread. None when stopped, or where more than `most` samples are left."""
        until = time.monotonic() + within_s
        with closing(self._journal.reader()) as reader:
            state = self._store.rollout
            record = RolloutRecord(reader, state.rollout, state.plan.path)
            kept = None if start is not None else record.from_checkpoint()
            if start is None and kept is None and self._has_stored and not unjudged_samples(state):
                self._is_futile = True
                return None
            found = start or kept or record.beginning
            left = record.count_after(found)
            if most is not None and left > most:
                return None
            while samples := record.page(found.sample):
                began = time.monotonic()
                found, left = record.after(found, samples), max(0, left - len(samples))
                if stopped.is_set() or not self._may_work:
                    return None
                if time.monotonic() > until:
                    return self._stint(record, found, max(1, left))
                time.sleep(rest * (time.monotonic() - began))
            return self._stint(record, record.after(found, []), 0)

    def _stint(self, record: RolloutRecord, found: ReplayPoint, left: int) -> _Stint:
        chain = record.chain_at(found.seq)
        made = None if chain is None else checkpoint_at(found, chain)
        if made is None:
            _log.warning("a checkpoint of %s would not give the same state again: none is stored", record.rollout)
        return _Stint(found, left, made)

    async def _save(self, stint: _Stint) -> None:
        made, fence = stint.checkpoint, self._store.lease.fence
        self._stored_at = time.monotonic()
        self._stored_sample = stint.replayed.sample
        if stint.left and unjudged_samples(self._store.rollout):
            self._store.count_unjudged(stint.left)
        self._is_futile = made is None or len(made.body) > MOST_BYTES
        if self._is_futile or made is None or fence is None:
            return
        rollout = stint.replayed.state.rollout
        try:
            await self._store.write(lambda journal: journal.save_checkpoint(rollout, made, fence=fence))
            self._has_stored = True
        except Fenced:
            self._store.lease.lose(fence)

    async def _hand_over(self, judged: ReplayPoint) -> None:
        """Lay what is judged over the state, at a moment at which both are at one place of the record."""
        for _ in range(HANDOVERS):
            await self._store.wait_background()
            await self._store.catch_up()
            events, samples = await self._store.write(_rest_after(judged))
            if any(
                isinstance(entry.event, RolloutOpened | DecisionTaken) and entry.event.plan_text for entry in events
            ):
                return  # a new plan: the next look begins at the checkpoint again
            judged = point_after(judged, events, samples)
            if self._store.lay_over(sample_parts(judged.state), judged.seq, judged.sample):
                _log.info("every recorded sample is judged")
                return
            await asyncio.sleep(LOOK_S / 4)


def _rest_after(judged: ReplayPoint) -> Callable[[Journal], tuple[list[JournalEntry], list[JournalEntry]]]:
    """A reading of the events and samples after a place."""

    def read(journal: Journal) -> tuple[list[JournalEntry], list[JournalEntry]]:
        rollout = judged.state.rollout
        return journal.tail(rollout, judged.seq), journal.tail_samples(rollout, judged.sample)

    return read
