"""Terminals that cannot show a screen are refused."""

from __future__ import annotations

from io import BytesIO, StringIO, TextIOWrapper

import pytest

from console.terminal import why_unusable, write_utf8


class _Tty(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("term", "why"), [("dumb", "TERM=dumb"), ("", "TERM=not set"), ("xterm", None)])
def test_a_terminal_that_cannot_show_a_screen_is_refused(term: str, why: str | None) -> None:
    said = why_unusable({"TERM": term}, _Tty(), _Tty())
    assert (said is None) if why is None else (said is not None and why in said)


def test_the_screen_is_written_in_utf8_whatever_the_locale_says() -> None:
    written = BytesIO()
    stream = TextIOWrapper(written, encoding="latin-1", errors="backslashreplace")
    write_utf8(stream, None, StringIO())
    stream.write("● BAKING")
    stream.flush()
    assert written.getvalue().decode() == "● BAKING"


def test_a_redirected_stream_is_refused() -> None:
    said = why_unusable({"TERM": "xterm"}, _Tty(), StringIO())
    assert said is not None
    assert "not on a terminal" in said
