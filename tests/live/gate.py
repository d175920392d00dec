"""A gate between the console and one backend: passes everything on, keeps what was asked, holds what a test names.

It speaks no protocol: what the console sends is read as requests by a pattern, answers are passed on as they come. What
is held never reaches the backend, not even when its sender has gone away.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.listening import listening

HTTP_WRITE = re.compile(rb"^((?:POST|PUT|PATCH|DELETE) \S+) HTTP/1\.1", re.MULTILINE)
HAPROXY_WRITE = re.compile(rb"^(set \S.*)$", re.MULTILINE)


@dataclass
class Write:
    """One request that would change something."""

    at: float
    """Monotonic seconds."""
    text: str
    passed: bool
    """False: it was held, the backend never saw it."""


@dataclass
class Gate:
    """What went through. `hold` may be set at any time; it is asked for every write."""

    pattern: re.Pattern[bytes]
    upstream: Path | tuple[str, int]
    writes: list[Write] = field(default_factory=list)
    hold: re.Pattern[str] | None = None
    holding: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while something is being held."""

    @property
    def passed(self) -> list[str]:
        return [write.text for write in self.writes if write.passed]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            onward = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        answers = asyncio.create_task(_copy(onward[0], writer))
        try:
            await self._requests(reader, onward[1])
        finally:
            if not writer.is_closing():
                await asyncio.wait({answers}, timeout=5)
            answers.cancel()
            for one in (writer, onward[1]):
                one.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream, Path):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection(*self.upstream)

    async def _requests(self, reader: asyncio.StreamReader, onward: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            for found in self.pattern.findall(chunk):
                text = found.decode().strip()
                held = self.hold is not None and self.hold.search(text) is not None
                self.writes.append(Write(time.monotonic(), text, not held))
                if held:
                    self.holding.set()
                    while await reader.read(65536):
                        pass
                    return
            onward.write(chunk)
            await onward.drain()
        if onward.can_write_eof():
            onward.write_eof()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def gate(
    pattern: re.Pattern[bytes], upstream: Path | tuple[str, int], at: Path | None = None
) -> AsyncIterator[tuple[Gate, str]]:
    """A gate before `upstream` on a socket file or a loopback port; yields it and where it listens."""
    made = Gate(pattern, upstream)
    async with listening(made.serve, at) as where:
        yield made, where
