"""The plan file while a rollout runs: an edit is noticed and shown; it takes effect only when accepted."""

from __future__ import annotations

import difflib
from pathlib import Path

from console.engine.store import StateStore
from console.plan.loader import load
from console.plan.nouns import Plan
from console.plan.problems import PlanError


class PlanFile:
    """Compares the file with the plan that the rollout runs."""

    def __init__(self, record: StateStore, plan: Plan) -> None:
        self._record = record
        self._path = Path(plan.path)
        self._stamp = self._stamped()
        self._latest: Plan | None = plan
        self.compare()

    @property
    def edited(self) -> Plan | None:
        """The plan in the file, if it differs from the running one and is valid."""
        differs = self._latest is not None and self._latest.digest != self._record.state.plan.digest
        return self._latest if differs else None

    def look(self) -> None:
        """Read the file again if it was touched."""
        stamp = self._stamped()
        if stamp == self._stamp or stamp is None:
            self.compare()
            return
        self._stamp = stamp
        try:
            self._latest = load(self._path)
        except PlanError as error:
            self._latest = None
            self._show(f"the edited plan has errors: {error.problems[0]}")
            return
        self.compare()

    def compare(self) -> None:
        """Show the difference between file and running plan, if there is one."""
        if self._latest is None:
            return
        edited = self.edited
        if edited is None:
            self._show(None)
            return
        running = self._record.state.plan
        lines = difflib.unified_diff(
            running.text.splitlines(), edited.text.splitlines(), "running", "edited", lineterm="", n=1
        )
        self._show("\n".join(lines))

    def _show(self, difference: str | None) -> None:
        state = self._record.state
        if state.local.edited == difference:
            return
        if self._latest is not None:
            self._record.know_plan(self._latest)
        self._record.set_local(edited=difference)

    def _stamped(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
