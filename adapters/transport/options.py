"""Plan keys of every HTTP adapter, and their Authorization header."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from adapters.contract import ConnectError
from adapters.secret import Secret


def _fits_header(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable()


def _header_text(value: str, otherwise: str, without: str = "") -> str:
    if not _fits_header(value) or (without and without in value):
        raise ValueError(otherwise)
    return value


def _plain_root(url: str, *, path: bool) -> str:
    """Return `url` without a trailing slash. The messages never repeat the URL: it may hold a password."""
    _header_text(url, "must be printable ASCII without spaces", " ")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("must not hold user:password; give the secret by reference")
    if not parts.hostname:
        raise ValueError("names no host")
    try:
        _ = parts.port  # reading it is what validates it
    except ValueError:
        raise ValueError("has no usable port") from None
    if parts.query or parts.fragment or (parts.path.strip("/") and not path):
        raise ValueError("must not carry a query or fragment" + ("" if path else " or path"))
    return url.rstrip("/")


class Basic(BaseModel):
    """HTTP Basic credentials: the user by value, the password by reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: Annotated[
        str, AfterValidator(lambda user: _header_text(user, "must be printable ASCII without a colon", ":"))
    ]
    password: Secret


class HttpOptions(BaseModel):
    """The address of a backend and the credentials for it. Secrets come by reference only."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(lambda url: _plain_root(url, path=True))]
    """http or https; may carry a path prefix, never user:password."""
    token: Secret | None = None
    """Sent in the Authorization header, with the scheme the adapter's API wants."""
    basic: Basic | None = None
    org: Annotated[str, AfterValidator(lambda org: _header_text(org, "must be printable ASCII"))] | None = None
    """Tenant of a Mimir, Cortex or Loki style backend, sent as X-Scope-OrgID."""
    ca: Path | None = None
    """PEM bundle trusted beside the system's."""
    tls_verify: bool = True
    """False: no certificate is verified, and every decision card says so. For the night a certificate expired."""
    proxy: Annotated[str, AfterValidator(lambda proxy: _plain_root(proxy, path=False))] | None = None
    """Proxy for this backend; by default HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment decide."""

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if self.token is not None and self.basic is not None:
            raise ValueError("give token or basic, not both")
        return self

    def authorization(self, source: str, scheme: str = "Bearer") -> str | None:
        """Make the Authorization header; None where the plan names no secret.

        `scheme` stands before the token; "" sends the token as it is. `source` is the backend's name, for the error.

        Raises:
            ConnectError: the secret is missing, or cannot be sent in a header.
        """
        if self.basic is not None:
            pair = f"{self.basic.user}:{self.basic.password.reveal(source, 'basic.password')}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        if self.token is None:
            return None
        token = self.token.reveal(source, "token")
        check_header(source, "token", token)
        return f"{scheme} {token}" if scheme else token


def check_header(source: str, key: str, value: str) -> None:
    """Check that `value` can be sent in a header. Raises ConnectError: it cannot; the message does not repeat it."""
    if not _fits_header(value):
        raise ConnectError(f"{source}: {key}: cannot be sent in a header (only printable ASCII, no line breaks)")
