"""Check each stored row by itself: its columns, its body, and that they agree.

A writer of a shared journal can store anything. A row that no console can have written becomes an `Unbelieved` event
with the reason, so that all others can still be read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from adapters.sanitize import first_flaw, one_line
from console.events.bounds import EARLIEST, MOST_SAMPLE_VALUES, flaw_in
from console.events.kinds import DecisionTaken, Event, Unbelieved, Unrecognized, decode
from console.journal.sanitize import sanitize_body, sanitize_value

EVENT_COLUMNS = "seq, kind, body, login, event_id, v, at, who, move"
"""The columns of an event that `believable_event` takes, after `seq`."""
MOST_SEQ = 2**40
"""Numbers of events stay below: one written by hand at the end of the integers must not end the numbering."""
LONGEST_BODY = 4 * 1024 * 1024
"""Characters of an event's body; a plan's text is at most 256 KiB, and the card of 200 metrics is smaller than that."""
LONGEST_SAMPLE = 4 * LONGEST_BODY
MOST_KEYS = 150_000
"""Occurrences of `":` in an event's body: a body with more takes seconds to read, and holds too many values."""
MOST_COMMAS = 400_000


def is_seq(stored: Any) -> bool:
    """Whether a stored value can be the number of an event: others cannot be put into an order."""
    return isinstance(stored, int) and not isinstance(stored, bool) and 0 <= stored < MOST_SEQ


def believable_event(kind: Any, body: Any, login: Any, event_id: Any, v: Any, at: Any, who: Any, move: Any) -> Event:
    """The event of a row, or an Unbelieved; its author's login is the one that the server stamped, if it did."""
    columns = {"event_id": event_id, "v": v, "at": at, "who": who, "move": move}
    try:
        event = _event_of(kind, body, LONGEST_BODY)
        reason = _contradiction(event, kind, columns) or flaw_in(event)
    except ValidationError as error:
        reason = f"its body is not that of an event: {first_flaw(error, 120)}"
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        reason = one_line(error, 160)
    if reason is not None:
        return unbelieved_event(kind, reason, login if login is not None else who, move if is_seq(move) else None)
    if event.who is None or event.who.login == login:  # a login that only the event claims is none
        return event
    return event.model_copy(update={"who": replace(event.who, login=login)})


def believable_sample(body: Any) -> Event:
    """The sample of a row, or an Unbelieved."""
    try:
        event = _event_of("source_read", body, LONGEST_SAMPLE)
        reason = flaw_in(event, MOST_SAMPLE_VALUES)
    except ValidationError as error:
        reason = f"its body is not that of a sample: {first_flaw(error, 120)}"
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        reason = one_line(error, 160)
    return event if reason is None else unbelieved_event("source_read", reason, None)


def unbelieved_event(kind: Any, reason: str, by: Any, move: int | None = None) -> Unbelieved:
    """A row that is set aside."""
    said, author = (one_line(sanitize_value(str(each)), 60) for each in (kind, "" if by is None else by))
    return Unbelieved(id="", at=EARLIEST, said_kind=said, reason=reason, by=author, move=move)


def _event_of(kind: Any, body: Any, longest: int) -> Event:
    if not isinstance(kind, str) or not isinstance(body, str):
        raise ValueError("its kind or its body is not text")
    if len(body) > longest:
        raise ValueError(f"its body is longer than {longest:,} characters")
    if longest == LONGEST_BODY and (body.count('":') > MOST_KEYS or body.count(",") > MOST_COMMAS):
        raise ValueError("it has too many values")
    return decode(kind, sanitize_body(body))


def _contradiction(event: Event, kind: str, columns: dict[str, Any]) -> str | None:
    """How a row's columns and its body contradict each other; None if they agree."""
    said = event.body.get("kind", kind) if isinstance(event, Unrecognized) else event.kind
    if said != kind:
        return f"its body is of another kind ({one_line(said, 40)})"
    if isinstance(event, Unrecognized):  # a newer version knows what its columns hold
        return None
    due = {
        "event_id": event.id,
        "v": event.v,
        "at": event.at.isoformat(timespec="milliseconds"),
        "who": event.who.user if event.who is not None else None,
        "move": event.move if isinstance(event, DecisionTaken) else None,
    }
    names = (name for name, stored in columns.items() if sanitize_value(stored) != due[name])
    return next((f"its column {name} and its body differ" for name in names), None)
