"""W3C trace context: one trace id per decision, one span id per request.

Source: https://www.w3.org/TR/trace-context/.
"""

from __future__ import annotations

import os
import re
import secrets

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def new_trace() -> str:
    """Make a traceparent for a new decision.

    Continues the trace of the environment's TRACEPARENT where that holds a valid one, so that a pipeline which runs a
    headless verb finds our calls in its own trace.
    """
    trace_id = _trace_id(os.environ.get("TRACEPARENT", "")) or secrets.token_hex(16)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"


def child_span(trace: str) -> str:
    """Make a traceparent of the same trace with a new span id. A new trace where `trace` is not valid."""
    trace_id = _trace_id(trace)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01" if trace_id else new_trace()


def _trace_id(traceparent: str) -> str | None:
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is None or match[1] == "ff" or not int(match[2], 16) or not int(match[3], 16):
        return None
    return match[2]
