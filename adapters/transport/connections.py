"""How connections are made: always verified TLS, the proxy, how many at once. Opens none by itself."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import httpx

from adapters.transport.options import HttpOptions

_CONNECTIONS = 8


class CannotOpen(Exception):
    """No connection can be made with what the plan or the environment says. One plain line."""


def open_client(
    options: HttpOptions, authorization: str | None, stub: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    """An httpx client that follows no redirect and sends our credentials to one backend.

    Args:
        stub: answers instead of the network, where given.

    Raises:
        CannotOpen: the CA bundle or the environment's proxy cannot be used.
    """
    headers = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "warroom"}
    if authorization is not None:
        headers["authorization"] = authorization
    if options.org is not None:
        headers["x-scope-orgid"] = options.org
    try:
        return httpx.AsyncClient(
            transport=stub,
            verify=True if stub is not None else tls_context(options.ca),
            proxy=options.proxy,
            # Proxies only: with a TLS context of our own httpx reads nothing else from the environment.
            trust_env=stub is None and options.proxy is None,
            headers=headers,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
        )
    except OSError:
        raise CannotOpen(f"the CA bundle {options.ca or ''} cannot be used") from None
    except (ValueError, ImportError, httpx.InvalidURL):
        raise CannotOpen("the proxy of the environment cannot be used") from None


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """A verifying client context: the system's certificates plus the plan's bundle.

    Falls back to certifi's certificates where this Python knows no system store (a relocated build).

    Raises:
        OSError: `ca` cannot be read or holds no certificate (ssl.SSLError is an OSError).
    """
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        context.load_verify_locations(cafile=certifi.where())
    if ca is not None:
        context.load_verify_locations(cafile=str(ca))
    return context
