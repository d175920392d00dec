"""docs/house.md is held to the tree: nothing is missing in it, and it names nothing that does not exist.

The links of every page are held to the tree too.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.markdown import PAGES, ROOT, anchors, links, mentions, missing, page

MAP = page("docs/house.md")
ROOMS = ("adapters", "console", "widgets")
_ROW = re.compile(r"^\| `([\w/]+/)` \| (.*) \|$", re.MULTILINE)
_WORD = re.compile(r"`(\w+)`")
LONGEST_WORDS = 2000
"""Words that are read in ten minutes."""


def _rows() -> dict[str, set[str]]:
    """Room -> the modules named in its row."""
    return {room: set(_WORD.findall(text)) for room, text in _ROW.findall(MAP)}


def _packages() -> list[str]:
    found = [file.parent for room in ROOMS for file in (ROOT / room).rglob("__init__.py")]
    return sorted(f"{folder.relative_to(ROOT)}/" for folder in found)


def _modules(folder: Path) -> set[str]:
    return {entry.stem for entry in folder.iterdir() if entry.suffix == ".py" and not entry.name.startswith("__")}


def test_every_package_has_a_row() -> None:
    rows = _rows()
    assert [package for package in _packages() if package not in rows] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_top_module_is_in_its_room(room: str) -> None:
    assert sorted(_modules(ROOT / room) - _rows()[f"{room}/"]) == []


def test_every_module_in_a_row_exists() -> None:
    wrong = [
        f"{room}{word}" for room, words in _rows().items() if room != "tests/" for word in words - _modules(ROOT / room)
    ]
    assert sorted(wrong) == []


def test_every_path_and_every_name_in_it_exists() -> None:
    assert len(mentions(MAP)) > 100
    assert missing(MAP) == []


def test_it_is_read_in_ten_minutes() -> None:
    assert len(MAP.split()) < LONGEST_WORDS


def test_both_journeys_name_a_function_on_every_hop() -> None:
    hops = re.findall(r"^\| (\d+) \| (`[^|]*`) \|", MAP, re.MULTILINE)
    assert [int(number) for number, _ in hops] == [*range(1, 13), *range(1, 14)]
    assert all(":" in where for _, where in hops)


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_every_link_leads_to_a_file_and_a_heading(file: Path) -> None:
    wrong = []
    for link in links(file.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = file.parent / path if path else file
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_every_path_on_a_page_exists(file: Path) -> None:
    own = [
        name for name in mentions(file.read_text(encoding="utf-8")) if name.split("/")[0] in (*ROOMS, "tests", "docs")
    ]
    text = " ".join(f"`{name}`" for name in own)
    assert missing(text) == []


def test_a_path_or_a_name_that_is_gone_is_found() -> None:
    text = "`console/app.py:WarRoom.pull` `console/app.py:Gone` `console/gone.py` `console/gone/` `and/or this`"
    assert missing(text) == ["console/app.py:Gone", "console/gone.py", "console/gone/"]
