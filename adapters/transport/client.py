"""HTTP client of one backend: reads may be retried, a write is sent once.

A call ends in a `Reply` or in an error of the contract's tree, and nothing else; asyncio.CancelledError passes
through. No string that leaves holds a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import httpx

from adapters.contract import (
    AuthFailed,
    BackendError,
    BadReply,
    ConnectError,
    Permit,
    ServerFailed,
    Throttled,
    TimedOut,
    Unreachable,
)
from adapters.transport.body import fill, lines
from adapters.transport.connections import open_client
from adapters.transport.fault import backend_error
from adapters.transport.identity import Credentials, FixedIdentity, Identity
from adapters.transport.options import HttpOptions, check_header
from adapters.transport.redaction import Redactor
from adapters.transport.reply import Explain, Reply, refusal, server_date
from adapters.transport.sending import ATTEMPTS, Params, Sending, pause_s
from adapters.transport.tls import CannotOpen, Certificate, Tls
from adapters.transport.trace import child_span

_log = logging.getLogger("warroom.adapters.transport")

MAX_BYTES = 4 * 1024 * 1024
"""Largest reply after decompression, by default."""
_ERROR_BYTES = 64 * 1024
_ERROR_BODY_S = 1.0
"""How long an error's body may take: its status alone already decides the error."""
_WORDS = 200
_DATE_S = 1.0
"""A Date header is cut to whole seconds."""


class Transport:
    """HTTP to one backend."""

    def __init__(
        self,
        source: str,
        options: HttpOptions,
        *,
        authorization: str | None = None,
        identity: Identity | None = None,
        tls: Tls | None = None,
        read_deadline_s: float,
        write_deadline_s: float,
        max_bytes: int = MAX_BYTES,
        explain: Explain | None = None,
        client: httpx.AsyncBaseTransport | None = None,
        secrets: Sequence[str] = (),
        words_limit: int = _WORDS,
        report_time: Callable[[datetime, datetime], None] | None = None,
    ) -> None:
        """Opens nothing. The first call makes connections, TLS context and proxies.

        Args:
            authorization: the whole Authorization header (`options.authorization(...)`), or None.
            identity: source of credentials that change while we run; instead of `authorization`.
            tls: the trusted certificates; by default the system's and `options.ca`.
            read_deadline_s: for a read with all its retries; `write_deadline_s` for a write.
            max_bytes: larger answers, after decompression, are BadReply.
            explain: finds the backend's own message in an error body.
            client: answers instead of the network (httpx.MockTransport in tests).
            secrets: further secrets to keep out of every string; those of `authorization` are known.
            words_limit: most characters of the backend's message.
            report_time: called with the bounds of the server's time now (`Context.report_time`).

        Raises:
            ConnectError: `authorization` cannot be sent in a header, or `options.ca` is not a file.
        """
        if authorization is not None:
            check_header(source, "token", authorization)
        if options.ca is not None and not options.ca.is_file():
            raise ConnectError(f"{source}: ca: {options.ca} is not a file")
        self.source = source
        self._options = options
        self._identity = identity or FixedIdentity(Credentials(authorization))
        self._tls = tls or Tls(ca=options.ca, insecure=not options.tls_verify)
        self._read_deadline_s = read_deadline_s
        self._write_deadline_s = write_deadline_s
        self._max_bytes = max_bytes
        self._explain = explain
        self._words_limit = words_limit
        self._report_time = report_time
        self._stub = client
        self._redactor = Redactor(authorization, secrets)
        self._clients: list[httpx.AsyncClient] = []
        """The current one last. Those before it carry a certificate renewed since, and may still have calls open."""
        self._certificate: Certificate | None = None
        parts = urlsplit(options.url)
        self._where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        if options.proxy is not None:
            self._where += f" through proxy {urlsplit(options.proxy).netloc}"

    def __repr__(self) -> str:
        return f"Transport({self.source!r}, {self._where!r})"

    @property
    def cautions(self) -> tuple[str, ...]:
        """Warnings about this connection, for every decision."""
        return (f"TLS IS NOT VERIFIED: {self._where} may be an impostor",) if self._tls.insecure else ()

    def hide(self, text: str) -> str:
        """Replace every known secret in `text`, in whatever form, by `***`."""
        return self._redactor.redact(text)

    def line(self, text: str, limit: int = 200) -> str:
        """Put foreign `text` on one clean, bounded line without secrets."""
        return self._redactor.line(text, limit)

    async def read(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        params: Params | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
        verb: str = "read",
    ) -> Reply:
        """Read `path`, below the plan's URL. `verb`: the decision that needs the read, if one does.

        Retried after 429, 502, 503, 504 and connect errors, with jitter and honoring Retry-After, and once after a 401
        where other credentials can be had, while the deadline allows.

        Raises:
            BackendError: any of the tree but Withdrawn and HalfDone.
        """
        sending = self._sending(verb, method, path, params, self._read_deadline_s)
        if json is not None:
            sending.set_json(json)
        else:
            sending.form = form
        renewed = False
        try:
            async with asyncio.timeout(self._read_deadline_s) as deadline:
                for attempt in range(ATTEMPTS):
                    try:
                        return await self._send(sending)
                    except AuthFailed:
                        if renewed or not self._identity.reject(sending.shown, sending.verb):
                            raise
                        renewed = True
                        continue
                    except (Throttled, ServerFailed, Unreachable) as error:
                        wait_s = pause_s(error, sending.status, attempt)
                        left_s = (deadline.when() or 0.0) - asyncio.get_running_loop().time()
                        if wait_s is None or wait_s >= left_s:
                            raise
                    await asyncio.sleep(wait_s)
        except TimeoutError:
            raise self._timeout_error(sending, self._read_deadline_s) from None
        raise AssertionError("the last attempt returns or raises")

    async def write(
        self,
        method: str,
        path: str,
        *,
        permit: Permit,
        verb: str,
        json: object = None,
        content_type: str = "application/json",
        params: Params | None = None,
    ) -> Reply:
        """Write `path`, below the plan's URL. Never sent twice, not even with new credentials after a 401.

        The permit is checked before connecting and again right before the first byte leaves; the request carries a
        traceparent of the permit's trace.

        Raises:
            Withdrawn: the permit had lapsed; nothing was sent.
            BackendError: any other of the tree but HalfDone.
        """
        sending = self._sending(verb, method, path, params, self._write_deadline_s)
        sending.check = lambda: permit.check(self.source, verb)
        sending.headers["traceparent"] = child_span(permit.trace)
        if json is not None:
            sending.set_json(json, content_type)
        try:
            async with asyncio.timeout(self._write_deadline_s):
                permit.check(self.source, verb)
                return await self._send(sending)
        except TimeoutError:
            raise self._timeout_error(sending, self._write_deadline_s) from None
        except AuthFailed:
            self._identity.reject(sending.shown, sending.verb)
            raise

    async def follow(
        self, path: str, *, params: Params | None = None, silence_s: float, opened: Callable[[], None]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of an endless reply, until the server ends it. Never retried.

        Args:
            silence_s: how long the server may be silent.
            opened: called once the server has begun to answer with 2xx.

        Raises:
            TimedOut: silent for longer.
            BackendError: any other of a read; a line larger than the cap is BadReply.
        """
        sending = self._sending("watch", "GET", path, params, silence_s)
        sending.headers["accept-encoding"] = "identity"
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(self._read_deadline_s):
                    response = await self._open_response(sending)
                    stack.push_async_callback(response.aclose)
                    if not response.is_success:
                        raise await self._status_error(sending.verb, response)
                opened()
                stream_lines = await stack.enter_async_context(contextlib.aclosing(lines(response, self._max_bytes)))
                while True:
                    async with asyncio.timeout(silence_s):
                        line = await anext(stream_lines, None)
                    if line is None:
                        return
                    yield line
        except TimeoutError:
            if sending.sent and sending.status is not None:
                raise TimedOut(self.source, "watch", f"no data for {silence_s:g} s") from None
            raise self._timeout_error(sending, self._read_deadline_s) from None
        except AuthFailed:
            self._identity.reject(sending.shown, sending.verb)
            raise
        except ValueError:
            raise BadReply(self.source, "watch", "a line of the answer is too large") from None
        except httpx.HTTPError as error:
            raise backend_error(self.source, sending, error, self._where) from None

    async def aclose(self) -> None:
        """Close every connection; a later call would open new ones."""
        clients, self._clients = self._clients, []
        for client in clients:
            await client.aclose()

    def _sending(self, verb: str, method: str, path: str, params: Params | None, deadline_s: float) -> Sending:
        return Sending(verb, method, path, params, deadline_s, sent=self._stub is not None)

    async def _send(self, sending: Sending) -> Reply:
        try:
            async with contextlib.aclosing(await self._open_response(sending)) as response:
                return await self._read_reply(sending.verb, response)
        except httpx.HTTPError as error:
            raise backend_error(self.source, sending, error, self._where) from None

    async def _open_response(self, sending: Sending) -> httpx.Response:
        """Send the request and read the head of the reply. The caller closes it.

        Raises:
            httpx.HTTPError, BackendError: there is no reply.
        """
        client = await self._client(sending)
        headers = [*sending.headers.items(), *sending.shown.extra_headers]
        if sending.shown.authorization is not None:
            headers.append(("authorization", sending.shown.authorization))
        params, deadline_s = sending.params, sending.deadline_s
        try:
            request = client.build_request(
                sending.method,
                self._options.url + sending.path,
                params=params if params is None or isinstance(params, Mapping) else list(params),
                data=sending.form,
                content=sending.content,
                headers=headers,
                timeout=httpx.Timeout(deadline_s, connect=deadline_s / 2, pool=deadline_s / 3),
                extensions={"trace": sending.trace},
            )
            sent_at = time.monotonic()
            response = await client.send(request, stream=True)
            self._report_date(response.headers, time.monotonic() - sent_at)
        except httpx.InvalidURL:
            raise Unreachable(self.source, sending.verb, "not sent: the URL cannot be used") from None
        sending.status = response.status_code
        fields = {"source": self.source, "verb": sending.verb, "status": response.status_code}
        _log.debug("%s %s answered %d", sending.method, sending.path, response.status_code, extra=fields)
        return response

    def _report_date(self, headers: httpx.Headers, trip_s: float) -> None:
        """Report the server's time: it wrote its date at some time of the trip. A cache's answer is older."""
        date = server_date(headers)
        if date is not None and self._report_time is not None and "age" not in headers:
            self._report_time(date, date + timedelta(seconds=trip_s + _DATE_S))

    async def _client(self, sending: Sending) -> httpx.AsyncClient:
        """The client for the current credentials. A renewed certificate needs a client of its own."""
        shown = await self._identity.credentials(sending.verb)
        if shown != sending.shown:
            self._redactor.learn(shown.authorization)
            sending.shown = shown
        if not self._clients or self._certificate != shown.certificate:
            try:
                self._clients.append(open_client(self._options, self._tls, shown, self._stub))
            except CannotOpen as error:
                raise Unreachable(self.source, sending.verb, f"not sent: {error}") from None
            self._certificate = shown.certificate
        return self._clients[-1]

    async def _read_reply(self, verb: str, response: httpx.Response) -> Reply:
        if not response.is_success:
            raise await self._status_error(verb, response)
        body = bytearray()
        await fill(body, response, self._max_bytes)
        if len(body) > self._max_bytes:
            raise BadReply(self.source, verb, f"answer larger than {self._max_bytes / 1024 / 1024:g} MiB")
        date = server_date(response.headers)
        return Reply(response.status_code, response.headers, bytes(body), date, self.source, verb)

    async def _status_error(self, verb: str, response: httpx.Response) -> BackendError:
        """The error for a status that is not 2xx. With as much of its body as came in time."""
        body = bytearray()
        with contextlib.suppress(TimeoutError, httpx.HTTPError):  # half an error body is still an error body
            async with asyncio.timeout(_ERROR_BODY_S):
                await fill(body, response, _ERROR_BYTES)
        words = self._words(response, bytes(body))
        return refusal(self.source, verb, response.status_code, response.headers, self.line(words, self._words_limit))

    def _words(self, response: httpx.Response, body: bytes) -> str:
        if response.status_code < 400:
            target = urlsplit(response.headers.get("location", ""))
            return f"redirects to {target.scheme}://{target.netloc}{target.path}" if target.netloc else "redirects"
        message: str | None = None
        if self._explain is not None:
            try:
                message = self._explain(body)
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
                message = None  # an error page may be anything; the status must reach the caller all the same
        if message:
            return message
        is_text = response.headers.get("content-type", "").startswith("text/plain")
        return body.decode("utf-8", "replace") if is_text else ""

    def _timeout_error(self, sending: Sending, deadline_s: float) -> BackendError:
        if sending.sent:
            return TimedOut(self.source, sending.verb, f"no whole answer within {deadline_s:g} s")
        waiting = self._identity.waiting
        late = f"no connection to {self._where} within {deadline_s:g} s"
        return Unreachable(self.source, sending.verb, late if waiting is None else f"not sent: {waiting}")
