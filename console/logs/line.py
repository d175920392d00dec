"""A log record as one line of JSON, without control characters and without known secrets.

Run in the log's own thread: formatting a traceback reads source files.
"""

from __future__ import annotations

import json
import logging
import math
import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from adapters import known_secrets
from adapters.sanitize import one_line

if TYPE_CHECKING:
    from adapters.transport.redaction import Redactor

MESSAGE_LIMIT = 2000
"""Characters of a message or another field."""
TRACEBACK_LINE_LIMIT = 500
TRACEBACK_HEAD, TRACEBACK_TAIL = 100, 200
"""Lines of a traceback that are kept: where it began, and where it ended."""

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""Attributes of every record; another one was given by who logged it."""
_KEY = (
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|client[_-]?secret|private[_-]?key|cookie)"
)
_PATTERNS = (
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/@:]*:)\S*@"), r"\1***@"),
    (
        re.compile(
            r"(?i)(authorization[\"']?\s*[:=]\s*(?:b(?=[\"']))?[\"']?(?:(?:bearer|basic|digest|token)\s+)?)[^\s\"',;]+"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{6,}"), r"\1***"),
    (re.compile(r"(?i)\b(basic\s+)(?=\S*[\d=+/])[\w.~+/=-]{6,}"), r"\1***"),
    (re.compile(rf"(?i)({_KEY}[\"']?\s*[:=]\s*b?)(?P<quote>[\"'])(?:(?!(?P=quote)).)+"), r"\1\g<quote>***"),
    (re.compile(rf"(?i)({_KEY}=)[^\s\"'&,;)}}]+"), r"\1***"),
)
"""Credentials by their looks, where nothing knows their value: (pattern, what it becomes)."""


def line_of(record: logging.LogRecord, bound: Mapping[str, str]) -> str:
    """One line of JSON without its line break; `bound`: the record's rollout, request and trace."""
    fields: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
    }
    try:
        fields |= _foreign(record, bound)
    except Exception as error:  # a text or a backend's `hide` that fails: what cannot be searched is not written
        fields["message"] = f"a record that cannot be shown: {type(error).__name__}"
    return json.dumps(fields, ensure_ascii=False)


def _foreign(record: logging.LogRecord, bound: Mapping[str, str]) -> dict[str, object]:
    """The fields whose text may come from anywhere."""
    more = {name: value for name, value in record.__dict__.items() if name not in _STANDARD and value is not None}
    fields = {"message": redacted_line(record.getMessage()), **bound}
    found = {**fields, **{one_line(name, 40): _value(value) for name, value in more.items()}}
    if record.exc_info and record.exc_info[1] is not None:
        found["traceback"] = clean_traceback("".join(traceback.format_exception(record.exc_info[1])))
    return found


def _value(value: object) -> object:
    """A field as JSON has it."""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, tuple | list):
        return [_value(each) for each in value]
    return redacted_line(str(value))


def redacted_line(text: str) -> str:
    """`text` on one line without secrets: searched before it is cut, and again once nothing is hidden in it."""
    return redact(one_line(redact(text), MESSAGE_LIMIT))


def clean_traceback(text: str) -> str:
    """A traceback, line by line as `redacted_line`, its middle left out where it is very long."""
    lines = redact(text).splitlines()
    if len(lines) > TRACEBACK_HEAD + TRACEBACK_TAIL:
        left = len(lines) - TRACEBACK_HEAD - TRACEBACK_TAIL
        lines = [*lines[:TRACEBACK_HEAD], f"... {left} lines left out", *lines[-TRACEBACK_TAIL:]]
    kept = []
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        kept.append(" " * min(indent, 20) + one_line(line, TRACEBACK_LINE_LIMIT))
    return redact("\n".join(kept))


@lru_cache(maxsize=1)
def _redactor(values: frozenset[str]) -> Redactor:
    """A redactor of every secret that was revealed until now."""
    from adapters.transport.redaction import Redactor

    return Redactor(None, values)


def redact(text: str) -> str:
    """`text` with every known secret, and what looks like credentials, replaced by `***`."""
    for hide in known_secrets.redactors():
        text = hide(text)
    if values := known_secrets.values():
        text = _redactor(values).redact(text)
    for pattern, becomes in _PATTERNS:
        text = pattern.sub(becomes, text)
    return text
