"""JSON Patch (RFC 6902): changes guarded by tests of the values seen.

The server applies all of it to the newest object inside its own compare-and-swap, so a failed test means that the
object has changed since we saw it, and nothing is changed by us.
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
        """The operation as it is sent."""
        found: dict[str, object] = {"op": self.op, "path": pointer(self.path)}
        return found if self.op == "remove" else {**found, "value": self.value}

    def __str__(self) -> str:
        path = pointer(self.path)
        return f"{self.op} {path}" if self.op == "remove" else f"{self.op} {path} {_value_text(self.value)}"


@dataclass(frozen=True, slots=True)
class Patch:
    """One call that changes an object."""

    operations: tuple[Operation, ...]
    subresource: str | None = None
    """"status" takes the changes of a status, and nothing else."""
    urgent: bool = False
    """True: it does not wait for a quiet moment."""

    def line(self, where: str) -> str:
        """Format the call on one line: "PATCH rollouts/web/status: test ..; remove .."."""
        operations = "; ".join(str(operation) for operation in self.operations)
        return f"PATCH {where}{f'/{self.subresource}' if self.subresource else ''}: {operations}"


def check(*path: Part, value: object) -> Operation:
    """Make a `test`: nothing is changed unless `path` reads `value`. A missing path fails too."""
    return Operation("test", path, value)


def add(*path: Part, value: object) -> Operation:
    """Set `path` to `value`, whether it existed or not. Its parent must exist."""
    return Operation("add", path, value)


def replace(*path: Part, value: object) -> Operation:
    """Set `path`, which must exist, to `value`."""
    return Operation("replace", path, value)


def remove(*path: Part) -> Operation:
    """Remove `path`, which must exist."""
    return Operation("remove", path)


@lru_cache(maxsize=256)
def pointer(path: tuple[Part, ...]) -> str:
    """Format a JSON Pointer (RFC 6901). Within a part "~" is ~0 and "/" is ~1."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _value_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if value is None or isinstance(value, bool | int | float) else ".."
