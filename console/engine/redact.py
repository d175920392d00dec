"""Redact a backend's secrets from the free text of its replies and errors.

A server's refusals are redacted where they enter (`adapters.transport`). Here the text of answers that succeed is: an
echo there would be shown, and recorded for everyone who shares the journal. The guards of a write (versions, revisions)
stay as they are. An adapter with secrets is a RedactingBackend.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from adapters.contract import Backend, BackendError, MetricReply, RedactingBackend, TargetReading


@contextlib.contextmanager
def redacting(backend: Backend) -> Iterator[None]:
    """Redact any BackendError that is raised inside."""
    try:
        yield
    except BackendError as error:
        error.reason = _hide(backend)(error.reason)
        raise


def redact_reading(backend: Backend, reading: TargetReading) -> TargetReading:
    """Redact the free text of a reading."""
    hide, said = _hide(backend), _words(reading)
    hidden = tuple(hide(text) for text in said)
    if hidden == said:  # nearly always: nothing is made anew
        return reading
    detail, problem, changed_by, *rest = hidden
    return replace(
        reading,
        detail=detail,
        problem=None if reading.problem is None else problem,
        changed_by=None if reading.changed_by is None else changed_by,
        notes=tuple(rest[: len(reading.notes)]),
        cannot=dict(zip(reading.cannot, rest[len(reading.notes) :], strict=True)),
    )


def _words(reading: TargetReading) -> tuple[str, ...]:
    first = (reading.detail, reading.problem or "", reading.changed_by or "")
    return (*first, *reading.notes, *reading.cannot.values())


def redact_replies(backend: Backend, replies: tuple[MetricReply, ...]) -> tuple[MetricReply, ...]:
    """Redact the problems that replies name."""
    hide = _hide(backend)
    return tuple(
        replace(reply, partial=reply.partial and hide(reply.partial), problem=reply.problem and hide(reply.problem))
        if reply.partial or reply.problem
        else reply
        for reply in replies
    )


def _hide(backend: Backend) -> Callable[[str], str]:
    return backend.hide if isinstance(backend, RedactingBackend) else _as_it_is


def _as_it_is(text: str) -> str:
    return text
