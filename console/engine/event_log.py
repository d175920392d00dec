"""Log records of the engine: each recorded event, and each call of a backend with its duration and outcome."""

from __future__ import annotations

import logging
import time

from adapters.contract import BackendError, Outcome
from console.events.kinds import (
    DecisionTaken,
    Escalated,
    Event,
    RequestMade,
    RequestSettled,
    SourceFailed,
    SourceRead,
    TargetObserved,
)
from console.logs.context import trace_id

_log = logging.getLogger("warroom.engine.events")
_calls = logging.getLogger("warroom.engine.calls")

_LONG = {"card", "plan_text", "readings", "replies", "reading", "calls", "body"}
"""Fields of events that are too long for a record."""
_ELSEWHERE = {"id", "v", "at", "kind", "trace", "send_by"}
"""Fields of events that stand elsewhere in the record."""
_SUBJECT_FIELDS = ("verb", "source", "metric", "action", "target", "setting", "reads")
_RESULT_FIELDS = ("was", "became", "outcome", "step", "how", "text")
"""Fields whose values stand in the message too: the subject, then the result."""


class EventLog:
    """Logs the events of one rollout, with the trace of the decision that each request belongs to."""

    def __init__(self) -> None:
        self._traces: dict[str, str] = {}
        """Decision or request -> trace id."""

    def log(self, rollout: str, event: Event) -> None:
        """Log one event that was recorded or read from the journal."""
        level = _level(event)
        if not _log.isEnabledFor(level):
            return
        request = event.id if isinstance(event, RequestMade) else getattr(event, "request", None)
        fields: dict[str, object] = {
            name: value for name, value in event if name not in _LONG | _ELSEWHERE and value not in (None, "", (), {})
        }
        if isinstance(event, TargetObserved):
            fields |= {"target": event.reading.target, "reads": f"{event.reading}, {event.reading.phase}"}
        if event.who is not None:
            fields["who"] = event.who.name_at_host
        fields |= {"rollout": rollout, "event": event.kind, "request": request, "trace": self._trace(event, request)}
        if isinstance(event, DecisionTaken):
            fields["decision"] = event.id
        telling = " ".join(str(fields[name]) for name in (*_SUBJECT_FIELDS, *_RESULT_FIELDS) if name in fields)
        reason = f": {fields['reason']}" if "reason" in fields else ""
        _log.log(level, "%s: %s%s", event.kind.replace("_", " "), telling, reason, extra=fields)

    def _trace(self, event: Event, request: str | None) -> str | None:
        if isinstance(event, DecisionTaken):
            self._traces[event.id] = trace_id(event.trace) or ""
            return self._traces[event.id] or None
        if isinstance(event, RequestMade):
            self._traces[event.id] = self._traces.get(event.decision, "")
        return self._traces.get(request or "") or None


def _level(event: Event) -> int:
    if isinstance(event, SourceRead):
        return logging.DEBUG
    is_wrong = isinstance(event, RequestSettled) and event.outcome is not Outcome.ACCEPTED
    return logging.WARNING if is_wrong or isinstance(event, SourceFailed | Escalated) else logging.INFO


class LoggedCall:
    """Log how long the calls inside a `with` took, and how they ended."""

    def __init__(self, source: str, verb: str, level: int = logging.DEBUG) -> None:
        self._source = source
        self._verb = verb
        self._level = level
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        took_s = round(time.monotonic() - self._began, 4)
        outcome = "answered" if kind is None else kind.__name__
        reason = f": {error.reason}" if isinstance(error, BackendError) else ""
        fields = {"source": self._source, "verb": self._verb, "duration_s": took_s, "outcome": outcome}
        words = "%s: %s %s after %g s%s"
        _calls.log(self._level, words, self._source, self._verb, outcome, took_s, reason, extra=fields)
