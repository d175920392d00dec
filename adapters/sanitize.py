"""Foreign text made fit to be seen: no control characters, no bidi overrides, one line, of bounded length.

Everything a backend, a file or another program says passes through here once, where it enters.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_LINE_BREAKS = frozenset("\n\r\t\v\f\x85\u2028\u2029")
_INVISIBLE = frozenset("\u200b\u2060\ufeff")


def one_line(text: object, limit: int = 300) -> str:
    """`text` on one line, at most `limit` characters, with what could act on a terminal or mislead an eye removed.

    Control characters (C0, C1, DEL), format characters (bidi overrides and isolates, zero-width), lone surrogates and
    private-use characters are dropped; line breaks and tabs become spaces.
    """
    said = str(text)[: limit * 8]
    if said.isascii() and said.isprintable():  # nothing of that is in it, and most texts are like that
        return _shorten(" ".join(said.split()), limit)
    kept: list[str] = []
    for char in said:
        if char in _LINE_BREAKS:
            kept.append(" ")
        elif char not in _INVISIBLE and unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co"):
            kept.append(char)
    return _shorten(" ".join("".join(kept).split()), limit)


def first_flaw(error: ValidationError, limit: int = 80) -> str:
    """The first thing that a model did not take, each half `one_line`ed: "spec.replicas: Field required"."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{one_line(where, limit)}: {one_line(first['msg'], limit)}"


def _shorten(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"
