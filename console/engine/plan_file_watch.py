"""Watch the plan file while a rollout runs.

An edit is shown, and takes effect only when it is accepted.

The file is looked at, read, parsed and compared in a thread of its own: a plan with hundreds of metrics takes seconds.
"""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from console.engine.store import StateStore
from console.engine.workers import DaemonWorker
from console.plan.loader import load
from console.plan.nouns import Plan
from console.plan.problems import PlanError
from console.state.succession import move_lines

CHECK_S = 1.0
"""How often the file is looked at."""
OBSERVER_CHECKS = 5
"""How many times more rarely an observing console looks: it accepts no plan."""


@dataclass(frozen=True, slots=True)
class _FileVersion:
    stamp: tuple[int, int] | None
    """(modification time in ns, size in bytes); None: it could not be looked at."""
    plan: Plan | None
    """None: it has errors."""
    problem: str | None = None


class PlanFileWatch:
    """Compare the file with the plan that the rollout runs.

    Args:
        plan: as it was loaded from the file.
    """

    def __init__(self, store: StateStore, plan: Plan) -> None:
        self._store = store
        self._path = Path(plan.path)
        self._worker = DaemonWorker("plan file")
        self._version = _FileVersion(_stamp(self._path), plan)
        self._compared: tuple[str, str] | None = None
        """Digests of running and edited plan whose difference is shown."""

    @property
    def edited_plan(self) -> Plan | None:
        """The valid plan in the file that differs from the running one, or None."""
        plan = self._version.plan
        return plan if plan is not None and plan.digest != self._store.state.plan.digest else None

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(CHECK_S * (OBSERVER_CHECKS if self._store.state.local.observing else 1))

    async def check(self) -> None:
        """Read the file again if it was touched, and show its difference."""
        self._version = await self._worker.run(partial(_read_again, self._path, self._version))
        if self._version.plan is None:
            self._compared = None
            self._show(self._version.problem)
            return
        running, edited = self._store.state.plan, self.edited_plan
        if edited is None:
            self._compared = None
            self._show(None)
        elif self._compared != (running.digest, edited.digest):
            difference = await self._worker.run(partial(_difference, running, edited))
            self._compared = (running.digest, edited.digest)
            self._show(difference)

    def close(self) -> None:
        """Stop the thread; a read under way is not waited for."""
        self._worker.end()

    def _show(self, difference: str | None) -> None:
        if self._store.state.local.edited == difference:
            return
        if self._version.plan is not None:
            self._store.know_plan(self._version.plan)
        edited = self.edited_plan if difference is not None else None
        moves = move_lines(self._store.state.plan, edited) if edited is not None else ()
        self._store.set_local(edited=difference, moves=moves)


def _read_again(path: Path, known: _FileVersion) -> _FileVersion:
    """Load the file, unless it is untouched or cannot be looked at."""
    stamp = _stamp(path)
    if stamp is None or stamp == known.stamp:
        return known
    try:
        return replace(known, stamp=stamp, plan=load(path), problem=None)
    except PlanError as error:
        return _FileVersion(stamp, None, f"the edited plan has errors: {error.problems[0]}")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _difference(running: Plan, edited: Plan) -> str:
    lines = difflib.unified_diff(
        running.text.splitlines(), edited.text.splitlines(), "running", "edited", lineterm="", n=1
    )
    return "\n".join(lines)
