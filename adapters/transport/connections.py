"""Configure connections: TLS, the proxy, how many at once. Opens none by itself."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import cast

import httpx

from adapters.transport.identity import Credentials
from adapters.transport.options import HttpOptions
from adapters.transport.tls import CannotOpen, Tls, tls_context

_CONNECTIONS = 8

if importlib.util.find_spec("sniffio") is None:
    # httpcore looks for it in vain at every request, in every folder of the path: a sixth of a poll's time.
    sys.modules.setdefault("sniffio", cast(ModuleType, None))


def open_client(
    options: HttpOptions, tls: Tls, credentials: Credentials, stub: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    """Make an httpx client for one backend. It follows no redirect and shows the certificate, if any.

    Args:
        stub: answers instead of the network, where given.

    Raises:
        CannotOpen: the CA bundle, the certificate or the environment's proxy cannot be used.
    """
    headers = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "warroom"}
    if options.org is not None:
        headers["x-scope-orgid"] = options.org
    verify = True if stub is not None else tls_context(tls, credentials.certificate)
    try:
        return httpx.AsyncClient(
            transport=stub,
            verify=verify,
            proxy=options.proxy,
            # Proxies only: with a TLS context of our own httpx reads nothing else from the environment.
            trust_env=stub is None and options.proxy is None,
            headers=headers,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        raise CannotOpen("the proxy of the environment cannot be used") from None
