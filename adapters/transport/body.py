"""Read the body of a reply, bounded, whole or line by line."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, AsyncIterable
from typing import cast

import httpx


async def fill(body: bytearray, response: httpx.Response, max_bytes: int) -> None:
    """Read the body into `body` until it ends or is larger than `max_bytes`.

    Decompressed here and bounded, because a small gzip may hold gigabytes.

    Raises:
        httpx.DecodingError: an encoding that was not requested, or broken gzip.
    """
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise httpx.DecodingError("an encoding that was not requested")
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


async def lines(response: httpx.Response, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Yield the lines of an endless body, each as soon as it is whole; empty ones are left out.

    Raises:
        httpx.DecodingError: it is compressed, which was not requested.
        ValueError: a line is larger than `max_bytes`.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise httpx.DecodingError("an encoding that was not requested")
    rest = bytearray()
    async for chunk in cast("AsyncIterable[bytes]", response.stream):
        start = len(rest)
        rest += chunk
        while (end := rest.find(b"\n", start)) >= 0:
            line = bytes(rest[:end]).strip()
            del rest[: end + 1]
            start = 0
            if line:
                yield line
        if len(rest) > max_bytes:
            raise ValueError("a line without an end")
