"""Sanitize stored text on reading: a writer of a shared journal can store anything.

Text that warroom itself records is sanitized before (`adapters.sanitize`), so nearly every body passes unchanged.
"""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST = 4096
"""Maximum characters of a stored text; text that warroom records is shorter, except a plan's text."""

_ACTS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
"""Control characters but tab and line breaks, bidi marks, overrides and isolates, lone surrogates."""
_UNSEEN = (
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001-\U000e007f\ue000-\uf8ff\U000f0000-\U0010ffff"
)
"""Format and private-use characters (Unicode categories Cf and Co): texts that look alike would differ."""
_BREAKS = "\t\n\r\x0b\x0c\x85\u2028\u2029"
"""Characters that begin or overwrite a line: a note could forge lines of other events."""

_IN_A_PLAN = re.compile(f"[{_ACTS}]")
_IN_A_LINE = re.compile(f"[{_ACTS}{_UNSEEN}]")
_BREAK = re.compile(f"[{_BREAKS}]+")
_ESCAPED = re.compile(r"\\[^\"\\/]")
"""A JSON escape that encodes another character."""
_WRONG = re.compile(f"[{_ACTS}{_UNSEEN}{_BREAKS}]")


def sanitize_body(body: str) -> str:
    """Remove control, line-breaking and invisible characters from a JSON body.

    They could act on a terminal, begin a line, or mislead the reader. No text in the result is longer than `LONGEST`. A
    plan's own text keeps its lines and its length, because it is parsed and not shown. A body that is not JSON is
    returned unchanged: decoding it reports the error.
    """
    if _is_harmless(body):
        return body
    try:
        return json.dumps(sanitize_value(json.loads(body)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def _is_harmless(body: str) -> bool:
    """Whether a body needs no change, found without parsing it."""
    long = len(body) > LONGEST
    if "\\" in body and (long or _ESCAPED.search(body) is not None):
        return False
    if long and max(map(len, body.split('"'))) > LONGEST:
        return False
    return (body.isascii() and "\x7f" not in body) or _WRONG.search(body) is None


def sanitize_value(value: Any) -> Any:
    """Sanitize a JSON value or a column's value like `sanitize_body`."""
    if isinstance(value, str):
        return _line(value)
    if isinstance(value, list):
        return [sanitize_value(entry) for entry in value]
    if isinstance(value, dict):
        return {
            _line(name): _IN_A_PLAN.sub("", entry)
            if name == "plan_text" and isinstance(entry, str)
            else sanitize_value(entry)
            for name, entry in value.items()
        }
    return value


def _line(text: str) -> str:
    line = _IN_A_LINE.sub("", _BREAK.sub(" ", text[: LONGEST + 1]))
    return line if len(text) <= LONGEST else f"{line[: LONGEST - 1]}…"
