"""Translate httpx errors into the contract's errors, each with one plain line."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx

from adapters.contract import BackendError, BadReply, Cut, TimedOut, Unreachable
from adapters.transport.sending import Sending

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


def backend_error(source: str, sending: Sending, error: httpx.HTTPError, where: str) -> BackendError:
    """Translate an error that httpx raised. `where`: host:port as shown to the operator."""
    verb = sending.verb
    if isinstance(error, _NEVER_SENT):
        return Unreachable(source, verb, _why_unreachable(error, where))
    if not sending.sent:
        return Unreachable(source, verb, f"the connection to {where} broke before anything was sent")
    if isinstance(error, httpx.DecodingError):
        return BadReply(source, verb, "the answer's compression cannot be read")
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(source, verb, f"no whole answer within {sending.deadline_s:g} s")
    if isinstance(error, httpx.RemoteProtocolError):
        return Cut(source, verb, f"{where} hung up, or its answer is not HTTP, before the answer was whole")
    return Cut(source, verb, f"the connection to {where} broke before the answer was whole")


def _why_unreachable(error: httpx.HTTPError, where: str) -> str:
    """Say why in our own words or the TLS library's. Those of httpx may quote the URL."""
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection to {where} in time"
    if isinstance(error, httpx.PoolTimeout):
        return f"no free connection to {where} in time"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy did not connect us to {where}"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed with {where}: {(cause.reason or 'no reason given').replace('_', ' ').lower()}"
        if isinstance(cause, socket.gaierror):
            return f"no such host: {where}"
        if isinstance(cause, ConnectionRefusedError):
            return f"connection refused at {where}"
        if isinstance(cause, OSError) and cause.errno:
            return f"no connection to {where}: {(cause.strerror or 'network error').lower()}"
    return f"no connection to {where}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the chain of causes, members of exception groups included. Each once, the most specific last."""
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        found = queue.pop(0)
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        if isinstance(found, BaseExceptionGroup):
            queue.extend(found.exceptions)
        queue += [found.__cause__, found.__context__]
