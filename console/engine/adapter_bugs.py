"""Turn errors that are outside the contract into an AdapterBug."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from adapters.contract import BackendError, OutcomeUnknown
from adapters.sanitize import one_line
from console.logs.context import report_internal_error, traceback_hint

_log = logging.getLogger("warroom.engine.adapters")

MAX_LOGGED = 1000
"""Different bugs that are remembered as logged."""


class AdapterBug(OutcomeUnknown):
    """An adapter broke its contract; a write may have taken effect."""


class AdapterBugNet:
    """Turn bugs of adapters into errors of the contract; log each once."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, str, str]] = set()
        """(source, verb, text) of the bugs that are in the log: some verbs are called many times a second."""

    @contextlib.contextmanager
    def catching(self, source: str, verb: str) -> Iterator[None]:
        """Raise AdapterBug for an exception outside the contract.

        BackendError and TimeoutError pass.

        The exception itself is its `__cause__`; the reason is one line without control characters.
        """
        try:
            yield
        except (BackendError, TimeoutError):
            raise
        except Exception as error:  # third parties write adapters: one that fails must not stop the others
            words = f"{type(error).__name__}: {one_line(error)}"
            if (source, verb, words) in self._logged:
                raise AdapterBug(source, verb, f"internal error: {words}; {traceback_hint()}") from error
            if len(self._logged) >= MAX_LOGGED:
                self._logged.clear()
            self._logged.add((source, verb, words))
            raise AdapterBug(source, verb, report_internal_error(_log, error)) from error
