"""Exit codes, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit code of a `warroom` process."""

    OK = 0
    """Done; for a verb: its own request was accepted, or a halt found nothing left to stop."""
    FAULT = 1
    """A fault of warroom itself."""
    USAGE = 2
    """Wrong arguments, a plan with errors, a backend that cannot be configured."""
    REFUSED = 3
    """A gate is closed, or a backend said no."""
    UNKNOWN = 4
    """A call was made and its outcome is unknown: check the backend before the next step."""
    MOVED = 5
    """Another console moved the rollout first."""
    JOURNAL = 6
    """The journal cannot be read or written; the output says what was done all the same."""
    TAMPERED = 7
    """The hash chain is broken, a pinned head is not in it, or the database no longer refuses edits."""
    TIMEOUT = 8
    """The condition of a `wait` did not hold in time."""
    MISSED = 9
    """The condition of a `wait` can no longer hold in this rollout."""
