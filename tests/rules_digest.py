"""Write the version of fold and judge into `console/state/rules.py`: `python -m tests.rules_digest`."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).parents[1]
RULES_FILE = ROOT / "console/state/rules.py"
ROOMS = ("adapters/contract", "console/events", "console/judge", "console/plan", "console/state")
"""Folders whose code makes a State of what is recorded."""


def rules_digest() -> str:
    """A digest of the code of these rooms, without comments and docstrings."""
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        if path != RULES_FILE:
            digest.update(f"{path.relative_to(ROOT)}\n{_code(path.read_text())}\n".encode())
    return digest.hexdigest()[:32]


def _code(text: str) -> str:
    """The lines of a module without comments and texts that stand alone; the same in every version of Python."""
    texts = [node for node in ast.walk(ast.parse(text)) if _is_text(node)]
    dropped = {line for node in texts for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    lines = enumerate(text.splitlines(), start=1)
    return "\n".join(line for number, line in lines if number not in dropped and line.split("#")[0].strip())


def _is_text(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def main() -> None:
    """Replace the digest in the file."""
    lines = RULES_FILE.read_text().splitlines()
    found = [f'RULES = "{rules_digest()}"' if line.startswith("RULES = ") else line for line in lines]
    RULES_FILE.write_text("\n".join(found) + "\n")


if __name__ == "__main__":
    main()
