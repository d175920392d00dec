"""Marks of rollouts at the targets of an embedded world: JSON Lines in a file beside its log."""

from __future__ import annotations

import json
import os
from pathlib import Path

from adapters.embedded.changes import open_log
from adapters.sanitize import one_line

_WIDTH = 160
_MOST = 8


class WorldMarks:
    """The marks of one world, shared by several processes: a line for each that is set or removed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, target: str) -> tuple[str, ...]:
        """List the marks of a target. Raises OSError."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        found: dict[str, None] = {}
        for line in lines:
            match _parse(line):
                case (name, text, True) if name == target:
                    found[text] = None
                case (name, text, False) if name == target:
                    found.pop(text, None)
        return tuple(found)[:_MOST]

    def write(self, target: str, text: str, *, is_set: bool) -> None:
        """Set or remove a mark. Raises OSError."""
        if (text in self.of(target)) == is_set:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open_log(self._path)
        try:
            os.write(file, json.dumps({"target": target, "mark": text, "set": is_set}).encode() + b"\n")
        finally:
            os.close(file)


def _parse(line: bytes) -> tuple[str, str, bool] | None:
    """(target, text, is set) of a line; None where it is none."""
    try:
        fields = json.loads(line)
        return str(fields["target"]), one_line(fields["mark"], _WIDTH), fields["set"] is True
    except (ValueError, KeyError, TypeError):
        return None
