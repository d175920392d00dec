"""Contract suite for adapters: subclass `AdapterContract` in a pytest test, or await the checks one by one.

Needs pytest, and nothing of the console. Servers are real, on loopback, and misbehave in each way of `BAD`.
"""

from adapters.testing.behaviors import BAD, EVIL, NEVER_ANSWERS, SECRET, TOKEN_ENV, Bad, error_body
from adapters.testing.checks import (
    WallClock,
    check_call,
    check_cancel,
    check_no_secret,
    check_plain,
    context,
)
from adapters.testing.server import Good, Request, Serve, Server, answer, serving
from adapters.testing.suite import PERMIT, AdapterContract, ContractCall

__all__ = [
    "BAD",
    "EVIL",
    "NEVER_ANSWERS",
    "PERMIT",
    "SECRET",
    "TOKEN_ENV",
    "AdapterContract",
    "Bad",
    "ContractCall",
    "Good",
    "Request",
    "Serve",
    "Server",
    "WallClock",
    "answer",
    "check_call",
    "check_cancel",
    "check_no_secret",
    "check_plain",
    "context",
    "error_body",
    "serving",
]
