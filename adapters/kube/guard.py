"""Guard tokens of Kubernetes objects: their shared error. Each adapter has a `GuardToken` of its own kind of object."""

from __future__ import annotations


class BadGuardToken(ValueError):
    """A text that is not what `str()` of a guard token gives. One plain line."""

    def __init__(self) -> None:
        super().__init__("the revision of the reading cannot be parsed")
