"""One HAProxy process: one command per connection, with deadline and size cap.

Here: the address of a stats socket, the exchange, and the refusals that HAProxy gives as text. `servers` reads the
answers to `show`. Wire format: HAProxy's management guide, section 9.3 "Unix Socket commands".
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from adapters.contract import BadReply, Cut, Forbidden, Missing, Permit, Rejected, TimedOut, Unreachable
from adapters.failpoints import failpoint
from adapters.sanitize import one_line

MAX_ANSWER = 1 << 20
"""Largest answer that is read, in bytes."""
_UNIX_PATH_MAX = 107
_WHY: dict[type[OSError], str] = {
    FileNotFoundError: "no such socket (is haproxy running?)",
    PermissionError: "permission denied by the file system",
    ConnectionRefusedError: "connection refused (is haproxy running?)",
}
_WEIGHT = re.compile(r"([0-9]{1,3}) \(initial [0-9]{1,3}\)")


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """The address of a stats socket: Unix path, or host and port."""

    text: str
    """As the plan gives it; names the node on screen."""
    path: str | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `/run/haproxy/admin.sock` or `tcp://host:port`. Raises ValueError: it is neither; one plain line."""
        shown = one_line(text, 120)
        if not text or shown != text:
            raise ValueError(f"{shown!r} is not a socket: give a path or tcp://host:port")
        if "://" not in text:
            path = str(Path(text).expanduser())
            if len(path.encode()) > _UNIX_PATH_MAX:
                raise ValueError(f"{shown} is too long for a Unix socket ({_UNIX_PATH_MAX} bytes)")
            return cls(text, path=path)
        parts = urlsplit(text)
        if parts.scheme != "tcp" or not parts.hostname or not parts.port or parts.path or "@" in parts.netloc:
            raise ValueError(f"{shown} is not a socket: give a path or tcp://host:port")
        return cls(text, host=parts.hostname, port=parts.port)


class HAProxyNode:
    """One HAProxy process. Every method raises BackendError whose reason names this node where there are several."""

    def __init__(self, source: str, address: SocketAddress, *, named: bool) -> None:
        self._source = source
        self._address = address
        self.name = address.text
        self.prefix = f"{address.text}: " if named else ""

    async def show(self, line: str, until: float) -> str:
        """Send a `show ...` or `get ...`. Return its answer without the blank line that ends it.

        `until` is the loop's time of the deadline.

        Raises:
            Unreachable, TimedOut, Cut, BadReply: no whole answer.
            Missing, Forbidden: HAProxy knows no such backend or server, or this socket may not ask.
        """
        answer = await self._ask(line, "read", until)
        if not answer.endswith("\n\n"):
            raise Cut(self._source, "read", f"{self.prefix}the answer to {line!r} broke off")
        self._raise_refusal("read", answer.strip())
        return answer[:-1]

    async def weight(self, backend: str, server: str, until: float) -> int:
        """Read a server's weight, 0..256. Raises as `show`."""
        answer = await self.show(f"get weight {backend}/{server}", until)
        found = _WEIGHT.fullmatch(answer.strip())
        if found is None:
            raise BadReply(self._source, "read", f"{self.prefix}not a weight: {one_line(answer, 80)!r}")
        return int(found[1])

    async def set(self, line: str, until: float, permit: Permit) -> None:
        """Send one `set ...`. An empty answer is success, any text is a refusal.

        Raises:
            Withdrawn: the permit had lapsed; nothing was sent.
            Unreachable: no connection; nothing was sent.
            Missing, Forbidden, Rejected: HAProxy refused, in its own words.
            TimedOut, Cut, BadReply: no whole answer.
        """
        answer = await self._ask(line, "set_weight", until, permit)
        if not answer.endswith("\n"):
            raise Cut(self._source, "set_weight", f"{self.prefix}the connection ended before HAProxy answered")
        self._raise_refusal("set_weight", answer.strip())
        if answer.strip():
            raise Rejected(self._source, "set_weight", self.prefix + one_line(answer.strip()))

    def _raise_refusal(self, verb: str, words: str) -> None:
        """Recognize a refusal: one line of text in an otherwise normal answer. A table never is one."""
        reason = self.prefix + one_line(words)
        if words.startswith("Permission denied"):
            raise Forbidden(self._source, verb, f"{reason} (this socket is not of level admin)")
        if words in ("No such server.", "No such backend.", "Can't find backend.", "No such proxy."):
            raise Missing(self._source, verb, reason)
        if words.startswith("Unknown command"):
            raise Rejected(self._source, verb, f"{self.prefix}HAProxy does not know this command")

    async def _ask(self, line: str, verb: str, until: float, permit: Permit | None = None) -> str:
        reader, writer = await self._open(verb, until)
        try:
            async with asyncio.timeout_at(until):
                if permit is not None:
                    permit.check(self._source, verb)
                    failpoint("command leaves")
                writer.write(line.encode("ascii") + b"\n")
                answer = await self._read_to_end(reader, verb)
                if permit is not None:
                    failpoint("command answered")
                return answer
        except TimeoutError as error:
            raise TimedOut(self._source, verb, f"{self.prefix}no whole answer within the deadline") from error
        except OSError as error:
            raise Cut(self._source, verb, f"{self.prefix}the connection broke: {_why(error)}") from error
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _open(self, verb: str, until: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = self._address
        try:
            async with asyncio.timeout_at(until):
                if address.path is not None:
                    return await asyncio.open_unix_connection(address.path)
                return await asyncio.open_connection(address.host, address.port)
        except TimeoutError as error:
            raise Unreachable(self._source, verb, f"{address.text}: no connection within the deadline") from error
        except OSError as error:
            raise Unreachable(self._source, verb, f"{address.text}: {_why(error)}") from error

    async def _read_to_end(self, reader: asyncio.StreamReader, verb: str) -> str:
        answer = bytearray()
        while chunk := await reader.read(65536):
            answer += chunk
            if len(answer) > MAX_ANSWER:
                raise BadReply(self._source, verb, f"{self.prefix}the answer is larger than {MAX_ANSWER >> 20} MiB")
        try:
            return answer.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadReply(self._source, verb, f"{self.prefix}the answer is not text") from error


def _why(error: OSError) -> str:
    return _WHY.get(type(error)) or one_line(error.strerror or error, 120).lower()
