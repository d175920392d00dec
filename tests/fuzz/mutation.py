"""Mutations of text and JSON: wrong types, huge numbers, deep nesting, cut ends, wrong characters."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from random import Random
from typing import Any

DEEP = 3000
"""Levels of a nested value; more than the parsers of a JSON or YAML library go down by themselves."""
LARGE = 10 * 2**20
"""Bytes of the largest body."""
ODD_WORDS = (
    "", "~", "null", "NaN", "Infinity", "-Infinity", "1e999", "-1", "0", "9" * 400, "1e-320", "0x10", "1_000", "yes",
    "\x00", "\x1b]52;c;ZXZpbA==\x07", "\u202e", "\ud7ff", "\ufeff", "x" * 5000, "'", '"', "\\", "{{x}}", "${HOME}",
    "*a", "&a b", "!!python/object:os.system x", "<<: *a", "- - - -", ": :", "#", "|\n  a", "%", "100%", "2x", "1y",
    "2026-02-30T25:61:00Z", "9999-12-31T23:59:60Z", "0001-01-01T00:00:00Z", "true", "[", "{", "]", "}",
)  # fmt: skip
_SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, -(2**70), 10**400, 0.5, 1e308, -0.0, math.nan, math.inf, -math.inf, "", [], {},
    [[]], {"": None}, {"a": {"a": {}}}, ["x"] * 50,
)  # fmt: skip


def mutated_json(chance: Random, value: Any) -> Any:
    """A copy of plain JSON values with one to three changes."""
    for _ in range(chance.randint(1, 3)):
        path = chance.choice(_paths(value))
        value = _changed(value, path, lambda old: _replacement(chance, old))
    return value


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [each for key, inner in value.items() for each in _paths(inner, (*path, key))]
    elif isinstance(value, list):
        found += [each for number, inner in enumerate(value[:30]) for each in _paths(inner, (*path, number))]
    return found


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _changed(copy[path[0]], path[1:], change)
    return copy


def _replacement(chance: Random, old: Any) -> Any:
    kind = chance.randrange(8)
    if kind == 0 and isinstance(old, dict) and old:
        gone = chance.choice(list(old))
        return {key: inner for key, inner in old.items() if key != gone}
    if kind == 1 and isinstance(old, dict):
        return {**old, chance.choice(ODD_WORDS): chance.choice(_SCALARS)}
    if kind == 2 and isinstance(old, list):
        return old * chance.choice((0, 2, 40))
    if kind == 3 and isinstance(old, list):
        return [*old, chance.choice(_SCALARS)]
    if kind == 4 and isinstance(old, int | float) and not isinstance(old, bool):
        return old * chance.choice((-1, 0, 1e-12, 1e12, 1e300, 2**40))
    if kind == 5:
        return chance.choice(ODD_WORDS)
    if kind == 6 and isinstance(old, str):
        return chance.choice((old * 3, old[:-1], f" {old}", f"{old}\x1b[2J", old.upper(), old[::-1]))
    return chance.choice(_SCALARS)


def json_bytes(chance: Random, value: Any) -> bytes:
    """A value as a body; now and then one that is cut, doubled, deeply nested, large, or in another character set."""
    text = json.dumps(value)
    kind = chance.randrange(16)
    if kind == 0:
        return text[: chance.randrange(len(text) + 1)].encode()
    if kind == 1 and text.startswith("{") and len(text) > 2:
        return f"{{{text[1:-1]},{text[1:]}".encode()
    if kind == 2:
        return text.encode(chance.choice(("utf-16", "utf-32", "utf-8-sig")))
    if kind == 3:
        return b"[" * DEEP + text.encode() + b"]" * chance.choice((0, DEEP))
    if kind == 4 and chance.randrange(10) == 0:
        return text.encode() + b" " * LARGE
    if kind == 5:
        return mutated_bytes(chance, text.encode())
    return text.encode()


def mutated_bytes(chance: Random, data: bytes) -> bytes:
    """A copy of a file with one to four changes."""
    for _ in range(chance.randint(1, 4)):
        data = _mutated_once(chance, data)
    return data


def _mutated_once(chance: Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    to = min(len(data), at + chance.choice((1, 1, 4, 40)))
    odd = chance.choice(ODD_WORDS).encode("utf-8", "surrogatepass")
    lines = data.split(b"\n")
    line = chance.randrange(len(lines))
    match chance.randrange(11):
        case 0:
            return data[:at] + data[to:]
        case 1:
            return data[:at] + odd + data[at:]
        case 2:
            return data[:at] + odd + data[to:]
        case 3:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 4:
            return data[:at]
        case 5:
            return b"\n".join([*lines[:line], lines[line], *lines[line:]])
        case 6:
            return b"\n".join([*lines[:line], *lines[line + 1 :]])
        case 7:
            return b"\n".join([*lines[:line], b"  " + lines[line], *lines[line + 1 :]])
        case 8:
            other = chance.randrange(len(lines))
            lines[line], lines[other] = lines[other], lines[line]
            return b"\n".join(lines)
        case 9:
            return _other_word(chance, data, odd)
        case _:
            return data[:at] + chance.choice((b"[", b"{a: ", b"- ")) * chance.choice((3, DEEP)) + data[at:]


def _other_word(chance: Random, data: bytes, odd: bytes) -> bytes:
    words = data.split(b" ")
    words[chance.randrange(len(words))] = odd
    return b" ".join(words)
