"""Collect this process's secrets while a log file is written. Every line is searched for all of them.

Without a log file nothing is collected.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_order = threading.Lock()
_collecting = False
_values: frozenset[str] = frozenset()
_hiders: tuple[Callable[[str], str], ...] = ()


def collect(*values: str | None) -> None:
    """Start to collect secrets, beginning with `values`."""
    global _collecting
    _collecting = True
    for value in values:
        remember(value)


def forget() -> None:
    """Stop collecting, and drop the secrets collected so far."""
    global _collecting, _values, _hiders
    _collecting, _values, _hiders = False, frozenset(), ()


def remember(value: str | None) -> None:
    """Keep a secret out of the log file."""
    global _values
    if _collecting and value and value not in _values:
        with _order:
            _values |= {value}


def remember_redactor(hide: Callable[[str], str] | None) -> None:
    """Pass the log's text through `hide` too. It replaces the secrets that only a backend knows."""
    global _hiders
    if _collecting and hide is not None:
        with _order:
            _hiders = (*_hiders, hide)


def values() -> frozenset[str]:
    """The secrets revealed so far."""
    return _values


def redactors() -> tuple[Callable[[str], str], ...]:
    """The functions with which backends hide their own secrets."""
    return _hiders
