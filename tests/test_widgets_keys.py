"""The key line, and that keys are declared once."""

from __future__ import annotations

from widgets.keys import KEYS, key_line
from widgets.line import length, text_of


def test_every_verb_stays_on_the_key_line_down_to_sixty_cells() -> None:
    caps = [key.cap for key in KEYS if key.verb is not None and key.on_line]
    for width in (60, 80, 120):
        line = key_line(frozenset({"resume"}), width)
        shown = [piece.text[0] for piece in line if piece.text.strip()]
        assert length(line) <= width
        assert all(cap in shown for cap in caps)


def test_a_line_of_forty_cells_still_shows_help_and_quit() -> None:
    line = key_line(frozenset({"resume", "accept", "place"}), 40, frozenset({"take", "offer", "approve"}))
    assert length(line) <= 40
    assert text_of(line) == "p pr h ha u· r ro n no a· s· c cl ? q"


def test_an_impossible_key_is_told_apart_without_colour() -> None:
    text = text_of(key_line(frozenset({"promote"}), 120))
    assert "p·promote" in text
    assert "h halt" in text


def test_keys_and_ids_are_declared_once() -> None:
    names = [name for key in KEYS for name in key.keys.split(",")]
    assert len(names) == len(set(names))
    assert len({key.id for key in KEYS}) == len(KEYS)
