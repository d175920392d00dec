"""TLS of one backend: trusted certificates, the server's name, our own certificate."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import certifi


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate and its key, as PEM."""

    chain: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tls:
    """Deviations from verified TLS against the system's certificates."""

    ca: Path | None = None
    """PEM bundle trusted beside the system's."""
    only: bytes | None = None
    """PEM bundle trusted instead of the system's, as the CA of a kubeconfig is."""
    server_name: str | None = None
    """The name in the server's certificate, where it is not the host we connect to."""
    insecure: bool = False
    """True: nothing is verified."""


class CannotOpen(Exception):
    """The settings of the plan or the environment permit no connection. One plain line."""


def tls_context(tls: Tls, certificate: Certificate | None = None) -> ssl.SSLContext:
    """Make a client context for `tls`.

    Falls back to certifi's certificates where this Python knows no system store (a relocated build).

    Raises:
        CannotOpen: a bundle or the certificate cannot be read, or the key does not belong to it.
    """
    context = _NamedServerContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = tls.server_name
    try:
        _trust(context, tls)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise CannotOpen(f"the CA bundle {tls.ca or ''} cannot be used".replace("  ", " ")) from None
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        try:
            with _on_disk(certificate) as path:
                # No password: OpenSSL must not ask for one on the terminal that the screen owns.
                context.load_cert_chain(path, password="")
        except (OSError, ValueError):
            raise CannotOpen("the client certificate and its key cannot be used") from None
    return context


def _trust(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.only is not None:
        context.load_verify_locations(cadata=tls.only.decode("ascii"))
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        paths = ssl.get_default_verify_paths()
        if not (paths.cafile or paths.capath):
            context.load_verify_locations(cafile=certifi.where())
    if tls.ca is not None:
        context.load_verify_locations(cafile=str(tls.ca))


class _NamedServerContext(ssl.SSLContext):
    """A context with a fixed server name, through a proxy too. httpcore has no option for it."""

    server_name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


@contextmanager
def _on_disk(certificate: Certificate) -> Iterator[str]:
    """Keep the pair in a private file within the block. The standard library reads it from nowhere else."""
    descriptor, path = tempfile.mkstemp(prefix="warroom-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate.chain.rstrip() + b"\n" + certificate.key)
        yield path
    finally:
        Path(path).unlink(missing_ok=True)
