"""`Transport`: one backend's HTTP client. Reads may be sent again within their deadline; a write is sent once.

A call ends in a `Reply` or in an error of the contract's tree, and nothing else; asyncio.CancelledError passes
through. No string that leaves holds a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import zlib
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import urlsplit

import httpx

from adapters.contract import BackendError, BadReply, Permit, ServerFailed, Throttled, TimedOut, Unreachable
from adapters.registry import ConnectError
from adapters.transport.connections import CannotOpen, open_client
from adapters.transport.fault import fault
from adapters.transport.options import HttpOptions, check_header
from adapters.transport.redaction import Redactor
from adapters.transport.reply import Explain, Reply, refusal, server_date
from adapters.transport.trace import child_span

MAX_BYTES = 4 * 1024 * 1024
_ERROR_BYTES = 64 * 1024
_ERROR_BODY_S = 1.0
"""How long an error's body may take: its status alone already decides what happened."""
_FIRST_PAUSE_S = 0.25
_ATTEMPTS = 4
_TRANSIENT = (502, 503, 504)

Params = Mapping[str, str] | Sequence[tuple[str, str]]


class Transport:
    """HTTP to one backend."""

    def __init__(
        self,
        source: str,
        options: HttpOptions,
        *,
        authorization: str | None,
        read_deadline_s: float,
        write_deadline_s: float,
        max_bytes: int = MAX_BYTES,
        explain: Explain | None = None,
        client: httpx.AsyncBaseTransport | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        """Opens nothing: connections, TLS context and proxies are made by the first call.

        Args:
            authorization: the whole Authorization header (`options.authorization(...)`), or None.
            read_deadline_s: for a read with all its retries.
            write_deadline_s: for a write.
            max_bytes: larger answers, after decompression, are BadReply.
            explain: the backend's own words in an error body.
            client: answers instead of the network (httpx.MockTransport in tests).
            secrets: further secrets to keep out of every string; those of `authorization` are known.

        Raises:
            ConnectError: `authorization` cannot be sent in a header, or `options.ca` is not a file.
        """
        if authorization is not None:
            check_header(source, "token", authorization)
        if options.ca is not None and not options.ca.is_file():
            raise ConnectError(f"{source}: ca: {options.ca} is not a file")
        self.source = source
        self._options = options
        self._authorization = authorization
        self._read_deadline_s = read_deadline_s
        self._write_deadline_s = write_deadline_s
        self._max_bytes = max_bytes
        self._explain = explain
        self._stub = client
        self._redactor = Redactor(authorization, secrets)
        self._client: httpx.AsyncClient | None = None
        parts = urlsplit(options.url)
        self._where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        if options.proxy is not None:
            self._where += f" through proxy {urlsplit(options.proxy).netloc}"

    def __repr__(self) -> str:
        return f"Transport({self.source!r}, {self._where!r})"

    def line(self, text: str, limit: int = 200) -> str:
        """Foreign `text` on one clean, bounded line without secrets, fit for a reason or a screen."""
        return self._redactor.line(text, limit)

    async def read(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        params: Params | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Reply:
        """Read `path`, below the plan's URL.

        Sent again after 429, 502, 503, 504 and connect errors, with jitter and honouring Retry-After, while the
        deadline allows.

        Raises:
            BackendError: any of the tree but Withdrawn and HalfDone.
        """
        sending = _Sending("read", None, sent=self._stub is not None)
        try:
            async with asyncio.timeout(self._read_deadline_s) as deadline:
                for attempt in range(_ATTEMPTS):
                    try:
                        return await self._send(sending, self._read_deadline_s, method, path, params=params, data=form)
                    except (Throttled, ServerFailed, Unreachable) as error:
                        pause_s = _pause_s(error, sending.status, attempt)
                        left_s = (deadline.when() or 0.0) - asyncio.get_running_loop().time()
                        if pause_s is None or pause_s >= left_s:
                            raise
                    await asyncio.sleep(pause_s)
        except TimeoutError:
            raise self._late(sending, self._read_deadline_s) from None
        raise AssertionError("the last attempt returns or raises")

    async def write(
        self,
        method: str,
        path: str,
        *,
        permit: Permit,
        verb: str,
        json: object = None,
        params: Params | None = None,
    ) -> Reply:
        """Write `path`, below the plan's URL; never sent twice.

        The permit is checked before connecting and again right before the first byte leaves; the request carries a
        traceparent of the permit's trace.

        Raises:
            Withdrawn: the permit had lapsed; nothing was sent.
            BackendError: any other of the tree but HalfDone.
        """
        sending = _Sending(verb, lambda: permit.check(self.source, verb), sent=self._stub is not None)
        headers = {"traceparent": child_span(permit.trace)}
        try:
            async with asyncio.timeout(self._write_deadline_s):
                permit.check(self.source, verb)
                return await self._send(
                    sending, self._write_deadline_s, method, path, params=params, json=json, headers=headers
                )
        except TimeoutError:
            raise self._late(sending, self._write_deadline_s) from None

    async def aclose(self) -> None:
        """Close every connection; the next call would open new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(
        self,
        sending: _Sending,
        deadline_s: float,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        data: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        client = self._client = self._client or self._open(sending.verb)
        try:
            request = client.build_request(
                method,
                self._options.url + path,
                params=None if params is None else httpx.QueryParams(list(_pairs(params))),
                data=data,
                json=json,
                headers=headers,
                timeout=httpx.Timeout(deadline_s, connect=deadline_s / 2, pool=deadline_s / 3),
                extensions={"trace": sending.trace},
            )
            response = await client.send(request, stream=True)
            try:
                sending.status = response.status_code
                return await self._received(sending.verb, response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise fault(
                self.source, sending.verb, error, sent=sending.sent, where=self._where, deadline_s=deadline_s
            ) from None
        except httpx.InvalidURL:
            raise Unreachable(self.source, sending.verb, "not sent: the URL cannot be used") from None

    async def _received(self, verb: str, response: httpx.Response) -> Reply:
        if not response.is_success:
            raise await self._refused(verb, response)
        body = bytearray()
        await _fill(body, response, self._max_bytes)
        if len(body) > self._max_bytes:
            raise BadReply(self.source, verb, f"answer larger than {self._max_bytes / 1024 / 1024:g} MiB")
        date = server_date(response.headers)
        return Reply(response.status_code, response.headers, bytes(body), date, self.source, verb)

    async def _refused(self, verb: str, response: httpx.Response) -> BackendError:
        """The error for a status that is not 2xx, with what of its body came in time."""
        body = bytearray()
        with contextlib.suppress(TimeoutError, httpx.HTTPError):  # half an error body is still an error body
            async with asyncio.timeout(_ERROR_BODY_S):
                await _fill(body, response, _ERROR_BYTES)
        words = self._words(response, bytes(body))
        return refusal(self.source, verb, response.status_code, response.headers, self.line(words))

    def _words(self, response: httpx.Response, body: bytes) -> str:
        if response.status_code < 400:
            target = urlsplit(response.headers.get("location", ""))
            return f"redirects to {target.scheme}://{target.netloc}{target.path}" if target.netloc else "redirects"
        said: str | None = None
        if self._explain is not None:
            try:
                said = self._explain(body)
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
                said = None  # an error page may be anything; the status must reach the caller all the same
        if said:
            return said
        is_text = response.headers.get("content-type", "").startswith("text/plain")
        return body.decode("utf-8", "replace") if is_text else ""

    def _open(self, verb: str) -> httpx.AsyncClient:
        try:
            return open_client(self._options, self._authorization, self._stub)
        except CannotOpen as error:
            raise Unreachable(self.source, verb, f"not sent: {error}") from None

    def _late(self, sending: _Sending, deadline_s: float) -> BackendError:
        if not sending.sent:
            return Unreachable(self.source, sending.verb, f"no connection to {self._where} within {deadline_s:g} s")
        return TimedOut(self.source, sending.verb, f"no whole answer within {deadline_s:g} s")


@dataclass
class _Sending:
    """How far a call got, told by httpcore's trace events; a stub transport tells nothing and counts as sent."""

    verb: str
    check: Callable[[], None] | None
    sent: bool
    status: int | None = None

    async def trace(self, event: str, info: object) -> None:
        if event.endswith("send_request_headers.started"):
            if self.check is not None:
                self.check()
            self.sent = True


def _pause_s(error: BackendError, status: int | None, attempt: int) -> float | None:
    """How long to wait before a read is sent again; None where it is not."""
    if attempt + 1 >= _ATTEMPTS or (isinstance(error, ServerFailed) and status not in _TRANSIENT):
        return None
    asked_s = error.retry_after_s if isinstance(error, ServerFailed | Throttled) else None
    jittered_s = _FIRST_PAUSE_S * 2.0**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
    return jittered_s if asked_s is None else asked_s + jittered_s


def _pairs(params: Params) -> Sequence[tuple[str, str]]:
    return list(params.items()) if isinstance(params, Mapping) else list(params)


async def _fill(body: bytearray, response: httpx.Response, max_bytes: int) -> None:
    """Read the body into `body` until it ends or is larger than `max_bytes`.

    Decompressed here and bounded, because a small gzip may hold gigabytes.
    """
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise httpx.DecodingError("an encoding that was not asked for")
    gunzip = zlib.decompressobj(31) if encoding != "identity" else None
    async for chunk in cast("AsyncIterable[bytes]", response.stream):
        if gunzip is None:
            body += chunk
        else:
            try:
                body += gunzip.decompress(chunk, max_bytes + 1 - len(body))
            except zlib.error:
                raise httpx.DecodingError("not gzip") from None
        if len(body) > max_bytes:
            return
