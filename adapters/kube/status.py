"""Refusals of a cluster: the Status object, reduced to one plain line.

Source: Kubernetes API conventions, "Response Status Kind". For a failed guard the server sends a generic error, the
same for every resource, without details; that alone distinguishes it from an invalid object.
"""

from __future__ import annotations

import json

from pydantic import ValidationError

from adapters.contract import BackendError
from adapters.kube.wire import Wire

GENERIC = "the server rejected our request due to an error in our request"
"""The server's message for a failed test of a JSON Patch."""


class _Cause(Wire):
    message: str = ""


class _Details(Wire):
    causes: list[_Cause] | None = None


class _Status(Wire):
    kind: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


def explain(body: bytes) -> str | None:
    """Find the server's message in a Status: an admission refusal verbatim. None without one.

    Raises:
        ValueError: it is not JSON of that shape.
    """
    value = json.loads(body)
    try:
        status = _Status.model_validate(value)
    except ValidationError:
        return None
    if status.kind != "Status":
        return None
    causes = [cause.message for cause in (status.details.causes if status.details else None) or () if cause.message]
    return status.message or "; ".join(causes) or status.reason or None


def guard_failed(error: BackendError) -> bool:
    """Whether a test of a JSON Patch failed. Code 422 and the generic message, nothing else."""
    return error.status == 422 and GENERIC in error.reason


def code_of(event: object) -> tuple[int, str]:
    """Read (code, message) from the Status in a watch's ERROR event. (0, "") if it is something else."""
    try:
        status = _Status.model_validate(event)
    except ValidationError:
        return 0, ""
    return status.code, status.message or status.reason
