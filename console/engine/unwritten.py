"""Events that are folded and not in the journal yet: held after a refusal, or overdue in a slow append."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from console.engine.spooler import SpoolWriter
from console.events.kinds import Event


@dataclass(frozen=True, slots=True)
class UnwrittenEvent:
    """One event that the journal could not take yet."""

    event: Event
    is_observation: bool = False
    """By polling: not worth writing once another console polls, and never spooled."""


class UnwrittenEvents:
    """The unwritten events of one console.

    Args:
        spooler: keeps all but the observations in a file.
        held: events that could not be written before.
    """

    def __init__(self, spooler: SpoolWriter, held: Sequence[Event]) -> None:
        self._spooler = spooler
        self.held: list[UnwrittenEvent] = [UnwrittenEvent(event) for event in held]
        """Events that the journal refused, to be retried in order."""
        self.overdue: dict[asyncio.Task[None], UnwrittenEvent] = {}
        """Appends that take longer than they are waited for, and are still under way."""

    @property
    def count(self) -> int:
        """Number of events that are in memory alone now."""
        return len(self.held) + len(self.overdue)

    @property
    def is_spooled(self) -> bool:
        """Whether events wait for the journal, all decisions and calls in the spool."""
        waiting = [each.event for each in (*self.held, *self.overdue.values()) if not each.is_observation]
        return bool(waiting) and self._spooler.holds(waiting)

    async def spool(self, rollout: str, entry: UnwrittenEvent) -> None:
        """Put an event into the spool file, before anything is done on the strength of it."""
        if not entry.is_observation:
            await self._spooler.keep(rollout, entry.event)

    async def spool_held(self, rollout: str) -> None:
        """Spool the events that were held from the beginning."""
        for entry in self.held:
            await self.spool(rollout, entry)

    def mark_written(self, event: Event) -> None:
        """Note that the journal has an event: it need not stay in the spool."""
        self._spooler.mark_written(event.id)
