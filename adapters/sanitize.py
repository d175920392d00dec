"""Sanitize foreign text: one bounded line, no control characters, no bidi overrides.

All text of a backend, a file or another program passes through here once, where it enters.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_LINE_BREAKS = frozenset("\n\r\t\v\f\x85\u2028\u2029")
_INVISIBLE = frozenset("\u200b\u2060\ufeff")


def one_line(text: object, limit: int = 300) -> str:
    """Put `text` on one line of at most `limit` characters, without characters that act on a terminal or hide.

    Control characters (C0, C1, DEL), format characters (bidi overrides and isolates, zero-width), lone surrogates and
    private-use characters are dropped; line breaks and tabs become spaces.
    """
    raw = str(text)[: limit * 8]
    if raw.isascii() and raw.isprintable():  # the usual case: there is nothing to remove
        return _shorten(" ".join(raw.split()), limit)
    kept: list[str] = []
    for char in raw:
        if char in _LINE_BREAKS:
            kept.append(" ")
        elif char not in _INVISIBLE and unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co"):
            kept.append(char)
    return _shorten(" ".join("".join(kept).split()), limit)


def first_flaw(error: ValidationError, limit: int = 80) -> str:
    """Describe the first error of a validation on one line: "spec.replicas: Field required"."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{one_line(where, limit)}: {one_line(first['msg'], limit)}"


def _shorten(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"
