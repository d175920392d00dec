"""Exit codes, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a process of ours says when it ends."""

    OK = 0
    """Done; for a verb: this process's own request was accepted, or a halt found nothing left to stop."""
    FAULT = 1
    """A fault of warroom itself."""
    USAGE = 2
    """Wrong arguments, a plan with errors, a backend that cannot be configured."""
    REFUSED = 3
    """A gate is closed, or a backend said no."""
    UNKNOWN = 4
    """A call was made and its outcome is unknown: look before doing anything."""
    MOVED = 5
    """Somebody else moved the rollout first."""
    JOURNAL = 6
    """The journal cannot be read or written; what was done all the same is said."""
    TAMPERED = 7
    """The hash chain is broken, a pinned head is not in it, or the database does not refuse edits any more."""
    TIMEOUT = 8
    """What was waited for was not so in time."""
    MISSED = 9
    """What was waited for cannot come any more in this rollout."""
