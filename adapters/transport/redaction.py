"""Redact secrets: in whatever form a server echoes them, they become `***`."""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from adapters.known_secrets import remember
from adapters.sanitize import one_line

_BEGINNING = 12
"""A secret's first characters are hidden too, from this many on: a text may have been cut before it came here."""
_SHORTEST = 6
"""A shorter piece of base64 cannot be distinguished from other text."""


class Redactor:
    """Makes foreign text safe to show: knows the secrets of one source."""

    def __init__(self, authorization: str | None, secrets: Iterable[str]) -> None:
        self._forms: list[str] = []
        self._long: set[str] = set()
        """Secrets that have a beginning worth hiding."""
        self._add(set(secrets))
        self.learn(authorization)

    def learn(self, authorization: str | None) -> None:
        """Redact the credentials of another Authorization header as well."""
        if authorization:
            self._add(_parts(authorization))

    def _add(self, secrets: set[str]) -> None:
        for secret in secrets:
            remember(secret)
        self._long = self._long | {secret for secret in secrets if len(secret) > _BEGINNING}  # read in the log's thread
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._forms = sorted({*self._forms, *forms}, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Replace every known secret in `text`, in any encoding, by `***`."""
        for form in self._forms:
            text = text.replace(form, "***")
        for secret in self._long:
            while (first := text.find(secret[:_BEGINNING])) >= 0:
                same = _BEGINNING
                while text[first : first + same + 1] == secret[: same + 1] and same < len(secret):
                    same += 1
                text = f"{text[:first]}***{text[first + same :]}"
        return text

    def line(self, text: str, limit: int = 200) -> str:
        """Put `text` on one clean line without secrets.

        Redacted before cleaning, so that no cut leaves half a secret, and again after it, because a control character
        inside an echoed secret hides it from the first pass.
        """
        return self.redact(one_line(self.redact(text), limit))

    def __repr__(self) -> str:
        return "Redactor(***)"


def _parts(authorization: str) -> set[str]:
    """The credentials of an Authorization header, and the password where it is HTTP Basic."""
    scheme, _, credentials = authorization.partition(" ")
    credentials = credentials.strip() or scheme
    parts = {credentials}
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return parts
        parts |= {pair, pair.partition(":")[2]}
    return parts


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    plain = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        html.escape(secret),
        raw.hex(),
        raw.hex().upper(),
    }
    return plain | _in_base64(raw)


def _in_base64(raw: bytes) -> set[str]:
    """The parts of `raw` that any longer base64 text contains. One for each of the three possible offsets.

    So a whole echoed Authorization header, or a dump of all headers, is recognized by its middle.
    """
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode()
        first = -(-before * 8 // 6)  # characters that also depend on what stands before
        last = (before + len(raw)) * 8 // 6  # and the first that depends on what follows
        middle = text[first:last]
        if len(middle) >= _SHORTEST:
            found |= {middle, middle.replace("+", "-").replace("/", "_")}
    return found | {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
