"""The background tasks of an engine, started again when they die."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from console.logs.context import report_internal_error

_log = logging.getLogger("warroom.engine")

RESTART_S = 1.0
"""How long a task that died is left alone before it is started again."""


async def cancel_and_wait(tasks: Collection[asyncio.Task[Any]], within_s: float | None = None) -> None:
    """Cancel tasks and wait for their end, for at most `within_s`."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=within_s)


class Supervisor:
    """Keep tasks running under their names.

    Args:
        on_fault: called with one line when a task died, before it is started again.
    """

    def __init__(self, on_fault: Callable[[str], None]) -> None:
        self._on_fault = on_fault
        self.tasks: set[asyncio.Task[None]] = set()

    def keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` until stopped, started again each time it dies."""
        self.run(name, self._supervise(name, work))

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` once, beside everything else."""
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def stop(self, name: str) -> bool:
        """Stop the tasks named `name`; whether there were any."""
        tasks = {task for task in self.tasks if task.get_name() == name}
        await cancel_and_wait(tasks)
        return bool(tasks)

    async def _supervise(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # the last net: a task that dies silently would leave a calm, dead screen
                causes = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
                self._on_fault(f"{name}: {report_internal_error(_log, causes[0])}; restarted")
                await asyncio.sleep(RESTART_S)
