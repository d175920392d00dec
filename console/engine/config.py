"""The parts of an engine; the first frame needs their type alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.contract import Clock
    from console.events.evidence import Actor
    from console.journal.contract import Journal
    from console.journal.spool import Spool
    from console.plan.nouns import Plan


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Parts of one engine, prepared in its own thread."""

    plan: Plan
    journal: Journal
    clock: Clock
    state_dir: Path
    """Where adapters keep what they need between processes."""
    version: str
    who: Actor | None = None
    """The operator; None: the user of this process."""
    observing: bool = False
    gate_token: str | None = None
    """The token a backend must send to our gates; None: none is required."""
    spool: Spool | None = None
    """Where events are kept that the journal cannot take; None: in memory alone."""
