"""Ids of forged events, the same in every run."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def id_of(name: str) -> str:
    """An event's id that follows from a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def renamed(body: dict[str, Any], name: str) -> dict[str, Any]:
    """A copy of a body with an id that follows from `name`."""
    copy: dict[str, Any] = json.loads(json.dumps(body))
    return copy | {"id": id_of(name)}
