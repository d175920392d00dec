"""Stored text made harmless where it is read back: whoever may write a shared journal may write anything into it.

What warroom itself records was cleaned before (`adapters.foreign`), so nearly every body passes untouched.
"""

from __future__ import annotations

import json
import re
from typing import Any

_ACTS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line breaks, bidi marks, overrides and isolates, lone surrogates."""


def defused(body: str) -> str:
    """A JSON body without characters that could act on a terminal or turn the order of what is read.

    A body that is no JSON is returned as it is: whoever decodes it says so.
    """
    if "\\u" not in body and (body.isascii() or _ACTS.search(body) is None) and "\x7f" not in body:
        return body
    try:
        return json.dumps(harmless(json.loads(body)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def harmless(value: Any) -> Any:
    """A JSON value, or a column's, as `defused` leaves it."""
    if isinstance(value, str):
        return _ACTS.sub("", value)
    if isinstance(value, list):
        return [harmless(entry) for entry in value]
    if isinstance(value, dict):
        return {_ACTS.sub("", name): harmless(entry) for name, entry in value.items()}
    return value
