"""JSON Patch (RFC 6902) as Kubernetes takes it: operations that change something, behind tests of what was seen.

The server applies all of it to the newest object inside its own compare-and-swap, so a test that fails means that
somebody moved what we saw, and nothing is changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

CONTENT_TYPE = "application/json-patch+json"

Part = str | int


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `value` is not used by `remove`."""

    op: str
    path: tuple[Part, ...]
    value: object = None

    def wire(self) -> dict[str, object]:
        found: dict[str, object] = {"op": self.op, "path": pointer(self.path)}
        return found if self.op == "remove" else {**found, "value": self.value}

    def __str__(self) -> str:
        path = pointer(self.path)
        return f"{self.op} {path}" if self.op == "remove" else f"{self.op} {path} {_value_text(self.value)}"


def check(*path: Part, value: object) -> Operation:
    """A `test`: nothing is changed unless `path` reads `value`; a path that is not there fails too."""
    return Operation("test", path, value)


def add(*path: Part, value: object) -> Operation:
    """Make `path` read `value`, whether it was there or not; the object that holds it must be there."""
    return Operation("add", path, value)


def replace(*path: Part, value: object) -> Operation:
    """Make `path`, which must be there, read `value`."""
    return Operation("replace", path, value)


def remove(*path: Part) -> Operation:
    """Take `path` away, which must be there."""
    return Operation("remove", path)


@lru_cache(maxsize=256)
def pointer(path: tuple[Part, ...]) -> str:
    """A JSON Pointer (RFC 6901): "~" is ~0 and "/" is ~1 within a part."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _value_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if value is None or isinstance(value, bool | int | float) else ".."
