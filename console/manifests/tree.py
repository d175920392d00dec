"""A manifest as a tree of text. Every value knows its line, and becomes a number or boolean only where it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,2})?")
_TRUE = frozenset({"true", "yes", "on", "y"})
_FALSE = frozenset({"false", "no", "off", "n"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})

Key = str | int


@dataclass(frozen=True, slots=True)
class Tree:
    """One value of a manifest."""

    line: int
    """1-based."""
    value: str | Mapping[str, Tree] | Sequence[Tree]
    quoted: bool = False
    """Text in quotes or in a block: `"null"` is text, `null` is absent."""

    @property
    def entries(self) -> Mapping[str, Tree]:
        """A mapping's entries in file order; empty for any other value."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> Sequence[Tree]:
        """A list's items; empty for any other value."""
        return self.value if isinstance(self.value, Sequence) and not isinstance(self.value, str) else ()

    @property
    def is_absent(self) -> bool:
        """True for a missing value or an explicit null: Kubernetes treats them alike."""
        return isinstance(self.value, str) and not self.quoted and self.value in _NULL

    @property
    def text(self) -> str | None:
        """The text of a scalar, a number as it was typed; None for a null, a mapping, a list."""
        return self.value if isinstance(self.value, str) and not self.is_absent else None

    @property
    def number(self) -> float | None:
        """The number of a scalar, quoted or not; None for anything else."""
        return number(self.text or "")

    @property
    def truth(self) -> bool | None:
        """A boolean in any spelling that Kubernetes' own parser takes; None for anything else."""
        word = "" if self.quoted else (self.text or "").lower()
        return True if word in _TRUE else False if word in _FALSE else None

    def at(self, *path: Key) -> Tree:
        """The value at `path` below this one; NOTHING where there is none."""
        found = self
        for part in path:
            if isinstance(part, int):
                items = found.items
                found = items[part] if 0 <= part < len(items) else NOTHING
            else:
                found = found.entries.get(part, NOTHING)
        return found

    def text_at(self, *path: Key) -> str:
        """The text at `path`, "" where there is none."""
        return self.at(*path).text or ""


NOTHING = Tree(0, "")
"""The value of a path that does not exist."""


def number(text: str) -> float | None:
    """A plain decimal number, or None."""
    return float(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else None
