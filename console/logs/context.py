"""The rollout, request and trace that a log record belongs to, and how an internal error enters the log.

Every room that logs imports this, so it imports nothing slow. The file itself is `console.logs.file`.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar

from adapters.sanitize import one_line

_ROLLOUT: ContextVar[str | None] = ContextVar("rollout", default=None)
_REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
_TRACE: ContextVar[str | None] = ContextVar("trace", default=None)

_file: str | None = None
"""The log file of this process; None while none is written."""


def bind_rollout(rollout: str) -> None:
    """Mark the records of this task, and of tasks that it starts, as being about `rollout`."""
    _ROLLOUT.set(rollout)


def bind_request(request: str | None, trace: str | None) -> None:
    """The same for a request and the trace (a W3C traceparent) of its decision; None: about no request."""
    _REQUEST.set(request)
    _TRACE.set(trace_id(trace))


def log_fields() -> dict[str, str]:
    """The rollout, request and trace id of this task, those that are set."""
    found = {"rollout": _ROLLOUT.get(), "request": _REQUEST.get(), "trace": _TRACE.get()}
    return {name: value for name, value in found.items() if value is not None}


def trace_id(traceparent: str | None) -> str | None:
    """The trace id within a W3C traceparent; None where there is none."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None


def set_file(path: str | None) -> None:
    """Remember where tracebacks go, for the lines that say so."""
    global _file
    _file = path


def traceback_hint() -> str:
    """Where the traceback of an internal error is, or how to get one."""
    if _file is None:
        return "run again with --log-file PATH for the traceback"
    return f"traceback in {one_line(_file, 200)}"


def report_internal_error(log: logging.Logger, error: BaseException) -> str:
    """Log an error of our own with its traceback.

    Returns:
        The one line that is shown instead: type, text, and where the traceback is.
    """
    words = f"internal error: {type(error).__name__}: {one_line(error)}"
    log.error("%s", words, exc_info=error)
    return f"{words}; {traceback_hint()}"
