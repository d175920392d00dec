"""Redact a backend's secrets from its replies and errors.

A server's refusals are searched for secrets where they enter (`adapters.transport`). Here the text of answers that
succeed is: an echo there would be shown, and recorded for all who share the journal. Guards of a write (versions,
revisions) are left as they are. An adapter with secrets hides them by its method `hide`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from adapters.contract import Backend, BackendError, MetricReply, RedactingBackend, TargetReading


@contextlib.contextmanager
def redacting(backend: Backend) -> Iterator[None]:
    """Redact the reason of a BackendError raised inside."""
    try:
        yield
    except BackendError as error:
        error.reason = _hide(backend)(error.reason)
        raise


def redact_reading(backend: Backend, reading: TargetReading) -> TargetReading:
    """Return `reading` without secrets in its free text."""
    first = (reading.detail, reading.problem or "", reading.changed_by or "")
    texts = (*first, *reading.notes, *reading.cannot.values(), *reading.marks)
    hidden = tuple(map(_hide(backend), texts))
    if hidden == texts:  # nearly always: no copy
        return reading
    detail, problem, changed_by, *rest = hidden
    after_notes, after_cannot = len(reading.notes), len(reading.notes) + len(reading.cannot)
    return replace(
        reading,
        detail=detail,
        problem=None if reading.problem is None else problem,
        changed_by=None if reading.changed_by is None else changed_by,
        notes=tuple(rest[:after_notes]),
        cannot=dict(zip(reading.cannot, rest[after_notes:after_cannot], strict=True)),
        marks=tuple(rest[after_cannot:]),
    )


def redact_replies(backend: Backend, replies: tuple[MetricReply, ...]) -> tuple[MetricReply, ...]:
    """Return `replies` without secrets in their problems."""
    hide = _hide(backend)
    return tuple(
        replace(reply, partial=reply.partial and hide(reply.partial), problem=reply.problem and hide(reply.problem))
        if reply.partial or reply.problem
        else reply
        for reply in replies
    )


def _hide(backend: Backend) -> Callable[[str], str]:
    return backend.hide if isinstance(backend, RedactingBackend) else str
