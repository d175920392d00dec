"""The one net for bugs of adapters: every error that is not in the contract becomes an AdapterBug."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from adapters.contract import BackendError, OutcomeUnknown
from console.logs.context import report_internal_error

_log = logging.getLogger("warroom.engine.adapters")


class AdapterBug(OutcomeUnknown):
    """An adapter failed in a way that its contract does not know. A write may have taken effect."""


@contextlib.contextmanager
def catching_bugs(source: str, verb: str) -> Iterator[None]:
    """Raise AdapterBug for an exception of an adapter that is neither a BackendError nor a TimeoutError.

    The exception itself is its `__cause__`; the reason is one line without control characters.
    """
    try:
        yield
    except (BackendError, TimeoutError):
        raise
    except Exception as error:  # third parties write adapters: one that fails must not stop the others
        raise AdapterBug(source, verb, report_internal_error(_log, error)) from error
