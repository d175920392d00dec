"""Foreign text: one that needs nothing done to it takes a short way, to the same end; a model's complaint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.sanitize import first_flaw, one_line


@given(st.text(st.characters(max_codepoint=127)), st.integers(2, 40))
def test_text_of_ascii_alone_reads_as_it_does_among_other_letters(text: str, limit: int) -> None:
    assert one_line(f"é{text}", limit) == "é" + one_line(f"e{text}", limit)[1:]


def test_a_validation_error_quotes_neither_key_nor_value() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")

        spec: dict[str, int]

    with pytest.raises(ValidationError) as caught:
        Strict.model_validate({"spec": {"\x1b]52;c;aGk=\x07rep": "s3cret"}})
    told = first_flaw(caught.value)
    assert told.startswith("spec.]52;c;aGk=rep: Input should be a valid integer")
    assert "s3cret" not in told
