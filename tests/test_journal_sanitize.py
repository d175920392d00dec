"""What a hostile member wrote into a shared journal is read back as lines that are only words."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from adapters.sanitize import one_line
from console.journal.sanitize import LONGEST, sanitize_body, sanitize_value

SEEN = "Zürich → 10 % ✓ 日本 𝛼"


def read(text: str, key: str = "text") -> str:
    """A text as it is read back out of a body, whichever way it was escaped."""
    ways = {json.loads(sanitize_body(json.dumps({key: text}, ensure_ascii=escaped)))[key] for escaped in (True, False)}
    (found,) = ways
    return str(found)


def test_what_warroom_itself_records_is_not_touched() -> None:
    body = json.dumps({"text": SEEN, "values": [1, 2.5, None, True]}, ensure_ascii=False, separators=(",", ":"))
    assert sanitize_body(body) is body


def test_no_character_of_unicode_is_left_that_acts_begins_a_line_or_is_not_seen() -> None:
    wrong = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(char := chr(code)) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
        and char in sanitize_value(char)
    ]
    assert wrong == []


def test_every_character_that_is_seen_is_kept() -> None:
    kept = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] in "LNPSM"]
    for start in range(0, len(kept), LONGEST):
        text = "".join(kept[start : start + LONGEST])
        assert sanitize_value(text) == text


@pytest.mark.parametrize("breaks", ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_a_note_cannot_forge_the_line_of_another_or_write_over_its_own(breaks: str) -> None:
    assert (
        read(f"x{breaks}1a2b3c4d  2026-03-02 12:00:00Z  ana  promote")
        == "x 1a2b3c4d  2026-03-02 12:00:00Z  ana  promote"
    )


def test_a_text_of_a_megabyte_is_cut() -> None:
    long = read("z" * 1_000_000)
    assert len(long) == LONGEST and long.endswith("z…")
    assert read("z" * LONGEST) == "z" * LONGEST


def test_quotes_and_backslashes_are_no_reason_to_parse_and_hide_neither_a_break_nor_a_length() -> None:
    body = json.dumps({"text": 'sum(rate(x{a="b"}[1m])) \\'})
    assert sanitize_body(body) is body
    assert read("\\\n") == "\\ "
    assert len(read('"' * 1_000_000)) == LONGEST


def test_a_plans_text_keeps_its_lines_and_its_length() -> None:
    text = "warroom: 1\r\n\ttitle: x\n" * 1_000
    assert read(text, "plan_text") == text
    assert read("a\x1b[2J\u202eb", "plan_text") == "a[2Jb"


def test_names_are_read_as_harmless_as_values() -> None:
    assert sanitize_body('{"a\\u001b\\n": 1}') == '{"a ": 1}'


def test_what_is_no_json_is_left_to_whoever_decodes_it() -> None:
    assert sanitize_body("{\x1b") == "{\x1b"
    assert sanitize_body('{"a": "\\ud800') == '{"a": "\\ud800'


def test_what_was_cleaned_where_it_entered_is_harmless_already() -> None:
    for text in ("a\x1b[31mb\u202ec\u200bd\u2028e\ufefff", SEEN, "x" * 10_000):
        assert sanitize_value(one_line(text, 2_000)) == one_line(text, 2_000)
