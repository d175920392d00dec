"""Foreign text that needs nothing done to it takes a short way, to the same end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.foreign import clean


@given(st.text(st.characters(max_codepoint=127)), st.integers(2, 40))
def test_text_of_ascii_alone_reads_as_it_does_among_other_letters(text: str, limit: int) -> None:
    assert clean(f"é{text}", limit) == "é" + clean(f"e{text}", limit)[1:]
