"""A secret that a server echoes is not shown, in whatever form and wherever in a longer text it comes back."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.transport.redaction import Redactor

SECRET = "s3cr3t/tok+en<&>\"value'1234"
REDACTOR = Redactor(f"Bearer {SECRET}", ())

WAYS = {
    "plain": SECRET,
    "quoted": quote(SECRET),
    "quoted whole": quote(SECRET, safe=""),
    "in a form": quote_plus(SECRET),
    "in JSON": json.dumps({"token": SECRET}),
    "in HTML": html.escape(SECRET),
    "in hex": SECRET.encode().hex(),
    "in HEX": SECRET.encode().hex().upper(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 of the header": base64.b64encode(f"Bearer {SECRET}".encode()).decode(),
    "base64 of the header's line": base64.b64encode(f"Authorization: Bearer {SECRET}\r\n".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"?? Bearer {SECRET} >>".encode()).decode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_echoed_secret_reads_as_stars(way: str) -> None:
    line = REDACTOR.line(f"denied: <{WAYS[way]}> is no good", 2000)
    assert "***" in line
    assert not leaks(line)


def leaks(text: str) -> bool:
    """Whether somebody who reads `text` can get the secret out of it."""
    seen = [text]
    for size in range(len(text)):
        for padding in ("", "=", "=="):
            piece = text[size:].split(">")[0].split("<")[-1]
            try:
                seen.append(base64.b64decode(piece + padding, altchars=b"-_").decode("latin-1"))
                seen.append(base64.b64decode(piece + padding).decode("latin-1"))
            except ValueError:
                continue
    return any(SECRET in each for each in seen)


def test_the_beginning_of_a_secret_that_was_cut_short_is_hidden() -> None:
    assert REDACTOR.redact(f"by {SECRET[:15]}… and {SECRET[:20]}") == "by ***… and ***"
    assert REDACTOR.redact(SECRET[:8]) == SECRET[:8]


@given(st.text(min_size=8, max_size=60), st.binary(max_size=40), st.binary(max_size=40))
def test_base64_of_any_text_with_a_secret_in_it_does_not_give_it_away(secret: str, before: bytes, after: bytes) -> None:
    whole = base64.b64encode(before + secret.encode("utf-8", "replace") + after).decode()
    shown = Redactor(None, [secret.encode("utf-8", "replace").decode()]).redact(whole)
    assert "***" in shown
    try:
        told = base64.b64decode(shown.replace("***", ""), validate=False)
    except ValueError:
        return
    assert secret.encode("utf-8", "replace") not in told


def test_basic_credentials_are_known_by_their_password_and_as_a_pair() -> None:
    pair = base64.b64encode(b"ops:hunter2-hunter2").decode()
    redactor = Redactor(f"Basic {pair}", ())
    header = base64.b64encode(f"Authorization: Basic {pair}".encode()).decode()
    for text in (pair, "hunter2-hunter2", "ops:hunter2-hunter2", header):
        assert "***" in redactor.line(f"no: {text}", 500)
    assert "hunter2" not in redactor.line(f"no: {header} {pair} ops:hunter2-hunter2", 500)
