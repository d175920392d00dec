"""Pages of documentation as the tests read them: links, code blocks, and mentions of files and names."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_MENTION = re.compile(r"(?:[\w.-]+/)+[\w.-]*(?::[\w.]+)?|[\w-]+\.(?:py|tcss|yaml|toml)(?::[\w.]+)?")
"""A path with a folder, or a file of the root; after a colon a name in it."""


def page(name: str) -> str:
    """The text of a page, by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def mentions(text: str) -> list[str]:
    """Every path, with or without a name in it, that stands in backticks outside fenced blocks."""
    found = [code for code in _CODE.findall(_FENCE.sub("", text)) if _MENTION.fullmatch(code)]
    return list(dict.fromkeys(found))


def missing(text: str) -> list[str]:
    """The mentions of `text` that the tree does not have."""
    return [mention for mention in mentions(text) if not exists(mention)]


def exists(mention: str) -> bool:
    """Whether the tree has a path, and the name after its colon."""
    path, _, name = mention.partition(":")
    return (ROOT / path).exists() and (not name or name in names_in(ROOT / path))


@cache
def names_in(file: Path) -> frozenset[str]:
    """Every name that a module binds at its top, and `Class.name` of every class in it."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        for name in _bound(node):
            found.add(name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for entry in node.body for name in _bound(entry)}
    return frozenset(found)


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def links(text: str) -> list[str]:
    """The targets of the relative links of a page, outside fenced blocks."""
    found = re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", text))
    return [link for link in found if not link.startswith(("http://", "https://"))]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
